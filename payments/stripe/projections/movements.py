"""Owns the projection of Stripe's own ledger: balance transactions with their fees, and payouts."""

from __future__ import annotations

from payments.stripe.facts import BalanceTransactionFacts, FeeDetailFacts, PayoutFacts
from payments.stripe.projections.seen import Seen
from payments.stripe.shapes import Shape

# API versions before 2019 tell no category; the ledger's types do, except for an adjustment, which may be anything.
_CATEGORIES = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "payout": "payout",
    "stripe_fee": "fee",
    "application_fee": "platform_earning",
}


def balance_transaction(shape: Shape, seen: Seen) -> tuple[BalanceTransactionFacts, ...]:
    """Return one movement of the ledger with the parts of its fee."""
    currency, status, kind = shape.currency(), shape.text("status", "available"), shape.text("type", "")
    return (
        BalanceTransactionFacts(
            **seen.shared(shape, kind="balance_transaction", state=status),
            source_id=shape.ref("source"),
            kind=kind,
            reporting_category=shape.text("reporting_category", "") or _CATEGORIES.get(kind, ""),
            status=status,
            currency=currency,
            amount_cents=shape.cents("amount", currency),
            fee_cents=shape.cents("fee", currency),
            net_cents=shape.cents("net", currency),
            exchange_rate=shape.number("exchange_rate"),
            available_at=shape.at("available_on"),
            description=shape.text("description", ""),
            fee_details=tuple(_fee_detail(part, currency) for part in shape.children("fee_details")),
        ),
    )


def expanded_movements(shape: Shape, seen: Seen, *keys: str) -> tuple[BalanceTransactionFacts, ...]:
    """Return the balance transactions that an object carries whole under `keys`."""
    carried = [shape.child(key) for key in keys]
    return tuple(facts for one in carried if one for facts in balance_transaction(one, seen))


def payout(shape: Shape, seen: Seen) -> tuple[PayoutFacts | BalanceTransactionFacts, ...]:
    """Return the payout, and its ledger entries where they came along."""
    currency, status, arrives_at = shape.currency(), shape.text("status"), shape.at("arrival_date")
    trace, reconciliation = shape.child("trace_id"), shape.text("reconciliation_status", "")
    facts = PayoutFacts(
        **seen.shared(shape, kind="payout", state=status, amounts=(int(reconciliation == "completed"),)),
        status=status,
        currency=currency,
        amount_cents=shape.cents("amount", currency),
        # Stripe gives midnight UTC of a bank's day: it is a date, not an instant.
        arrival_date=arrives_at.date() if arrives_at else None,
        is_automatic=shape.flag("automatic"),
        method=shape.text("method", ""),
        kind=shape.text("type", ""),
        destination_id=shape.ref("destination"),
        trace_id=trace.text("value", "") if trace else "",
        description=shape.text("description", ""),
        statement_descriptor=shape.text("statement_descriptor", ""),
        reconciliation_status=reconciliation,
        balance_transaction_id=shape.ref("balance_transaction"),
        failure_balance_transaction_id=shape.ref("failure_balance_transaction"),
        failure_code=shape.text("failure_code", ""),
        failure_message=shape.text("failure_message", ""),
        original_payout_id=shape.ref("original_payout"),
        reversed_by_id=shape.ref("reversed_by"),
    )
    return (facts, *expanded_movements(shape, seen, "balance_transaction", "failure_balance_transaction"))


def _fee_detail(part: Shape, currency: str) -> FeeDetailFacts:
    own = part.currency(default=currency)
    return FeeDetailFacts(
        kind=part.text("type", ""),
        amount_cents=part.cents("amount", own),
        currency=own,
        description=part.text("description", ""),
    )
