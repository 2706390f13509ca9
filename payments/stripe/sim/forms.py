"""Form bodies as Stripe writes them: `items[0][price]=x`, `created[gte]=1`, `expand[]=y`."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from payments.stripe.sim.errors import ApiError
from payments.stripe.sim.schema import Obj, property_types

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
DEEPEST = 8


def decode(encoded: str) -> Obj:
    """Return the nested parameters of a query string or body; lists where the keys count or are empty."""
    tree: Obj = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        _plant(tree, _steps(key), value)
    return {key: _listed(branch) for key, branch in tree.items()}


def _steps(key: str) -> list[str]:
    found = KEY.fullmatch(key)
    steps = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])] if found else []
    if not 0 < len(steps) <= DEEPEST:
        raise ApiError(400, f"Invalid parameter name: {key}", code="parameter_unknown")
    return steps


def _plant(tree: Obj, steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise ApiError(400, f"Invalid object: {step} is a value and has parts.")
    tree[steps[-1] or str(len(tree))] = value


def _listed(branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    grown = {key: _listed(value) for key, value in branch.items()}
    return list(grown.values()) if grown and all(key.isdigit() for key in grown) else grown


def whole(value: Any, name: str) -> int:
    """Return an integer parameter."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    raise ApiError(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)


def truth(value: Any, name: str) -> bool:
    """Return a boolean parameter."""
    if value not in ("true", "false"):
        raise ApiError(400, f"Invalid boolean: {value}", code="parameter_invalid_boolean", param=name)
    return bool(value == "true")


def fields_of(kind: str, params: Obj, names: str) -> Obj:
    """Return the named parameters that were sent, each of the type the object's field has."""
    return {name: _as_field(kind, name, params[name]) for name in names.split() if name in params}


def _as_field(kind: str, name: str, value: Any) -> Any:
    types = property_types(kind, name)
    if value == "" and "null" in types:
        return None
    if "integer" in types:
        return whole(value, name)
    if "boolean" in types:
        return truth(value, name)
    if "number" in types:
        return json.loads(str(value))
    return value


def merged_metadata(old: Obj | None, new: Any) -> Obj:
    """Return metadata after an update: keys are added; an empty value removes a key, an empty metadata all of them."""
    if not isinstance(new, dict):
        return {}
    return {key: value for key, value in {**(old or {}), **new}.items() if value != ""}
