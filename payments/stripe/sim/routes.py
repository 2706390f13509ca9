"""Where things are: the kind behind each path, and the writes that can be asked for by HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from payments.stripe.sim.company import Sim
from payments.stripe.sim.schema import Obj

KINDS: Mapping[str, str] = {
    "accounts": "account",
    "balance_transactions": "balance_transaction",
    "charges": "charge",
    "checkout/sessions": "checkout.session",
    "coupons": "coupon",
    "credit_notes": "credit_note",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoice_payments": "invoice_payment",
    "invoiceitems": "invoiceitem",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "payouts": "payout",
    "prices": "price",
    "products": "product",
    "refunds": "refund",
    "subscription_items": "subscription_item",
    "subscriptions": "subscription",
    "tax_rates": "tax_rate",
    "webhook_endpoints": "webhook_endpoint",
}

Act = Callable[[Sim, str, Obj], Obj]
"""What a write does, given the id in its path (or "") and its parameters."""


@dataclass(frozen=True)
class Write:
    """A write and the parameters it understands; others are refused, not ignored."""

    act: Act
    accepts: frozenset[str]


WRITES: dict[str, Write] = {}
"""Writes by method and path, `*` standing for the id."""


def write(key: str, accepts: str = "") -> Callable[[Act], Act]:
    """Register a write."""

    def register(act: Act) -> Act:
        WRITES[key] = Write(act, frozenset(accepts.split()) | {"expand"})
        return act

    return register


@dataclass(frozen=True)
class Target:
    """What a path points at: a stem, perhaps the id of one object, perhaps something of that object."""

    stem: str
    object_id: str = ""
    part: str = ""

    @property
    def kind(self) -> str:
        """The kind of object behind the stem."""
        return KINDS[self.stem]

    @property
    def key(self) -> str:
        """The path with `*` for the id, as writes are registered."""
        return "/".join(filter(None, (self.stem, self.object_id and "*", self.part)))


def target_of(path: str) -> Target | None:
    """Return what a path points at; None when the sim serves nothing there."""
    stem = next((stem for stem in KINDS if path == f"/v1/{stem}" or path.startswith(f"/v1/{stem}/")), None)
    if stem is None:
        return None
    object_id, _, part = path.removeprefix(f"/v1/{stem}").strip("/").partition("/")
    return Target(stem, object_id, part)
