"""Owns the turning of Stripe's events and objects into frozen facts: pure, for old and new API versions alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from payments.stripe.facts import AnyFacts
from payments.stripe.handled import handles
from payments.stripe.projections.customers import checkout, customer
from payments.stripe.projections.invoices import credit_note, invoice, invoice_payment
from payments.stripe.projections.lists import listed
from payments.stripe.projections.movements import balance_transaction, payout
from payments.stripe.projections.payments import charge, payment_intent
from payments.stripe.projections.refunds import dispute, refund
from payments.stripe.projections.seen import Seen
from payments.stripe.projections.subscriptions import subscription
from payments.stripe.shapes import MalformedStripeObject, Shape

__all__ = ["MalformedStripeObject", "facts_from_event", "facts_from_object"]

_Projection = Callable[[Shape, Seen], tuple[AnyFacts, ...]]

_PROJECTIONS: Final[Mapping[str, _Projection]] = MappingProxyType(
    {
        "balance_transaction": balance_transaction,
        "charge": charge,
        "checkout.session": checkout,
        "credit_note": credit_note,
        "customer": customer,
        "dispute": dispute,
        "invoice": invoice,
        "invoice_payment": invoice_payment,
        "payment_intent": payment_intent,
        "payout": payout,
        "refund": refund,
        "subscription": subscription,
    }
)


def facts_from_event(event: Mapping[str, object]) -> tuple[AnyFacts, ...]:
    """Return the facts of one event; () for types the books do not act on; raise MalformedStripeObject."""
    envelope = Shape.of(event, "event")
    event_type = envelope.text("type")
    if not handles(event_type):
        return ()
    seen = Seen(
        at=envelope.whole("created"),
        api_version=envelope.text("api_version", ""),
        livemode=envelope.flag("livemode"),
        event_type=event_type,
    )
    found = envelope.child("data", "object")
    if found is None:
        raise MalformedStripeObject("event.data.object", "should be an object, not null")
    return _projected(found, seen)


def facts_from_object(
    obj: Mapping[str, object], *, seen_at: int, api_version: str, livemode: bool | None = None
) -> tuple[AnyFacts, ...]:
    """Return the facts of an object fetched at `seen_at` (Unix time); () for kinds the books do not keep."""
    shape = Shape.of(obj, str(obj.get("object", "object")) if isinstance(obj, Mapping) else "object")
    return _projected(shape, Seen(at=seen_at, api_version=api_version, livemode=livemode))


def _projected(shape: Shape, seen: Seen) -> tuple[AnyFacts, ...]:
    kind = shape.text("object")
    if shape.flag("deleted") and kind != "customer":
        # A stub with an id and nothing else: of these only customers leave rows that must learn it.
        return ()
    if kind == "list":
        return listed(shape, seen, _projected)
    projection = _PROJECTIONS.get(kind)
    return projection(shape, seen) if projection else ()
