"""What Stripe's OpenAPI document says: empty objects to fill, validation, expandable fields, known parameters."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

Obj = dict[str, Any]
"""A Stripe object as JSON."""


def copied(obj: Any) -> Any:
    """Return a deep copy of JSON, some times quicker than `copy.deepcopy`, which must expect more than JSON."""
    if isinstance(obj, dict):
        return {key: copied(value) for key, value in obj.items()}
    return [copied(value) for value in obj] if isinstance(obj, list) else obj


class NotStripeShaped(Exception):
    """Stripe's API could not have sent this object."""


@cache
def _extract() -> Obj:
    packed = files(__package__).joinpath("openapi.json.gz").read_bytes()
    return cast("Obj", json.loads(gzip.decompress(packed)))


@cache
def api_version() -> str:
    """Return the API version the shapes belong to."""
    return str(_extract()["version"])


def blank(kind: str) -> Obj:
    """Return an object of a kind with every field Stripe promises, each as empty as it may be."""
    return cast("Obj", copied(_extract()["examples"][kind]))


def kinds() -> frozenset[str]:
    """Return the kinds the sim knows."""
    return frozenset(_extract()["examples"])


@cache
def _validator(pointer: str) -> Draft202012Validator:
    """Compile once what is asked for; a scenario uses few of the 450 schemas."""
    return Draft202012Validator(
        {"components": {"schemas": _extract()["schemas"]}, "$ref": f"#/components/schemas/{pointer}"}
    )


def kind_of(obj: Obj) -> str:
    """Return the name of an object's schema."""
    return f"deleted_{obj['object']}" if obj.get("deleted") else str(obj["object"])


def validate(obj: Obj) -> None:
    """Raise `NotStripeShaped` unless Stripe's document allows the object; keys it does not know are refused."""
    _check(_validator(kind_of(obj)), obj, f"{kind_of(obj)} {obj.get('id')}")


def validate_fields(kind: str, fields: Obj) -> None:
    """Raise `NotStripeShaped` unless every new value of an object already valid is allowed where it goes."""
    for name, value in fields.items():
        if not property_types(kind, name):
            raise NotStripeShaped(f"{kind} has no field {name}")
        _check(_validator(f"{kind}/properties/{name}"), value, f"{kind}.{name}")


def _check(validator: Draft202012Validator, value: Any, named: str) -> None:
    if not validator.is_valid(value):
        error = best_match(validator.iter_errors(value))
        raise NotStripeShaped(f"{named} {error.json_path}: {error.message}")


@cache
def expandable(kind: str) -> frozenset[str]:
    """Return the fields of a kind that `expand[]` may name."""
    return frozenset(_extract()["expandable"].get(kind, ()))


@cache
def parameters(method: str, template: str) -> frozenset[str] | None:
    """Return the parameter names of a route, without brackets; None for a route Stripe does not have."""
    names = _extract()["parameters"].get(f"{method} {template}")
    return None if names is None else frozenset(name.removesuffix("[]") for name in names)


@cache
def templates() -> tuple[tuple[str, str], ...]:
    """Return every (method, path template) in the extract."""
    return tuple(cast("tuple[str, str]", tuple(route.split(" ", 1))) for route in _extract()["parameters"])


@cache
def property_types(kind: str, name: str) -> frozenset[str]:
    """Return the JSON types a property may have; empty when Stripe has no such property."""
    return frozenset(_types(_extract()["schemas"][kind].get("properties", {}).get(name)))


def _types(schema: Obj | None) -> list[str]:
    if not schema:
        return []
    types = schema.get("type", [])
    own = [types] if isinstance(types, str) else types
    referred = _types(_extract()["schemas"][schema["$ref"].rsplit("/", 1)[1]]) if "$ref" in schema else []
    return own + referred + [name for choice in schema.get("anyOf", ()) for name in _types(choice)]
