"""Owns the projection of payments, told by intents and by charges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from payments.stripe.facts import BalanceTransactionFacts, PaymentFacts, RefundFacts
from payments.stripe.projections.movements import expanded_movements
from payments.stripe.projections.refunds import refund
from payments.stripe.projections.seen import Seen
from payments.stripe.shapes import Shape

_PENDING_INTENTS: Final = frozenset(
    {
        "processing",
        "requires_action",
        "requires_capture",
        "requires_confirmation",
        "requires_payment_method",
        # the names before 2019
        "requires_source",
        "requires_source_action",
    }
)
_UNPAID_AFTER_ERROR: Final = frozenset({"requires_payment_method", "requires_source"})

PaymentStory = tuple[PaymentFacts | RefundFacts | BalanceTransactionFacts, ...]


@dataclass(frozen=True, slots=True)
class _Failure:
    code: str = ""
    message: str = ""
    decline_code: str = ""


def payment_intent(shape: Shape, seen: Seen) -> PaymentStory:
    """Return the payment as its intent tells it, with its last charge and refunds where they came along."""
    currency, charge_shape = shape.currency(), _latest_charge(shape)
    status = _intent_status(shape, seen)
    amount = shape.cents("amount", currency)
    received = shape.cents("amount_received", currency, default=amount if status == "succeeded" else 0)
    charge_id = shape.ref("latest_charge") or (charge_shape.text("id") if charge_shape else "")
    facts = _payment(
        shape,
        seen,
        source="payment_intent",
        charge=charge_shape if charge_shape and charge_shape.text("id") == charge_id else None,
        status=status,
        amount=received if status == "succeeded" else amount,
        received=received,
        failure=_failure(shape, charge_shape) if status == "failed" else _Failure(),
        ids=(shape.text("id"), charge_id or shape.ref("last_payment_error", "charge")),
    )
    return (facts, *_carried_by_charge(charge_shape, seen))


def charge(shape: Shape, seen: Seen) -> PaymentStory:
    """Return the payment as its charge tells it, with the refunds that old API versions nest in it."""
    currency, status = shape.currency(), _charge_status(shape)
    amount = shape.cents("amount", currency)
    received = shape.cents("amount_captured", currency, default=amount) if status == "succeeded" else 0
    facts = _payment(
        shape,
        seen,
        source="charge",
        charge=shape,
        status=status,
        amount=received or amount,
        received=received,
        failure=_failure(shape, shape) if status == "failed" else _Failure(),
        ids=(shape.ref("payment_intent"), shape.text("id")),
    )
    return (facts, *_carried_by_charge(shape, seen))


def _payment(
    shape: Shape,
    seen: Seen,
    *,
    source: str,
    charge: Shape | None,
    status: str,
    amount: int,
    received: int,
    failure: _Failure,
    ids: tuple[str, str],
) -> PaymentFacts:
    currency = shape.currency()
    refunded = _refunded_cents(charge, currency) if charge else None
    status = _after_refunds(status, received, refunded or 0)
    kind, brand, last4 = _method(shape, charge)
    movement = charge.child("balance_transaction") if charge else None
    settled_in = movement.currency() if movement else ""
    refunded_at, reason = _last_refund(charge, seen)
    return PaymentFacts(
        **seen.shared(
            shape, kind="payment", state=status, amounts=(received, refunded or 0), stripe_id=ids[0] or ids[1]
        ),
        source=source,
        payment_intent_id=ids[0],
        charge_id=ids[1],
        customer_id=shape.ref("customer"),
        invoice_id=shape.ref("invoice"),
        status=status,
        currency=currency,
        amount_cents=amount,
        received_cents=received,
        refund_amount_cents=refunded,
        refunded_at=refunded_at,
        refund_reason=reason,
        payment_method=kind,
        card_brand=brand,
        card_last4=last4,
        failure_code=failure.code,
        failure_message=failure.message,
        decline_code=failure.decline_code,
        is_disputed=_is_disputed(charge),
        description=shape.text("description", ""),
        balance_transaction_id=charge.ref("balance_transaction") if charge else "",
        stripe_fee_cents=movement.cents("fee", settled_in) if movement else None,
        net_amount_cents=movement.cents("net", settled_in) if movement else None,
        settlement_currency=settled_in,
        settlement_amount_cents=movement.cents("amount", settled_in) if movement else None,
        exchange_rate=movement.number("exchange_rate") if movement else None,
    )


def _intent_status(shape: Shape, seen: Seen) -> str:
    told = shape.text("status")
    if told in {"succeeded", "canceled"}:
        return told
    if seen.event_type == "payment_intent.payment_failed":
        return "failed"
    if told not in _PENDING_INTENTS:
        raise shape.wrong("status", f"is {told!r}, which is no known state of a payment intent")
    # Without a method yet, only an error tells a failed attempt from one not made.
    return "failed" if told in _UNPAID_AFTER_ERROR and shape.says("last_payment_error") else "pending"


def _charge_status(shape: Shape) -> str:
    told = shape.text("status", "succeeded" if shape.flag("paid") else "failed")
    if told in {"failed", "pending"}:
        return told
    if told not in {"succeeded", "paid"}:
        raise shape.wrong("status", f"is {told!r}, which is no known state of a charge")
    if shape.flag("captured") or not shape.says("captured"):
        return "succeeded"
    # An authorisation that was let go shows as refunded though no money ever came.
    return "canceled" if shape.flag("refunded") else "pending"


def _after_refunds(status: str, received: int, refunded: int) -> str:
    if status != "succeeded" or not refunded:
        return status
    return "refunded" if refunded >= received else "partially_refunded"


def _refunded_cents(charge: Shape, currency: str) -> int:
    """Return the money given back. Stripe counts the uncaptured rest of a hold as refunded; it never was money."""
    if charge.says("captured") and not charge.flag("captured"):
        return 0
    told = charge.cents("amount_refunded", currency, default=0)
    amount = charge.cents("amount", currency)
    released = amount - charge.cents("amount_captured", currency, default=amount)
    return told - released if told >= released else told


def _latest_charge(intent: Shape) -> Shape | None:
    expanded = intent.child("latest_charge")
    if expanded:
        return expanded
    # Before 2022-11-15 an intent lists its charges, newest first.
    return next(iter(intent.children("charges")), None)


def _carried_by_charge(charge: Shape | None, seen: Seen) -> tuple[RefundFacts | BalanceTransactionFacts, ...]:
    if charge is None:
        return ()
    refunds = [facts for one in charge.children("refunds") for facts in refund(one, seen, charge=charge)]
    return (*refunds, *expanded_movements(charge, seen, "balance_transaction"))


def _last_refund(charge: Shape | None, seen: Seen) -> tuple[datetime | None, str]:
    """Return when and why money last went back; new API versions tell it only by the refund's own events."""
    refunds = charge.children("refunds") if charge else ()
    if refunds:
        latest = max(refunds, key=lambda one: one.whole("created"))
        return latest.at("created"), latest.text("reason", "")
    if seen.event_type == "charge.refunded":
        return datetime.fromtimestamp(seen.at, tz=UTC), ""
    return None, ""


