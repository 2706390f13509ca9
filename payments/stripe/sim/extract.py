"""Make the extract of Stripe's OpenAPI document that the sim ships: `python extract.py spec3.json fixtures3.json`."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

EXTRACT = Path(__file__).with_name("openapi.json.gz")
REF = "#/components/schemas/"

LIVING = (
    "account",
    "balance",
    "balance_transaction",
    "charge",
    "checkout.session",
    "coupon",
    "credit_note",
    "credit_note_line_item",
    "customer",
    "discount",
    "dispute",
    "event",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "line_item",
    "payment_intent",
    "payment_method",
    "payout",
    "plan",
    "price",
    "product",
    "refund",
    "subscription",
    "subscription_item",
    "tax_rate",
    "webhook_endpoint",
)
DELETED = (
    "deleted_coupon",
    "deleted_customer",
    "deleted_discount",
    "deleted_invoice",
    "deleted_invoiceitem",
    "deleted_product",
    "deleted_subscription_item",
    "deleted_webhook_endpoint",
)
RESOURCES = (*LIVING, *DELETED)

KEYWORDS = ("type", "enum", "maxLength", "pattern", "required")
"""What a schema may say of a value; descriptions and hints are left behind."""

ONLY_WHEN_EXPANDED = ("refunds", "tiers", "payments")
"""Lists that Stripe leaves out of an object unless asked."""

PAYMENT_METHODS = ("card", "link", "sepa_debit", "us_bank_account")
"""Of some fifty payment methods, the ones whose details are described; the rest are allowed and not looked into."""


def main(spec_path: str, fixtures_path: str) -> None:
    """Write the extract beside this file."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    fixtures = json.loads(Path(fixtures_path).read_text(encoding="utf-8"))["resources"]
    EXTRACT.write_bytes(packed(extract(spec, fixtures)))


def packed(content: dict[str, Any]) -> bytes:
    """Return the same bytes for the same content, on any day and machine."""
    return gzip.compress(json.dumps(content, sort_keys=True, separators=(",", ":")).encode(), compresslevel=9, mtime=0)


def extract(spec: dict[str, Any], fixtures: dict[str, Any]) -> dict[str, Any]:
    """Return the API version, the schemas reachable from `RESOURCES`, one quiet example of each, and the parameters."""
    schemas = spec["components"]["schemas"]
    reached = reachable(schemas)
    return {
        "version": spec["info"]["version"],
        "schemas": reached,
        "expandable": {name: schemas[name].get("x-expandableFields", []) for name in RESOURCES},
        "examples": {name: quiet(fixtures.get(name, {}), schemas[name], schemas) for name in RESOURCES},
        "parameters": dict(parameters(spec["paths"])),
    }


def reachable(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the trimmed schemas of the resources and of all they refer to."""
    found: dict[str, Any] = {}
    waiting = list(RESOURCES)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = trimmed(schemas[name], schemas)
            waiting.extend(references(found[name]))
    return found


def references(schema: Any) -> list[str]:
    """Return the names a trimmed schema refers to."""
    if isinstance(schema, list):
        return [name for part in schema for name in references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix(REF)] if isinstance(schema.get("$ref"), str) else []
    return own + [name for part in schema.values() for name in references(part)]


def trimmed(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as plain JSON Schema: nullable spelled out, unknown keys refused, no prose."""
    kept: dict[str, Any] = {key: schema[key] for key in KEYWORDS if key in schema}
    if "$ref" in schema:
        kept["$ref"] = schema["$ref"]
    if "items" in schema:
        kept["items"] = trimmed(schema["items"], schemas)
    if "anyOf" in schema:
        kept["anyOf"] = [trimmed(choice, schemas) for choice in schema["anyOf"] if is_described(choice, schemas)]
    if "properties" in schema:
        kept["properties"] = {key: trimmed_property(key, part, schemas) for key, part in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = trimmed(schema["additionalProperties"], schemas)
    elif "properties" in schema and not schema.get("additionalProperties"):
        kept["additionalProperties"] = not schema["properties"]
    return or_null(kept) if schema.get("nullable") else kept


def trimmed_property(key: str, schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the trimmed schema of a property, or one that allows anything for what the sim never makes."""
    target = schema.get("$ref", "").removeprefix(REF)
    is_exotic = target.startswith(("payment_method_", "payment_flows_", "source_type_")) and key not in PAYMENT_METHODS
    return {} if is_exotic and not key.startswith("payment_method") else trimmed(schema, schemas)


def is_described(choice: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Say whether a choice stays: a resource outside `RESOURCES` can only be referred to by its id."""
    name = choice.get("$ref", "").removeprefix(REF)
    return not name or name in RESOURCES or "x-resourceId" not in schemas[name]


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that also accepts null; plain types without a choice, which is the quickest to validate."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [{"type": "null"}, *schema["anyOf"]]}
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [{"type": "null"}, schema]} if schema else {}


def quiet(example: dict[str, Any], schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the example with null where null is allowed, without what is optional, and with all that is required.

    Stripe's fixtures fill most optional fields with random numbers; a company's objects must not inherit them.
    """
    required = schema.get("required", ())
    return {
        key: silent(example.get(key), part, schemas)
        for key, part in sorted(schema.get("properties", {}).items())
        if key in required or (part.get("nullable") and key in example and key not in ONLY_WHEN_EXPANDED)
    }


def silent(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return the emptiest value the schema allows, the example's own where it has to be something."""
    schema = resolved(schema, schemas)
    if schema.get("nullable"):
        return None
    if "enum" in schema:
        return value if value in schema["enum"] else schema["enum"][0]
    if schema.get("type") == "object":
        return quiet(value if isinstance(value, dict) else {}, schema, schemas)
    empty: dict[str, Any] = {"array": [], "integer": 0, "number": 0, "boolean": False, "string": ""}
    return empty[schema.get("type", "string")]


def resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and take the first choice of several."""
    while "$ref" in schema or "anyOf" in schema:
        if schema.get("nullable"):
            return schema
        schema = schemas[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema["anyOf"][0]
    return schema


def parameters(paths: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the parameter names Stripe accepts, for each method and path of the resources."""
    found = []
    for path, methods in sorted(paths.items()):
        for method, operation in methods.items():
            if is_served(path) and isinstance(operation, dict):
                found.append((f"{method.upper()} {path}", names_of(operation)))
    return found


def is_served(path: str) -> bool:
    """Say whether a path belongs to what the sim serves."""
    stems = {f"{name.replace('.', '/')}s" for name in RESOURCES} | {"account", "balance"}
    return any(path == f"/v1/{stem}" or path.startswith(f"/v1/{stem}/{{") for stem in stems)


def names_of(operation: dict[str, Any]) -> list[str]:
    """Return the query and body parameter names of an operation."""
    names = {part["name"] for part in operation.get("parameters", ()) if part["in"] == "query"}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        names |= set(content["schema"].get("properties", {}))
    return sorted(names)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
