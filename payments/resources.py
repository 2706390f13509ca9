"""The columns of exports of payments and of what Stripe told us."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from billing_site.kit.exports import Field, SafeResource
from payments.models import (
    AccountImport,
    BalanceTransaction,
    Credit,
    Dispute,
    EventListing,
    MrrMovement,
    Payment,
    Payout,
    Refund,
    StripeEvent,
    Subscription,
)

PAYMENT_COLUMNS = MappingProxyType(
    {
        "id": "id",
        "invoice_id": "invoice_id",
        "user_id": "user_id",
        "amount_cents": "amount_cents",
        "currency": "currency",
        "status": "status",
        "stripe_fee_cents": "stripe_fee_cents",
        "net_amount_cents": "net_amount_cents",
        "created_at": "created_at",
        "invoice_number": "invoice__invoice_number",
        "customer_id": "customer_id",
        "customer": "customer__name",
        "origin": "origin",
        "payment_method": "payment_method",
        "reference": "reference",
        "settlement_currency": "settlement_currency",
        "settlement_amount_cents": "settlement_amount_cents",
        "refund_amount_cents": "refund_amount_cents",
        "received_at": "received_at",
        "stripe_payment_intent_id": "stripe_payment_intent_id",
        "stripe_charge_id": "stripe_charge_id",
        "failure_code": "failure_code",
    }
)
"""Heads of `payments.csv` and where they are read; fee and net are in the settlement currency."""

_SETTLED = dict.fromkeys(("stripe_fee_cents", "net_amount_cents", "settlement_amount_cents"), "settlement_currency")


class PaymentResource(SafeResource):
    invoice_number = Field(attribute="invoice__invoice_number", column_name="invoice_number", readonly=True)
    customer_name = Field(attribute="customer__name", column_name="customer_name", readonly=True)
    currency_of = _SETTLED

    class Meta:
        model = Payment
        fields = (
            "id", "origin", "invoice", "invoice_number", "customer", "customer_name", "user_id", "amount_cents",
            "currency", "status", "payment_method", "reference", "stripe_fee_cents", "net_amount_cents",
            "settlement_currency", "settlement_amount_cents", "refund_amount_cents", "refunded_at", "refund_reason",
            "allocated_cents", "failure_code", "failure_message", "stripe_payment_intent_id", "stripe_charge_id",
            "received_at", "created_at",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("invoice", "customer")


class RefundResource(SafeResource):
    class Meta:
        model = Refund
        fields = (
            "id", "stripe_refund_id", "payment", "stripe_charge_id", "amount_cents", "currency", "status", "reason",
            "failure_reason", "created_at",
        )  # fmt: skip
        export_order = fields


class DisputeResource(SafeResource):
    currency_of = dict.fromkeys(("withdrawn_cents", "reinstated_cents", "fee_cents"), "settlement_currency")

    class Meta:
        model = Dispute
        fields = (
            "id", "stripe_dispute_id", "payment", "stripe_charge_id", "amount_cents", "currency", "status", "reason",
            "evidence_due_at", "withdrawn_cents", "reinstated_cents", "fee_cents", "settlement_currency",
            "funds_withdrawn_at", "funds_reinstated_at", "created_at",
        )  # fmt: skip
        export_order = fields


class BalanceTransactionResource(SafeResource):
    class Meta:
        model = BalanceTransaction
        fields = (
            "id", "stripe_id", "type", "reporting_category", "source_id", "amount_cents", "fee_cents", "net_cents",
            "currency", "exchange_rate", "stripe_payout_id", "description", "available_at", "created_at",
        )  # fmt: skip
        export_order = fields


class PayoutResource(SafeResource):
    class Meta:
        model = Payout
        fields = (
            "id", "stripe_payout_id", "amount_cents", "currency", "status", "arrival_date", "is_automatic", "method",
            "reconciliation_status", "failure_code", "failure_message", "created_at",
        )  # fmt: skip
        export_order = fields


class CreditResource(SafeResource):
    customer_name = Field(attribute="customer__name", column_name="customer_name", readonly=True)

    class Meta:
        model = Credit
        fields = (
            "id", "customer", "customer_name", "kind", "amount_cents", "remaining_cents", "currency", "expires_at",
            "reason", "source", "created_at",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("customer")


class SubscriptionResource(SafeResource):
    customer_name = Field(attribute="customer__name", column_name="customer_name", readonly=True)

    class Meta:
        model = Subscription
        fields = (
            "id", "customer", "customer_name", "stripe_subscription_id", "status", "plan", "quantity", "discount",
            "mrr_cents", "currency", "billing_cycle", "current_period_start", "current_period_end",
            "cancel_at_period_end", "trial_end", "is_paused", "canceled_at", "created_at",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("customer")


class MrrMovementResource(SafeResource):
    customer_name = Field(attribute="customer__name", column_name="customer_name", readonly=True)
    stripe_subscription_id = Field(
        attribute="subscription__stripe_subscription_id", column_name="stripe_subscription_id", readonly=True
    )

    class Meta:
        model = MrrMovement
        fields = (
            "id", "occurred_at", "kind", "customer", "customer_name", "stripe_subscription_id", "before_cents",
            "after_cents", "change_cents", "currency",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("customer", "subscription")


class StripeEventResource(SafeResource):
    """The inbox without the bytes: those are read on the page of an event."""

    class Meta:
        model = StripeEvent
        fields = (
            "id", "event_id", "type", "object_type", "object_id", "status", "source", "attempts", "api_version",
            "stripe_created_at", "received_at", "applied_at", "skipped_by", "skipped_reason",
        )  # fmt: skip
        export_order = fields


class EventListingResource(SafeResource):
    class Meta:
        model = EventListing
        fields = ("id", "listed_from", "listed_until", "found", "kept", "finished_at")
        export_order = fields


class AccountImportResource(SafeResource):
    class Meta:
        model = AccountImport
        fields = ("id", "object_type", "since", "read", "last_stripe_id", "started_at", "finished_at")
        export_order = fields
