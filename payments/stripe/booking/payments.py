"""Owns the booking of payments: what intent and charge tell, completed by ties, movements and refunds."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Q

from invoices.models import Customer, Invoice
from payments.enums import PaymentOrigin, PaymentStatus
from payments.models import BalanceTransaction, Dispute, InvoicePayment, Payment, Refund
from payments.querysets import RECEIVED
from payments.stripe.booking.books import Books, fitted, told_at
from payments.stripe.facts import InvoicePaymentFacts, PaymentFacts

# An older version never says these, not even where the newest is silent.
_OF_THE_NEWEST: Final = frozenset({"failure_code", "failure_message"})
_BY_THEIR_OWN_RULE: Final = frozenset({"created_at", "received_at", "payment_method"})
_MOVED_BY_NOBODY: Final = frozenset({"failed", "canceled"})
_COMPLETED: Final = (
    "customer_id",
    "invoice_id",
    "user_id",
    "status",
    "refund_amount_cents",
    "refunded_at",
    "refund_reason",
    "stripe_fee_cents",
    "net_amount_cents",
    "settlement_currency",
    "settlement_amount_cents",
    "exchange_rate",
    "stripe_balance_transaction_id",
    "received_at",
)


def book_payment(books: Books, facts: PaymentFacts, *, is_newest: bool) -> None:
    """Copy the payment as an intent or a charge tells it; an older telling fills only what is still blank."""
    row = Payment.objects.naming(payment_intent_id=facts.payment_intent_id, charge_id=facts.charge_id).first()
    told = _told(facts)
    if facts.customer_id and (row is None or row.customer_id is None):
        told["customer_id"] = books.customer_of(facts.customer_id).pk
    if row is not None:
        told = _worth_saying(row, told, is_newest=is_newest)
    if facts.invoice_id:
        _tie_to_invoice(books, facts)
    settle_payment(books, row or Payment(origin=PaymentOrigin.STRIPE, refund_amount_cents=0), told)


def book_invoice_payment(books: Books, facts: InvoicePaymentFacts) -> None:
    """Keep the tie, and follow it where both its ends are known."""
    _copy_tie(books, facts)
    payments = Payment.objects.naming(payment_intent_id=facts.payment_intent_id, charge_id=facts.charge_id)
    settle_payments(books, payments)


def settle_payments(books: Books, payments: Iterable[Payment]) -> None:
    """Complete payments whose neighbours have changed."""
    for payment in payments:
        settle_payment(books, payment, {})


def settle_payment(books: Books, row: Payment, told: dict[str, Any]) -> None:
    """Write what was told of a payment, completed by all that is known around it.

    Everything taken from neighbours is derived anew each time, so it does not matter who was heard of first.
    """
    draft = copy.copy(row)
    for name, value in fitted(Payment, told).items():
        setattr(draft, name, value)
    _find_invoice(draft)
    _find_movement(draft)
    refunds = _find_refunds(draft)
    key = {"pk": row.pk} if row.pk else _key(draft)
    fields = {name: getattr(draft, name) for name in {*told, *_COMPLETED, "origin"} - key.keys()}
    _take_over(books, books.copy(Payment, key=key, fields=fields), refunds)


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
        told = {name: value for name, value in told.items() if name in _BY_THEIR_OWN_RULE or _is_blank(row, name)}
    # The intent is made before its charges, and knows the kind of card only; the order they come in does not matter.
    for name in {"created_at", "received_at"} & told.keys():
        told[name] = min(told[name], getattr(row, name) or told[name])
    if len(told.get("payment_method", "").split()) < len(row.payment_method.split()):
        del told["payment_method"]
    return told


def _is_blank(row: Payment, name: str) -> bool:
    return name not in _OF_THE_NEWEST and getattr(row, name) in ("", None)


def _received_at(facts: PaymentFacts) -> dt.datetime | None:
    if facts.status not in RECEIVED:
        return None
    return facts.created_at if facts.source == "charge" else told_at(facts)


def _find_invoice(draft: Payment) -> None:
    ties = InvoicePayment.objects.of_payment(
        payment_intent_id=draft.stripe_payment_intent_id, charge_id=draft.stripe_charge_id
    )
    ids = list(ties.standing().values_list("stripe_invoice_id", flat=True))
    found = {row.stripe_invoice_id: row for row in Invoice.objects.filter(stripe_invoice_id__in=ids)} if ids else {}
    invoice = next((found[one] for one in ids if one in found), None)
    if invoice is not None:
        draft.invoice_id = invoice.pk
        draft.customer_id = draft.customer_id or invoice.customer_id
    if not draft.user_id and draft.customer_id:
        draft.user_id = Customer.objects.values_list("user_id", flat=True).get(pk=draft.customer_id)


def _find_movement(draft: Payment) -> None:
    """Take fee, net and settlement from Stripe's ledger; its time is when the money moved."""
    by_id = Q(stripe_id=draft.stripe_balance_transaction_id) if draft.stripe_balance_transaction_id else Q(pk=None)
    by_charge = Q(source_id=draft.stripe_charge_id) if draft.stripe_charge_id else Q(pk=None)
    movement = BalanceTransaction.objects.of_charges().filter(by_id | by_charge).order_by("created_at", "pk").first()
    if movement is None or draft.status in _MOVED_BY_NOBODY:
        return
    draft.stripe_balance_transaction_id = movement.stripe_id
    draft.stripe_fee_cents, draft.net_amount_cents = movement.fee_cents, movement.net_cents
    draft.settlement_currency, draft.settlement_amount_cents = movement.currency, movement.amount_cents
    draft.exchange_rate, draft.received_at = movement.exchange_rate, movement.created_at


