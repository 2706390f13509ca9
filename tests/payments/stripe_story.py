"""A customer's story at the fake Stripe, and what the books say of it without our own ids."""

from __future__ import annotations

from typing import Any

from invoices.models import CreditNote, Customer, Invoice
from payments.models import (
    BalanceTransaction,
    Dispute,
    InvoicePayment,
    MrrMovement,
    Payment,
    Payout,
    Refund,
    Subscription,
)

DAY = 86_400
START = 1_767_225_600  # 2026-01-01 UTC


def live(sim) -> dict[str, Any]:
    """Let a customer subscribe, renew, fail to pay, get money back, dispute and be credited; return what matters."""
    buyer = sim.customer("Acorn Analytics", email="billing@acorn.example", at=START, metadata={"user_id": "user-7"})
    price = sim.price(29_00, "usd", product="Team", at=START)
    subscription = sim.subscribe(buyer, price, quantity=3, at=START + 60, metadata={"user_id": "user-7"})
    renewal = sim.renew(subscription)
    paid, again = _charges(sim)
    sim.refund(paid, 10_00, at=START + 40 * DAY, reason="requested_by_customer")
    sim.refund(paid, 5_00, at=START + 41 * DAY)
    disputed = sim.dispute(again, at=START + 50 * DAY)
    sim.close_dispute(disputed, won=False, at=START + 60 * DAY)
    declined = sim.renew(subscription, decline="insufficient_funds")
    note = sim.credit_note(renewal, 7_00, at=START + 61 * DAY)
    sim.cancel(subscription, at=START + 62 * DAY)
    yen = sim.charge(buyer, 500, "jpy", at=START + 63 * DAY)
    guest = sim.checkout(
        sim.price(19_00, "eur", product="Report", interval=None, at=START),
        client_reference_id="user-99",
        at=START + 64 * DAY,
    )
    sim.payout(at=START + 70 * DAY)
    return {
        "buyer": buyer,
        "subscription": subscription,
        "renewal": renewal,
        "declined": declined,
        "note": note,
        "paid": paid,
        "disputed": disputed,
        "yen": yen,
        "guest": guest,
    }


def _charges(sim) -> tuple[dict[str, Any], dict[str, Any]]:
    newest, older = sim.store.newest_first("charge")[:2]
    return older, newest


def books() -> dict[str, list[dict[str, Any]]]:
    """Return every row that Stripe's facts write, without our own ids and times of writing."""
    return {model.__name__: _rows(model, key, fields) for model, (key, *fields) in _SHOWN.items()}


def _rows(model, key: str, fields: list[str]) -> list[dict[str, Any]]:
    return list(model.objects.order_by(key, *fields).values(key, *fields))


_SHOWN: dict[Any, list[str]] = {
    Customer: [
        "stripe_customer_id", "name", "email", "address", "country", "user_id", "currency", "metadata",
        "stripe_deleted_at",
    ],
    Subscription: [
        "stripe_subscription_id", "customer__stripe_customer_id", "status", "plan", "quantity", "currency", "mrr_cents",
        "billing_cycle", "current_period_start", "current_period_end", "cancel_at_period_end", "canceled_at",
        "created_at", "is_paused", "discount", "trial_end", "mrr_changes_at",
    ],
    MrrMovement: [
        "subscription__stripe_subscription_id", "occurred_at", "currency", "kind", "before_cents", "after_cents",
        "change_cents", "customer__stripe_customer_id",
    ],
    Invoice: [
        "stripe_invoice_id", "origin", "customer__stripe_customer_id", "user_id", "invoice_number", "status",
        "currency", "subtotal_cents", "discount_cents", "tax_cents", "total_cents", "amount_paid_cents",
        "credited_cents", "amount_due_cents", "billing_period_start", "billing_period_end", "issue_date", "due_date",
        "issued_at", "paid_at", "voided_at", "bill_to", "metadata", "lines__position", "lines__description",
        "lines__quantity", "lines__unit_price", "lines__amount_cents", "lines__tax_cents", "lines__stripe_line_id",
        "lines__service_period_start", "lines__service_period_end", "lines__discount_cents", "lines__tax_rate",
    ],
    InvoicePayment: [
        "stripe_id", "stripe_invoice_id", "stripe_payment_intent_id", "stripe_charge_id", "status",
        "amount_paid_cents", "currency", "paid_at",
    ],
    Payment: [
        "stripe_payment_intent_id", "origin", "stripe_charge_id", "invoice__stripe_invoice_id",
        "customer__stripe_customer_id", "user_id", "amount_cents", "currency", "status", "payment_method",
        "stripe_balance_transaction_id", "stripe_fee_cents", "net_amount_cents", "settlement_currency",
        "settlement_amount_cents", "exchange_rate", "failure_code", "failure_message", "refunded_at", "refund_reason",
        "refund_amount_cents", "received_at", "created_at",
    ],
    Refund: [
        "stripe_refund_id", "payment__stripe_payment_intent_id", "stripe_charge_id", "amount_cents", "currency",
        "status", "reason", "failure_reason", "created_at",
    ],
    Dispute: [
        "stripe_dispute_id", "payment__stripe_payment_intent_id", "stripe_charge_id", "amount_cents", "currency",
        "status", "reason", "evidence_due_at", "funds_withdrawn_at", "funds_reinstated_at", "created_at",
    ],
    BalanceTransaction: [
        "stripe_id", "type", "reporting_category", "source_id", "amount_cents", "fee_cents", "net_cents", "currency",
        "exchange_rate", "fee_details", "available_at", "created_at",
    ],
    Payout: ["stripe_payout_id", "amount_cents", "currency", "status", "arrival_date", "created_at"],
    CreditNote: [
        "stripe_credit_note_id", "invoice__stripe_invoice_id", "number", "status", "currency", "subtotal_cents",
        "tax_cents", "total_cents", "reduces_due_cents", "to_credit_cents", "to_refund_cents", "reason", "issue_date",
        "lines__description", "lines__amount_cents", "lines__tax_cents", "lines__invoice_line__stripe_line_id",
    ],
}  # fmt: skip
