"""What the books must say, told from the fake Stripe's own objects and nothing of ours."""

from __future__ import annotations

from typing import Any

from invoices.models import CreditNote, Invoice
from payments.models import Dispute, Payment, Payout, Refund, Subscription


def assert_books_equal_stripe(sim: Any) -> None:
    """Compare every object that has a row, as Stripe shows it now."""
    assert _ours(Subscription, "stripe_subscription_id", "status", "cancel_at_period_end") == {
        row["id"]: (row["status"], row["cancel_at_period_end"]) for row in sim.store.newest_first("subscription")
    }
    assert _ours(Invoice, "stripe_invoice_id", "status", "total_cents", "amount_paid_cents", "amount_due_cents") == {
        row["id"]: (row["status"], row["total"], row["amount_paid"], _due(row))
        for row in sim.store.newest_first("invoice")
    }
    assert _ours(Refund, "stripe_refund_id", "status", "amount_cents") == {
        row["id"]: (row["status"], row["amount"]) for row in sim.store.newest_first("refund")
    }
    assert _ours(Dispute, "stripe_dispute_id", "status", "amount_cents") == {
        row["id"]: (row["status"], row["amount"]) for row in sim.store.newest_first("dispute")
    }
    assert _ours(Payout, "stripe_payout_id", "status", "amount_cents") == {
        row["id"]: (row["status"], row["amount"]) for row in sim.store.newest_first("payout")
    }
    assert _ours(CreditNote, "stripe_credit_note_id", "status", "total_cents") == {
        row["id"]: (row["status"], row["total"]) for row in sim.store.newest_first("credit_note")
    }
    _assert_payments_equal(sim)


def _assert_payments_equal(sim: Any) -> None:
    """Compare what each intent took, gave back and cost; its last charge tells."""
    charges = {row["payment_intent"]: row for row in reversed(sim.store.newest_first("charge"))}
    told = Payment.objects.values_list(
        "stripe_payment_intent_id", "amount_cents", "refund_amount_cents", "stripe_fee_cents", "net_amount_cents"
    )
    ours = {intent: said for intent, *said in told}
    assert {intent: ours.get(intent) for intent in charges} == {
        intent: [row["amount"], row["amount_refunded"], *_movement(sim, row)] for intent, row in charges.items()
    }


def _movement(sim: Any, charge: dict[str, Any]) -> tuple[int | None, int | None]:
    if charge["balance_transaction"] is None:
        return None, None
    movement = sim.get("balance_transaction", charge["balance_transaction"])
    return movement["fee"], movement["net"]


def _ours(model: Any, key: str, *fields: str) -> dict[str, tuple[Any, ...]]:
    rows = model.objects.exclude(**{key: None}).values_list(key, *fields)
    return {stripe_id: tuple(said) for stripe_id, *said in rows}


def _due(invoice: dict[str, Any]) -> int:
    return 0 if invoice["status"] == "void" else int(invoice["amount_remaining"])
