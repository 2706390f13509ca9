"""Owns the booking of payments: what intent and charge tell of one; its neighbours complete it afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Q, QuerySet

from payments.enums import PaymentOrigin, PaymentStatus
from payments.models import InvoicePayment, Payment
from payments.querysets import RECEIVED
from payments.stripe.booking.books import Books, fitted, told_at
from payments.stripe.facts import InvoicePaymentFacts, PaymentFacts

# An older version never says these, not even where the newest is silent.
_OF_THE_NEWEST: Final = frozenset({"failure_code", "failure_message"})
# Whatever the order they come in: the intent is made before its charges, and money goes back more than once.
_EARLIEST: Final = frozenset({"created_at", "received_at"})
_LATEST: Final = frozenset({"refunded_at"})
_BY_THEIR_OWN_RULE: Final = _EARLIEST | _LATEST | {"payment_method"}


def book_payment(books: Books, facts: PaymentFacts, *, is_newest: bool) -> None:
    """Copy the payment as an intent or a charge tells it; an older telling fills only what is still blank."""
    named = Payment.objects.naming(payment_intent_id=facts.payment_intent_id, charge_id=facts.charge_id)
    row, told = named.select_related("customer").first(), fitted(Payment, _told(facts))
    if facts.customer_id and (row is None or row.customer_id is None):
        told["customer_id"] = books.customer_id_of(facts.customer_id)
    if row is None:
        row, told = books.counted((Payment.objects.create(origin=PaymentOrigin.STRIPE, **told), True)), {}
    books.settle_later(Payment.objects.filter(pk=row.pk), {row.pk: _worth_saying(row, told, is_newest=is_newest)})


def book_invoice_payments(books: Books, facts: Sequence[InvoicePaymentFacts]) -> None:
    """Keep the ties, and follow them where both their ends are known."""
    books.copy_all(InvoicePayment, key="stripe_id", rows=[_tie(one) for one in facts])
    books.settle_later(named_by(facts))


def named_by(facts: Sequence[Any]) -> QuerySet[Payment]:
    """Return the payments that facts name by their intent or their charge."""
    intents = {one.payment_intent_id for one in facts} - {""}
    charges = {one.charge_id for one in facts} - {""}
    return Payment.objects.filter(Q(stripe_payment_intent_id__in=intents) | Q(stripe_charge_id__in=charges))


def _told(facts: PaymentFacts) -> dict[str, Any]:
    """Return what the facts say, by column; what they do not say is left out."""
    failed = facts.status == PaymentStatus.FAILED
    said = {
        "stripe_payment_intent_id": facts.payment_intent_id,
        "stripe_charge_id": facts.charge_id,
        "stripe_balance_transaction_id": facts.balance_transaction_id,
        "user_id": facts.user_id,
        "payment_method": " ".join(filter(None, [facts.payment_method, facts.card_brand, facts.card_last4])),
        "refund_amount_cents": facts.refund_amount_cents,
        "refunded_at": facts.refunded_at,
        "refund_reason": facts.refund_reason,
        "received_at": _received_at(facts),
        "created_at": facts.created_at or told_at(facts),
    }
    return {
        "status": facts.status,
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "failure_code": facts.failure_code if failed else "",
        "failure_message": facts.failure_message if failed else "",
    } | {name: value for name, value in said.items() if value not in ("", None)}


def _worth_saying(row: Payment, told: dict[str, Any], *, is_newest: bool) -> dict[str, Any]:
    """Leave out what a newer version or a better source has said already."""
    if not is_newest:
        told = {name: value for name, value in told.items() if name in _BY_THEIR_OWN_RULE or _is_unsaid(row, name)}
    for first_or_last, names in ((min, _EARLIEST), (max, _LATEST)):
        for name in names & told.keys():
            told[name] = first_or_last(told[name], getattr(row, name) or told[name])
    if not _says_more(told.get("payment_method", ""), row.payment_method, is_newest=is_newest):
        told.pop("payment_method", None)
    return told


def _is_unsaid(row: Payment, name: str) -> bool:
    if name == "user_id" and row.customer is not None and row.user_id == row.customer.user_id:
        return True  # taken from the customer, for want of the payment's own
    return name not in _OF_THE_NEWEST and getattr(row, name) in ("", None)


def _says_more(told: str, known: str, *, is_newest: bool) -> bool:
    """Tell whether a method is told better: the intent knows the kind of card only, the charge its last digits."""
    more = len(told.split()) - len(known.split())
    return more > 0 or (more == 0 and is_newest)


def _received_at(facts: PaymentFacts) -> dt.datetime | None:
    if facts.status not in RECEIVED:
        return None
    return facts.created_at if facts.source == "charge" else told_at(facts)


def _tie(facts: InvoicePaymentFacts) -> dict[str, Any]:
    return {
        "stripe_id": facts.stripe_id,
        "stripe_invoice_id": facts.invoice_id,
        "stripe_payment_intent_id": facts.payment_intent_id,
        "stripe_charge_id": facts.charge_id,
        "status": facts.status,
        "amount_paid_cents": facts.amount_paid_cents,
        "currency": facts.currency,
        "paid_at": facts.paid_at,
    }
