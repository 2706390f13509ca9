"""Owns the read-only pages of Stripe's facts: refunds, disputes, movements, payouts, subscriptions."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import (
    DateRange,
    ReadOnlyAdmin,
    RowPageMixin,
    TotalsMixin,
    View,
    badge_column,
    link_column,
    money_column,
    stripe_link,
)
from billing_site.kit.admin.words import day_text
from billing_site.kit.exports import ExportMixin
from payments.admin import tones
from payments.models import BalanceTransaction, Dispute, Payout, Refund, Subscription
from payments.resources import (
    BalanceTransactionResource,
    DisputeResource,
    PayoutResource,
    RefundResource,
    SubscriptionResource,
)


class StripeFacts(RowPageMixin, TotalsMixin, ExportMixin, ReadOnlyAdmin):
    """A table that Stripe fills."""

    ordering = ("-created_at", "-pk")


@admin.register(Refund)
class RefundAdmin(StripeFacts):
    list_display = (
        "__str__",
        link_column("payment"),
        link_column("payment__customer", "Customer"),
        badge_column("status", colors=tones.REFUND),
        money_column("amount_cents", "Amount"),
        "reason",
        "created_at",
    )
    list_filter = (
        ("status", AllValuesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("created_at", DateRange),
    )
    search_fields = ("stripe_refund_id", "stripe_charge_id", "stripe_payment_intent_id", "payment__customer__name")
    search_help_text = "Refund, charge or payment intent id, or customer"
    totals = ("amount_cents",)
    resource_classes = (RefundResource,)
    fieldsets = (
        (None, {"fields": (("payment", "state"), ("amount", "created_at"), ("reason", "failure_reason"))}),
        ("Stripe", {"fields": (("refund", "charge"), ("stripe_payment_intent_id", "stripe_balance_transaction_id"))}),
    )
    readonly_fields = ("state", "amount", "refund", "charge")
    state, amount = badge_column("status", colors=tones.REFUND), money_column("amount_cents")
    refund, charge = stripe_link("stripe_refund_id", "Refund"), stripe_link("stripe_charge_id", "Charge")


@admin.register(Dispute)
class DisputeAdmin(StripeFacts):
    list_display = (
        "stripe_dispute_id",
        link_column("payment"),
        link_column("payment__customer", "Customer"),
        badge_column("status", colors=tones.DISPUTE),
        money_column("amount_cents", "Amount"),
        "reason",
        "evidence_due",
    )
    list_filter = (
        ("status", AllValuesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("created_at", DateRange),
    )
    search_fields = ("stripe_dispute_id", "stripe_charge_id", "payment__customer__name")
    search_help_text = "Dispute or charge id, or customer"
    totals = ("amount_cents",)
    resource_classes = (DisputeResource,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("payment", "state"),
                    ("amount", "reason"),
                    ("evidence_due_at", "created_at"),
                    ("funds_withdrawn_at", "funds_reinstated_at"),
                )
            },
        ),
        ("Stripe", {"fields": (("dispute", "charge"), "stripe_payment_intent_id")}),
    )
    readonly_fields = ("state", "amount", "dispute", "charge")
    state, amount = badge_column("status", colors=tones.DISPUTE), money_column("amount_cents")
    dispute, charge = stripe_link("stripe_dispute_id", "Dispute"), stripe_link("stripe_charge_id", "Charge")

    def evidence_due(self, dispute: Dispute) -> str:
        return day_text(dispute.evidence_due_at)

    evidence_due.admin_order_field = "evidence_due_at"  # type: ignore[attr-defined]


@admin.register(BalanceTransaction)
class BalanceTransactionAdmin(StripeFacts):
    list_display = (
        "stripe_id",
        "category",
        money_column("amount_cents", "Amount"),
        money_column("fee_cents", "Fee"),
        money_column("net_cents", "Net"),
        stripe_link("source_id", "Source"),
        "created_at",
    )
    list_filter = (
        ("reporting_category", AllValuesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("created_at", DateRange),
        ("available_at", DateRange),
    )
    search_fields = ("stripe_id", "source_id", "stripe_payout_id")
    search_help_text = "Id of the movement, its source or its payout"
    totals = ("amount_cents", "fee_cents", "net_cents")
    resource_classes = (BalanceTransactionResource,)
    fields = (
        ("stripe_id", "source"), ("type", "reporting_category"), ("amount", "fee"), ("net", "exchange_rate"),
        ("created_at", "available_at"), ("payout", "description"), "fee_details",
    )  # fmt: skip
    readonly_fields = ("source", "amount", "fee", "net", "payout")
    amount, fee, net = money_column("amount_cents"), money_column("fee_cents"), money_column("net_cents")
    source, payout = stripe_link("source_id", "Source"), stripe_link("stripe_payout_id", "Payout")

    def category(self, movement: BalanceTransaction) -> str:
        return movement.reporting_category.replace("_", " ")

    category.admin_order_field = "reporting_category"  # type: ignore[attr-defined]


@admin.register(Payout)
class PayoutAdmin(StripeFacts):
    list_display = (
        stripe_link("stripe_payout_id", "Payout"),
        badge_column("status", colors=tones.PAYOUT),
        money_column("amount_cents", "Amount"),
        "arrival_date",
        "failure_code",
        "created_at",
    )
    list_display_links = ("created_at",)
    list_filter = (
        ("status", AllValuesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("arrival_date", DateRange),
    )
    search_fields = ("stripe_payout_id",)
    search_help_text = "Payout id"
    totals = ("amount_cents",)
    resource_classes = (PayoutResource,)
    fields = (("payout", "state"), ("amount", "arrival_date"), ("created_at", "failure_code"))
    readonly_fields = ("payout", "state", "amount")
    payout, state = stripe_link("stripe_payout_id", "Payout"), badge_column("status", colors=tones.PAYOUT)
    amount = money_column("amount_cents")


@admin.register(Subscription)
class SubscriptionAdmin(StripeFacts):
    list_display = (
        "plan_name",
        link_column("customer"),
        badge_column("status", colors=tones.SUBSCRIPTION),
        "billing_cycle",
        money_column("mrr_cents", "MRR"),
        "current_period_end",
        "cancel_at_period_end",
    )
    list_filter = (
        ("status", AllValuesCheckboxFilter),
        ("billing_cycle", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("created_at", DateRange),
    )
    search_fields = ("stripe_subscription_id", "customer__name", "plan")
    search_help_text = "Subscription id, customer or plan"
    views = (View("Recurring", "recurring"), View("Past due", "status=past_due"), View("Canceled", "status=canceled"))
    totals = ("mrr_cents",)
    resource_classes = (SubscriptionResource,)
    fields = (
        ("customer", "subscription"), ("plan", "quantity"), ("state", "billing_cycle"), ("mrr", "cancel_at_period_end"),
        ("current_period_start", "current_period_end"), ("created_at", "canceled_at"),
    )  # fmt: skip
    readonly_fields = ("subscription", "state", "mrr")
    subscription, mrr = stripe_link("stripe_subscription_id", "Stripe"), money_column("mrr_cents", "MRR")
    state = badge_column("status", colors=tones.SUBSCRIPTION)

    def plan_name(self, subscription: Subscription) -> str:
        return subscription.plan or subscription.stripe_subscription_id

    plan_name.short_description = "Plan"  # type: ignore[attr-defined]
    plan_name.admin_order_field = "plan"  # type: ignore[attr-defined]