def _method(shape: Shape, charge: Shape | None) -> tuple[str, str, str]:
    """Return kind, brand and last four digits from wherever this API version keeps them."""
    error = shape.child("last_payment_error")
    places = [
        charge.child("payment_method_details") if charge else None,
        shape.child("payment_method"),
        error.child("payment_method") if error else None,
    ]
    for place in places:
        if place and place.says("type"):
            kind = place.text("type")
            part = place.child(kind)
            return (kind, part.text("brand", ""), part.text("last4", "")) if part else (kind, "", "")
    return _old_or_only_method(shape)


def _old_or_only_method(shape: Shape) -> tuple[str, str, str]:
    source = shape.child("source")
    if source and source.says("object"):
        return source.text("object"), source.text("brand", "").lower(), source.text("last4", "")
    kinds = shape.bare_ids("payment_method_types")
    return (kinds[0] if len(kinds) == 1 else "", "", "")


def _failure(shape: Shape, charge: Shape | None) -> _Failure:
    """Return why it failed: from the intent's last error, else from the charge."""
    error = shape.child("last_payment_error")
    if error:
        code, message = error.text("code", "") or error.text("type", ""), error.text("message", "")
        return _Failure(code, message, error.text("decline_code", ""))
    if charge is None:
        return _Failure()
    outcome = charge.child("outcome")
    reason = outcome.text("reason", "") if outcome else ""
    return _Failure(charge.text("failure_code", ""), charge.text("failure_message", ""), reason)


def _is_disputed(charge: Shape | None) -> bool | None:
    if charge is None:
        return None
    return charge.flag("disputed") or bool(charge.ref("dispute"))
