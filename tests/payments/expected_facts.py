"""What each shipped Stripe payload must be turned into: the first facts of its event, by type."""

from __future__ import annotations

from typing import Any

from payments.stripe.facts import (
    CheckoutFacts,
    CreditNoteFacts,
    CustomerFacts,
    DisputeFacts,
    InvoiceFacts,
    InvoicePaymentFacts,
    PaymentFacts,
    PayoutFacts,
    RefundFacts,
    SubscriptionFacts,
)
from tests.payments.stripe_payloads import at

SALE: dict[str, Any] = {
    "stripe_id": "pi_Meridian000001",
    "charge_id": "ch_Meridian000001",
    "customer_id": "cus_Meridian000001",
    "currency": "USD",
    "amount_cents": 2999,
    "received_cents": 2999,
}
INVOICE: dict[str, Any] = {
    "stripe_id": "in_Meridian000001",
    "customer_id": "cus_Meridian000001",
    "subscription_id": "sub_Meridian000001",
    "user_id": "user_1042",
    "currency": "USD",
    "subtotal_cents": 2999,
    "tax_cents": 0,
    "total_cents": 2999,
    "amount_due_cents": 2999,
    "period_starts_at": at("2026-09-01T08:10:00"),
    "period_ends_at": at("2026-10-01T08:10:00"),
}
PAID = {
    **INVOICE,
    "number": "MERIDIAN-0001",
    "status": "paid",
    "amount_paid_cents": 2999,
    "amount_remaining_cents": 0,
    "finalized_at": at("2026-09-01T08:10:05"),
    "paid_at": at("2026-09-01T08:10:21"),
}
YEN_INVOICE = {
    "stripe_id": "in_Sakura00000001",
    "user_id": "user_2077",
    "currency": "JPY",
    "total_cents": 12000,
    "amount_paid_cents": 0,
    "amount_remaining_cents": 12000,
    "attempt_count": 1,
    "period_starts_at": at("2026-09-05T01:00:00"),
    "period_ends_at": at("2026-10-05T01:00:00"),
}
DECLINED = {
    "stripe_id": "pi_Sakura00000001",
    "charge_id": "ch_Sakura00000001",
    "status": "failed",
    "currency": "JPY",
    "amount_cents": 12000,
    "received_cents": 0,
    "failure_code": "card_declined",
    "failure_message": "Your card has insufficient funds.",
    "decline_code": "insufficient_funds",
    "payment_method": "card",
}
REFUND = {
    "stripe_id": "re_Meridian000001",
    "payment_intent_id": "pi_Meridian000001",
    "charge_id": "ch_Meridian000001",
    "status": "succeeded",
    "currency": "USD",
    "amount_cents": 1000,
    "reason": "requested_by_customer",
    "balance_transaction_id": "txn_Meridian000002",
    "created_at": at("2026-09-15T14:00:00"),
}
DISPUTE = {
    "stripe_id": "du_Meridian000001",
    "payment_intent_id": "pi_Meridian000001",
    "charge_id": "ch_Meridian000001",
    "currency": "USD",
    "amount_cents": 1999,
    "reason": "fraudulent",
}
TAKEN = {
    **DISPUTE,
    "settlement_currency": "USD",
    "withdrawn_cents": 1999,
    "fee_cents": 1500,
    "funds_withdrawn_at": at("2026-09-18T10:00:01"),
}
SUBSCRIPTION = {
    "stripe_id": "sub_Meridian000001",
    "customer_id": "cus_Meridian000001",
    "plan": "Registry Pro",
    "currency": "USD",
    "billing_cycle": "monthly",
    "to_expand": (),
}
YEN_SUBSCRIPTION = {"stripe_id": "sub_Sakura00000001", "currency": "JPY", "user_id": "user_2077"}
NOTE = {
    "stripe_id": "cn_Meridian000001",
    "number": "MERIDIAN-0001-CN-01",
    "status": "issued",
    "kind": "post_payment",
    "invoice_id": "in_Meridian000001",
    "currency": "USD",
    "total_cents": 1000,
    "after_payment_cents": 1000,
    "before_payment_cents": 0,
    "refund_ids": ("re_Meridian000001",),
}
PAYOUT = {
    "stripe_id": "po_Meridian000001",
    "currency": "USD",
    "amount_cents": 2882,
    "arrival_date": at("2026-09-10T00:00:00").date(),
    "is_automatic": True,
    "balance_transaction_id": "txn_Meridian000005",
}
CUSTOMER = {
    "stripe_id": "cus_Meridian000001",
    "name": "Meridian Titles GmbH",
    "email": "accounts@meridian-titles.example",
    "user_id": "user_1042",
}

