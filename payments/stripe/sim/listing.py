"""Lists: filters, ranges of time, pages forwards and backwards."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from payments.stripe.sim.company import Sim
from payments.stripe.sim.errors import ApiError, missing, unsupported
from payments.stripe.sim.forms import whole
from payments.stripe.sim.schema import Obj

PAGE = 10
LONGEST_PAGE = 100
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})
RANGES = frozenset({"created", "due_date", "arrival_date", "current_period_start", "current_period_end"})
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}

PATHS: Mapping[str, Mapping[str, str]] = {
    "balance_transaction": {"currency": "currency", "type": "type"},
    "charge": {"customer": "customer", "payment_intent": "payment_intent"},
    "checkout.session": {
        "customer": "customer",
        "payment_intent": "payment_intent",
        "status": "status",
        "subscription": "subscription",
    },
    "credit_note": {"customer": "customer", "invoice": "invoice"},
    "customer": {"email": "email"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "event": {"type": "type"},
    "invoice": {
        "collection_method": "collection_method",
        "customer": "customer",
        "status": "status",
        "subscription": "parent.subscription_details.subscription",
    },
    "invoice_payment": {"invoice": "invoice", "status": "status"},
    "invoiceitem": {"customer": "customer", "invoice": "invoice"},
    "payment_intent": {"customer": "customer"},
    "payment_method": {"customer": "customer", "type": "type"},
    "payout": {"destination": "destination", "status": "status"},
    "price": {"active": "active", "currency": "currency", "product": "product", "type": "type"},
    "product": {"active": "active"},
    "refund": {"charge": "charge", "payment_intent": "payment_intent"},
    "subscription": {"collection_method": "collection_method", "customer": "customer"},
    "subscription_item": {"subscription": "subscription"},
    "tax_rate": {"active": "active", "inclusive": "inclusive"},
}
"""Filters that compare a parameter with a field of the object."""


def value_at(obj: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where it breaks off."""
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def filtered(sim: Sim, kind: str, params: Obj) -> list[Obj]:
    """Return the objects of a kind that pass every filter, newest first."""
    tests = [_test(sim, kind, name, value) for name, value in params.items() if name not in PAGING]
    if kind == "subscription" and "status" not in params:
        tests.append(lambda row: row["status"] != "canceled")
    return [row for row in sim.store.newest_first(kind) if all(test(row) for test in tests)]


def _test(sim: Sim, kind: str, name: str, wanted: Any) -> Callable[[Obj], bool]:
    special = SPECIAL.get((kind, name))
    if special:
        return special(sim, wanted)
    if name in RANGES:
        return _in_range(name, wanted)
    path = PATHS.get(kind, {}).get(name)
    if path is None:
        raise unsupported(name, f"the list of {kind}s")
    return lambda row: _text(value_at(row, path)) == wanted


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _in_range(name: str, wanted: Any) -> Callable[[Obj], bool]:
    bounds = wanted.items() if isinstance(wanted, dict) else [("gte", wanted), ("lte", wanted)]
    unknown = [word for word, _ in bounds if word not in COMPARISONS]
    if unknown:
        raise ApiError(400, f"Received unknown parameter: {name}[{unknown[0]}]", code="parameter_unknown", param=name)
    checks = [(COMPARISONS[word], whole(bound, name)) for word, bound in bounds]
    return lambda row: all(compare(_moment(row, name), bound) for compare, bound in checks)


def _moment(row: Obj, name: str) -> int:
    if name.startswith("current_period"):
        row = row["items"]["data"][0]
    return row.get(name) or 0


def _of_payout(sim: Sim, payout: str) -> Callable[[Obj], bool]:
    if not sim.store.find(payout):
        raise missing("payout", payout, "payout")
    return lambda row: sim.paid_out.get(row["id"]) == payout


def _of_source(_: Sim, source: str) -> Callable[[Obj], bool]:
    return lambda row: row["source"] == source


def _of_types(_: Sim, types: Any) -> Callable[[Obj], bool]:
    return lambda row: row["type"] in types


def _of_price(_: Sim, price: str) -> Callable[[Obj], bool]:
    return lambda row: price in [item["price"]["id"] for item in row["items"]["data"]]


def _in_state(_: Sim, status: str) -> Callable[[Obj], bool]:
    ended = ("canceled", "incomplete_expired")
    return lambda row: status == "all" or row["status"] == status or (status == "ended" and row["status"] in ended)


def _of_payment(_: Sim, payment: Any) -> Callable[[Obj], bool]:
    return lambda row: all(row["payment"].get(key) == value for key, value in payment.items())


def _pending(_: Sim, wanted: str) -> Callable[[Obj], bool]:
    return lambda row: (row["invoice"] is None) == (wanted == "true")


def _with_ids(_: Sim, ids: Any) -> Callable[[Obj], bool]:
    return lambda row: row["id"] in ids


def _with_lookup_keys(_: Sim, keys: Any) -> Callable[[Obj], bool]:
    return lambda row: row["lookup_key"] in keys


SPECIAL: Mapping[tuple[str, str], Callable[[Sim, Any], Callable[[Obj], bool]]] = {
    ("balance_transaction", "payout"): _of_payout,
    ("balance_transaction", "source"): _of_source,
    ("event", "types"): _of_types,
    ("invoice_payment", "payment"): _of_payment,
    ("invoiceitem", "pending"): _pending,
    ("price", "lookup_keys"): _with_lookup_keys,
    ("product", "ids"): _with_ids,
    ("subscription", "price"): _of_price,
    ("subscription", "status"): _in_state,
}
"""Filters that need more than a comparison."""


def paged(rows: list[Obj], params: Obj, *, url: str, kind: str) -> Obj:
    """Return one page of a list as Stripe wraps it."""
    limit = whole(params.get("limit", str(PAGE)), "limit")
    if not 1 <= limit <= LONGEST_PAGE:
        raise ApiError(
            400, f"Limit must be between 1 and {LONGEST_PAGE}.", code="parameter_invalid_integer", param="limit"
        )
    if "ending_before" in params:
        before = rows[: _place(rows, params["ending_before"], "ending_before", kind)]
        return _page(before[-limit:], url, has_more=len(before) > limit)
    start = _place(rows, params["starting_after"], "starting_after", kind) + 1 if "starting_after" in params else 0
    return _page(rows[start : start + limit], url, has_more=len(rows) > start + limit)


def _place(rows: list[Obj], object_id: str, param: str, kind: str) -> int:
    for place, row in enumerate(rows):
        if row["id"] == object_id:
            return place
    raise missing(kind, object_id, param)


def _page(rows: list[Obj], url: str, *, has_more: bool) -> Obj:
    return {"object": "list", "url": url, "has_more": has_more, "data": rows}