def _find_refunds(draft: Payment) -> list[Refund]:
    """Let the refunds tell how much went back once they make up what the charge says: they know which failed."""
    refunds = list(Refund.objects.filter(_naming(draft)).order_by("created_at", "stripe_refund_id"))
    if refunds and sum(refund.amount_cents for refund in refunds) >= draft.refund_amount_cents:
        standing = [refund for refund in refunds if refund.status not in _MOVED_BY_NOBODY]
        draft.refund_amount_cents = sum(refund.amount_cents for refund in standing)
        draft.refunded_at = standing[-1].created_at if standing else None
        draft.refund_reason = standing[-1].reason if standing else ""
    if draft.status in RECEIVED:
        draft.status = _status_after_refunds(draft)
    return refunds


def _status_after_refunds(draft: Payment) -> PaymentStatus:
    if not draft.refund_amount_cents:
        return PaymentStatus.SUCCEEDED
    whole = draft.refund_amount_cents >= draft.amount_cents
    return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED


def _take_over(books: Books, payment: Payment, refunds: list[Refund]) -> None:
    """Hang refunds and disputes that came before their payment on it."""
    for refund in refunds:
        if refund.payment_id is None:
            books.copy(Refund, key={"pk": refund.pk}, fields={"payment_id": payment.pk})
    for dispute in Dispute.objects.filter(_naming(payment), payment=None):
        books.copy(Dispute, key={"pk": dispute.pk}, fields={"payment_id": payment.pk})


def _naming(payment: Payment) -> Q:
    """Match what names this payment by its intent or its charge."""
    # No id of Stripe's is a dash: an unknown one matches nothing.
    by_intent = Q(stripe_payment_intent_id=payment.stripe_payment_intent_id or "-")
    return by_intent | Q(stripe_charge_id=payment.stripe_charge_id or "-")


def _tie_to_invoice(books: Books, facts: PaymentFacts) -> None:
    """Keep the tie that old API versions put on the charge, unless the invoice has told of it already."""
    ties = InvoicePayment.objects.of_invoice(facts.invoice_id)
    known = ties.of_payment(payment_intent_id=facts.payment_intent_id, charge_id=facts.charge_id)
    if not known.exists():
        _copy_tie(books, _tie_of_old_api(facts))


def _copy_tie(books: Books, facts: InvoicePaymentFacts) -> None:
    fields = {
        "stripe_invoice_id": facts.invoice_id,
        "stripe_payment_intent_id": facts.payment_intent_id,
        "stripe_charge_id": facts.charge_id,
        "status": facts.status,
        "amount_paid_cents": facts.amount_paid_cents,
        "currency": facts.currency,
        "paid_at": facts.paid_at,
    }
    books.copy(InvoicePayment, key={"stripe_id": facts.stripe_id}, fields=fields)


def _tie_of_old_api(facts: PaymentFacts) -> InvoicePaymentFacts:
    paid = facts.status in RECEIVED
    return InvoicePaymentFacts(
        stripe_id=f"{facts.invoice_id}/{facts.payment_intent_id or facts.charge_id}",
        livemode=facts.livemode,
        api_version=facts.api_version,
        order=facts.order,
        created_at=facts.created_at,
        invoice_id=facts.invoice_id,
        payment_intent_id=facts.payment_intent_id,
        charge_id=facts.charge_id,
        status="paid" if paid else "open",
        currency=facts.currency,
        amount_requested_cents=facts.amount_cents,
        amount_paid_cents=facts.received_cents,
        is_default=True,
        paid_at=facts.created_at if paid else None,
    )


def _key(draft: Payment) -> dict[str, str]:
    if draft.stripe_payment_intent_id:
        return {"stripe_payment_intent_id": draft.stripe_payment_intent_id}
    return {"stripe_charge_id": str(draft.stripe_charge_id)}


def _origin(row: Payment) -> dict[str, str]:
    return {} if row.pk else {"origin": PaymentOrigin.STRIPE}
