"""Owns the booking of refunds, disputes, Stripe's own ledger and payouts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from payments.models import BalanceTransaction, Dispute, Payment, Payout, Refund
from payments.stripe.booking.books import Books, told_at
from payments.stripe.booking.payments import settle_payments
from payments.stripe.facts import BalanceTransactionFacts, DisputeFacts, PayoutFacts, RefundFacts


def book_refund(books: Books, facts: RefundFacts) -> None:
    """Copy the refund; its payment, if known, learns how much went back."""
    payment = _payment_of(facts)
    fields = {
        "payment_id": payment.pk if payment else None,
        "stripe_charge_id": facts.charge_id,
        "stripe_payment_intent_id": facts.payment_intent_id,
        "stripe_balance_transaction_id": facts.balance_transaction_id,
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "status": facts.status,
        "reason": facts.reason,
        "failure_reason": facts.failure_reason,
        "created_at": facts.created_at or told_at(facts),
    }
    books.copy(Refund, key={"stripe_refund_id": facts.stripe_id}, fields=fields)
    settle_payments(books, [payment] if payment else [])


def book_dispute(books: Books, facts: DisputeFacts, *, is_newest: bool) -> None:
    """Copy the dispute; when funds moved is told by some events only, so an older one may still fill it."""
    row = Dispute.objects.filter(stripe_dispute_id=facts.stripe_id).first()
    moved = {"funds_withdrawn_at": facts.funds_withdrawn_at, "funds_reinstated_at": facts.funds_reinstated_at}
    said = {name: at for name, at in moved.items() if at and (row is None or not getattr(row, name) or is_newest)}
    snapshot = _dispute_fields(facts) if is_newest else {}
    books.copy(Dispute, key={"stripe_dispute_id": facts.stripe_id}, fields=snapshot | said)


def book_balance_transaction(books: Books, facts: BalanceTransactionFacts) -> None:
    """Copy a movement of the ledger; the payment it brings in, if known, learns its fee and net."""
    fields = {
        "type": facts.kind,
        "reporting_category": facts.reporting_category,
        "source_id": facts.source_id,
        "amount_cents": facts.amount_cents,
        "fee_cents": facts.fee_cents,
        "net_cents": facts.net_cents,
        "currency": facts.currency,
        "exchange_rate": facts.exchange_rate,
        "fee_details": [asdict(part) for part in facts.fee_details],
        "description": facts.description,
        "available_at": facts.available_at,
        "created_at": facts.created_at or told_at(facts),
    }
    row = books.copy(BalanceTransaction, key={"stripe_id": facts.stripe_id}, fields=fields)
    if row.reporting_category == "charge":
        settle_payments(books, Payment.objects.brought_by(row))


def book_payout(books: Books, facts: PayoutFacts) -> None:
    """Copy the payout."""
    fields = {
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "status": facts.status,
        "arrival_date": facts.arrival_date,
        "failure_code": facts.failure_code,
        "created_at": facts.created_at or told_at(facts),
    }
    books.copy(Payout, key={"stripe_payout_id": facts.stripe_id}, fields=fields)


def _dispute_fields(facts: DisputeFacts) -> dict[str, Any]:
    payment = _payment_of(facts)
    return {
        "payment_id": payment.pk if payment else None,
        "stripe_charge_id": facts.charge_id,
        "stripe_payment_intent_id": facts.payment_intent_id,
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "status": facts.status,
        "reason": facts.reason,
        "evidence_due_at": facts.evidence_due_at,
        "created_at": facts.created_at or told_at(facts),
    }


def _payment_of(facts: RefundFacts | DisputeFacts) -> Payment | None:
    return Payment.objects.naming(payment_intent_id=facts.payment_intent_id, charge_id=facts.charge_id).first()
