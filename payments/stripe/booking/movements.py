"""Owns the booking of refunds, disputes, Stripe's own ledger and payouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import Q

from payments.models import BalanceTransaction, Dispute, Payment, Payout, Refund
from payments.stripe.booking.books import Books, NotYetKnown, told_at
from payments.stripe.booking.payments import named_by
from payments.stripe.facts import BalanceTransactionFacts, DisputeFacts, PayoutContentsFacts, PayoutFacts, RefundFacts


def book_refunds(books: Books, facts: Sequence[RefundFacts]) -> None:
    """Copy the refunds; their payments, if known, learn how much went back."""
    books.copy_all(Refund, key="stripe_refund_id", rows=[_refund(one) for one in facts])
    books.settle_later(named_by(facts))


def book_dispute(books: Books, facts: DisputeFacts, *, is_newest: bool) -> None:
    """Copy the dispute; what moved and when is told by some events only, so an older one may still fill it."""
    row = Dispute.objects.filter(stripe_dispute_id=facts.stripe_id).first()
    moved = {name: value for name, value in _moved(facts).items() if value}
    if row is None:
        books.copy_all(
            Dispute, key="stripe_dispute_id", rows=[{"stripe_dispute_id": facts.stripe_id} | _dispute(facts) | moved]
        )
    elif is_newest:
        books.copy_into(row, _dispute(facts) | moved)
    else:
        books.copy_into(row, {name: value for name, value in moved.items() if not getattr(row, name)})
    books.settle_later(named_by([facts]))


def book_balance_transactions(books: Books, facts: Sequence[BalanceTransactionFacts]) -> None:
    """Copy movements of the ledger; the payments they bring in, if known, learn their fee and net."""
    books.copy_all(BalanceTransaction, key="stripe_id", rows=[_balance_transaction(one) for one in facts])
    brought = [one for one in facts if one.reporting_category == "charge"]
    ids, charges = {one.stripe_id for one in brought}, {one.source_id for one in brought} - {""}
    books.settle_later(
        Payment.objects.filter(Q(stripe_balance_transaction_id__in=ids) | Q(stripe_charge_id__in=charges))
    )


def book_payouts(books: Books, facts: Sequence[PayoutFacts]) -> None:
    """Copy the payouts."""
    books.copy_all(Payout, key="stripe_payout_id", rows=[_payout(one) for one in facts])


def book_payout_contents(books: Books, facts: PayoutContentsFacts) -> None:
    """Tell each movement which payout took it to the bank. Raises NotYetKnown before the payout."""
    payout = Payout.objects.filter(stripe_payout_id=facts.payout_id).first()
    if payout is None:
        raise NotYetKnown(f"These are the contents of payout {facts.payout_id}, which has not arrived.")
    held = BalanceTransaction.objects.filter(stripe_id__in=[one.stripe_id for one in facts.movements])
    told = held.exclude(stripe_payout_id=facts.payout_id).update(stripe_payout_id=facts.payout_id)
    books.count(BalanceTransaction, told)
    books.copy_into(payout, {"contents_fetched_at": told_at(facts)})


def _refund(facts: RefundFacts) -> dict[str, Any]:
    return {
        "stripe_refund_id": facts.stripe_id,
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


def _dispute(facts: DisputeFacts) -> dict[str, Any]:
    return {
        "stripe_charge_id": facts.charge_id,
        "stripe_payment_intent_id": facts.payment_intent_id,
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "status": facts.status,
        "reason": facts.reason,
        "evidence_due_at": facts.evidence_due_at,
        "created_at": facts.created_at or told_at(facts),
    }


def _moved(facts: DisputeFacts) -> dict[str, Any]:
    return {
        "withdrawn_cents": facts.withdrawn_cents,
        "reinstated_cents": facts.reinstated_cents,
        "fee_cents": facts.fee_cents,
        "settlement_currency": facts.settlement_currency,
        "funds_withdrawn_at": facts.funds_withdrawn_at,
        "funds_reinstated_at": facts.funds_reinstated_at,
    }


def _balance_transaction(facts: BalanceTransactionFacts) -> dict[str, Any]:
    return {
        "stripe_id": facts.stripe_id,
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


def _payout(facts: PayoutFacts) -> dict[str, Any]:
    return {
        "stripe_payout_id": facts.stripe_id,
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "status": facts.status,
        "arrival_date": facts.arrival_date,
        "failure_code": facts.failure_code,
        "failure_message": facts.failure_message,
        "is_automatic": facts.is_automatic,
        "method": facts.method,
        "reconciliation_status": facts.reconciliation_status,
        "stripe_balance_transaction_id": facts.balance_transaction_id,
        "created_at": facts.created_at or told_at(facts),
    }
