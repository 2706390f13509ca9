"""`expand[]`: ids replaced by the objects they name, to four levels, and lists that only come when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from payments.stripe.sim.company import Sim
from payments.stripe.sim.errors import ApiError
from payments.stripe.sim.ledger import listed
from payments.stripe.sim.schema import Obj, expandable, kind_of, kinds

DEEPEST = 4


def expanded(sim: Sim, obj: Obj, paths: Any) -> Obj:
    """Return the object with every named path expanded."""
    if not isinstance(paths, list):
        raise ApiError(400, "Invalid array", param="expand")
    for path in paths:
        steps = path.split(".")
        if len(steps) - steps.count("data") > DEEPEST:
            raise ApiError(400, f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}")
        _expand(sim, obj, steps, path)
    return obj


def _expand(sim: Sim, obj: Any, steps: list[str], path: str) -> None:
    """Walk one step down the path, in every row where there are several."""
    if isinstance(obj, list):
        for row in obj:
            _expand(sim, row, steps, path)
    elif isinstance(obj, dict) and steps:
        step, *rest = steps
        obj[step] = _opened(sim, obj, step, path)
        _expand(sim, obj[step], rest, path)


def _opened(sim: Sim, obj: Obj, step: str, path: str) -> Any:
    kind = kind_of(obj) if "object" in obj else ""
    if included := INCLUDABLE.get((kind, step)):
        return included(sim, obj)
    if kind in kinds() and step not in expandable(kind):
        raise ApiError(400, f"This property cannot be expanded ({path}).", param="expand")
    value = obj.get(step)
    return [_object(sim, part) for part in value] if isinstance(value, list) else _object(sim, value)


def _object(sim: Sim, value: Any) -> Any:
    return (sim.store.find(value) or value) if isinstance(value, str) else value


def _payments(sim: Sim, invoice: Obj) -> Obj:
    rows = [row for row in sim.store.newest_first("invoice_payment") if row["invoice"] == invoice["id"]]
    return listed(f"/v1/invoice_payments?invoice={invoice['id']}", rows)


def _refunds(sim: Sim, charge: Obj) -> Obj:
    rows = [row for row in sim.store.newest_first("refund") if row["charge"] == charge["id"]]
    return listed(f"/v1/charges/{charge['id']}/refunds", rows)


def _subscriptions(sim: Sim, customer: Obj) -> Obj:
    rows = [row for row in sim.store.newest_first("subscription") if row["customer"] == customer["id"]]
    living = [row for row in rows if row["status"] != "canceled"]
    return listed(f"/v1/customers/{customer['id']}/subscriptions", living)


def _session_lines(sim: Sim, session: Obj) -> Obj:
    return sim.session_lines(session)


INCLUDABLE: Mapping[tuple[str, str], Callable[[Sim, Obj], Any]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _session_lines,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "payments"): _payments,
    ("price", "tiers"): lambda sim, price: sim.tiers.get(price["id"]),
}
"""Lists that are no field of the stored object."""