EXPECTED: dict[str, tuple[type, dict[str, Any]]] = {
    "charge.captured": (
        PaymentFacts,
        # 70.00 of a hold of 100.00 was taken; the rest let go was never money and is no refund
        {
            "stripe_id": "pi_Hanse000000001",
            "status": "succeeded",
            "currency": "EUR",
            "amount_cents": 7000,
            "refund_amount_cents": 0,
        },
    ),
    "charge.dispute.closed": (DisputeFacts, {**TAKEN, "status": "won", "reinstated_cents": 0}),
    "charge.dispute.created": (
        DisputeFacts,
        {
            **DISPUTE,
            "status": "needs_response",
            "evidence_due_at": at("2026-09-27T23:59:59"),
            "withdrawn_cents": 0,
            "fee_cents": 0,
            "funds_withdrawn_at": None,
        },
    ),
    "charge.dispute.funds_reinstated": (
        DisputeFacts,
        {
            **TAKEN,
            "status": "won",
            "reinstated_cents": 1999,
            "funds_reinstated_at": at("2026-10-02T12:00:01"),
            "balance_transaction_ids": ("txn_Meridian000003", "txn_Meridian000004"),
        },
    ),
    "charge.dispute.funds_withdrawn": (DisputeFacts, {**TAKEN, "status": "needs_response"}),
    "charge.dispute.updated": (DisputeFacts, {**TAKEN, "status": "under_review"}),
    "charge.failed": (PaymentFacts, {**DECLINED, "card_last4": "9995", "source": "charge"}),
    "charge.refund.updated": (RefundFacts, REFUND),
    "charge.refunded": (
        PaymentFacts,
        {
            **SALE,
            "status": "partially_refunded",
            "refund_amount_cents": 1000,
            "refunded_at": at("2026-09-15T14:00:00"),
        },
    ),
    "charge.succeeded": (
        PaymentFacts,
        {
            **SALE,
            "status": "succeeded",
            "source": "charge",
            "payment_method": "card",
            "card_brand": "visa",
            "card_last4": "4242",
            "refund_amount_cents": 0,
            "stripe_fee_cents": None,
            "net_amount_cents": None,
        },
    ),
    "charge.updated": (PaymentFacts, {**SALE, "balance_transaction_id": "txn_Meridian000001"}),
    "checkout.session.completed": (
        CheckoutFacts,
        {
            "stripe_id": "cs_test_Meridian000001",
            "mode": "subscription",
            "status": "complete",
            "payment_status": "paid",
            "user_id": "user_1042",
            "customer_id": "cus_Meridian000001",
            "subscription_id": "sub_Meridian000001",
            "invoice_id": "in_Meridian000001",
            "currency": "USD",
            "total_cents": 2999,
        },
    ),
    "credit_note.created": (CreditNoteFacts, {**NOTE, "memo": ""}),
    "credit_note.updated": (CreditNoteFacts, {**NOTE, "memo": "One week without service"}),
    "credit_note.voided": (
        CreditNoteFacts,
        {
            "stripe_id": "cn_Gulf0000000001",
            "status": "void",
            "currency": "KWD",
            "total_cents": 5250,
            "before_payment_cents": 5250,
            "voided_at": at("2026-09-11T07:00:00"),
        },
    ),
    "customer.created": (CustomerFacts, {**CUSTOMER, "is_deleted": False}),
    "customer.deleted": (CustomerFacts, {**CUSTOMER, "is_deleted": True}),
    "customer.subscription.created": (
        SubscriptionFacts,
        {**SUBSCRIPTION, "status": "incomplete", "mrr_cents": 0, "period_ends_at": at("2026-10-01T08:10:00")},
    ),
    "customer.subscription.deleted": (
        SubscriptionFacts,
        {
            **SUBSCRIPTION,
            "status": "canceled",
            "mrr_cents": 0,
            "canceled_at": at("2026-10-20T11:00:00"),
            "ended_at": at("2026-11-01T08:10:00"),
        },
    ),
    "customer.subscription.paused": (
        SubscriptionFacts,
        {**YEN_SUBSCRIPTION, "status": "paused", "is_paused": True, "mrr_cents": 0},
    ),
    "customer.subscription.resumed": (
        SubscriptionFacts,
        {**YEN_SUBSCRIPTION, "status": "active", "is_paused": False, "mrr_cents": 12000},
    ),
    "customer.subscription.trial_will_end": (
        SubscriptionFacts,
        {
            **YEN_SUBSCRIPTION,
            "status": "trialing",
            "mrr_cents": 0,
            "trial_ends_at": at("2026-09-05T01:00:00"),
        },
    ),
    # 29.99 less 20 % for three months
    "customer.subscription.updated": (
        SubscriptionFacts,
        {**SUBSCRIPTION, "status": "active", "quantity": 1, "mrr_cents": 2399},
    ),
    "customer.updated": (CustomerFacts, CUSTOMER),
    "invoice.created": (InvoiceFacts, {**INVOICE, "status": "draft", "number": "", "finalized_at": None}),
    "invoice.finalized": (InvoiceFacts, {**INVOICE, "status": "open", "number": "MERIDIAN-0001"}),
    "invoice.marked_uncollectible": (
        InvoiceFacts,
        {**YEN_INVOICE, "status": "uncollectible", "marked_uncollectible_at": at("2026-09-25T01:00:00")},
    ),
    "invoice.paid": (InvoiceFacts, PAID),
    "invoice.payment_failed": (InvoiceFacts, {**YEN_INVOICE, "status": "open"}),
    "invoice.payment_succeeded": (InvoiceFacts, PAID),
    "invoice.updated": (InvoiceFacts, {**YEN_INVOICE, "status": "open"}),
    "invoice.voided": (
        InvoiceFacts,
        {
            "stripe_id": "in_Gulf0000000001",
            "status": "void",
            "currency": "KWD",
            "total_cents": 45120,
            "subscription_id": "",
            "due_at": at("2026-10-07T07:00:00"),
            "voided_at": at("2026-09-08T07:00:00"),
        },
    ),
    "invoice_payment.paid": (
        InvoicePaymentFacts,
        {
            "stripe_id": "inpay_Meridian0001",
            "invoice_id": "in_Meridian000001",
            "payment_intent_id": "pi_Meridian000001",
            "status": "paid",
            "currency": "USD",
            "amount_paid_cents": 2999,
            "paid_at": at("2026-09-01T08:10:21"),
        },
    ),
    "payment_intent.canceled": (
        PaymentFacts,
        {"stripe_id": "pi_Sakura00000001", "status": "canceled", "amount_cents": 12000, "failure_code": ""},
    ),
    "payment_intent.payment_failed": (PaymentFacts, {**DECLINED, "source": "payment_intent"}),
    "payment_intent.succeeded": (
        PaymentFacts,
        {**SALE, "status": "succeeded", "source": "payment_intent", "refund_amount_cents": None},
    ),
    "payout.canceled": (
        PayoutFacts,
        {
            "stripe_id": "po_Meridian000003",
            "status": "canceled",
            "amount_cents": 800,
            "is_automatic": False,
            "failure_balance_transaction_id": "txn_Meridian000009",
        },
    ),
    "payout.created": (PayoutFacts, {**PAYOUT, "status": "pending", "trace_id": ""}),
    "payout.failed": (
        PayoutFacts,
        {
            "stripe_id": "po_Meridian000002",
            "status": "failed",
            "amount_cents": 1200,
            "failure_code": "account_closed",
            "failure_message": "The bank account has been closed.",
            "failure_balance_transaction_id": "txn_Meridian000007",
        },
    ),
    "payout.paid": (PayoutFacts, {**PAYOUT, "status": "paid", "trace_id": "TRACE0001"}),
    "payout.reconciliation_completed": (
        PayoutFacts,
        {**PAYOUT, "status": "paid", "reconciliation_status": "completed"},
    ),
    "payout.updated": (PayoutFacts, {**PAYOUT, "status": "in_transit"}),
    "refund.created": (RefundFacts, REFUND),
    "refund.failed": (
        RefundFacts,
        {
            "stripe_id": "re_Sakura00000001",
            "status": "failed",
            "currency": "JPY",
            "amount_cents": 300,
            "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction_id": "txn_Sakura00000003",
        },
    ),
    "refund.updated": (RefundFacts, REFUND),
}
