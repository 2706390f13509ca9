"""Owns the projection of money that goes back: refunds and disputes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from payments.stripe.facts import BalanceTransactionFacts, DisputeFacts, RefundFacts
from payments.stripe.projections.movements import balance_transaction, expanded_movements
from payments.stripe.projections.seen import Seen
from payments.stripe.shapes import Shape


def refund(
    shape: Shape, seen: Seen, *, charge: Shape | None = None
) -> tuple[RefundFacts | BalanceTransactionFacts, ...]:
    """Return the refund; `charge` is the object it was nested in, which knows what the refund leaves out."""
    currency = shape.currency(default=charge.text("currency") if charge else None)
    # Old API versions knew no state: a refund that was there had succeeded.
    status = shape.text("status", "succeeded")
    facts = RefundFacts(
        **seen.shared(shape, kind="refund", state=status),
        payment_intent_id=shape.ref("payment_intent") or (charge.ref("payment_intent") if charge else ""),
        charge_id=shape.ref("charge") or (charge.text("id") if charge else ""),
        status=status,
        currency=currency,
        amount_cents=shape.cents("amount", currency),
        reason=shape.text("reason", ""),
        failure_reason=shape.text("failure_reason", ""),
        balance_transaction_id=shape.ref("balance_transaction"),
        failure_balance_transaction_id=shape.ref("failure_balance_transaction"),
    )
    return (facts, *expanded_movements(shape, seen, "balance_transaction", "failure_balance_transaction"))


def dispute(shape: Shape, seen: Seen) -> tuple[DisputeFacts | BalanceTransactionFacts, ...]:
    """Return the dispute with its movements, which Stripe sends whole, fee included."""
    shapes = shape.children("balance_transactions")
    movements = tuple(facts for one in shapes for facts in balance_transaction(one, seen))
    taken = [movement for movement in movements if movement.amount_cents < 0]
    given_back = [movement for movement in movements if movement.amount_cents > 0]
    currency, status = shape.currency(), shape.text("status")
    evidence = shape.child("evidence_details")
    facts = DisputeFacts(
        # The oldest API versions gave a dispute no id of its own; there was one per charge.
        **seen.shared(
            shape,
            kind="dispute",
            state=status,
            amounts=(len(movements),),
            stripe_id=shape.text("id", "") or shape.ref("charge"),
        ),
        payment_intent_id=shape.ref("payment_intent"),
        charge_id=shape.ref("charge"),
        status=status,
        reason=shape.text("reason", ""),
        currency=currency,
        amount_cents=shape.cents("amount", currency),
        is_charge_refundable=shape.flag("is_charge_refundable"),
        evidence_due_at=evidence.at("due_by") if evidence else shape.at("evidence_due_by"),
        balance_transaction_ids=_movement_ids(shape, movements),
        settlement_currency=movements[0].currency if movements else "",
        withdrawn_cents=-sum(movement.amount_cents for movement in taken),
        reinstated_cents=sum(movement.amount_cents for movement in given_back),
        fee_cents=sum(movement.fee_cents for movement in movements),
        funds_withdrawn_at=_moved_at(taken, seen, "charge.dispute.funds_withdrawn"),
        funds_reinstated_at=_moved_at(given_back, seen, "charge.dispute.funds_reinstated"),
    )
    return (facts, *movements)


def _movement_ids(shape: Shape, movements: Sequence[BalanceTransactionFacts]) -> tuple[str, ...]:
    ids = [*(movement.stripe_id for movement in movements), *shape.bare_ids("balance_transactions")]
    return tuple(ids) or tuple(filter(None, [shape.ref("balance_transaction")]))


def _moved_at(movements: Sequence[BalanceTransactionFacts], seen: Seen, event_type: str) -> datetime | None:
    """Return when the funds first moved that way; without the movement, the event that announced it tells."""
    moments = [movement.created_at for movement in movements if movement.created_at]
    if moments:
        return min(moments)
    return datetime.fromtimestamp(seen.at, tz=UTC) if seen.event_type == event_type else None
