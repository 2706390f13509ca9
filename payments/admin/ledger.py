"""Owns the read-only pages of Stripe's facts about money: refunds, disputes, movements, payouts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AllValuesCheckboxFilter

from billing_site.kit.admin import (
    DateRange,
    ReadOnlyAdmin,
    RowPageMixin,
    TotalsMixin,
    badge_column,
    link_column,
    money_column,
    stripe_link,
)
from billing_site.kit.admin.words import day_text
from billing_site.kit.exports import ExportMixin
from payments.admin import tones
from payments.models import BalanceTransaction, Dispute, Payout, Refund
from payments.resources import (
    BalanceTransactionResource,
    DisputeResource,
    PayoutResource,
    RefundResource,
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
        "why",
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
                    ("amount", "why"),
                    ("evidence_due_at", "created_at"),
                )
            },
        ),
        (
            "Money",
            {
                "fields": (
                    ("withdrawn", "funds_withdrawn_at"),
                    ("reinstated", "funds_reinstated_at"),
                    ("fee", "settlement_currency"),
                )
            },
        ),
        ("Stripe", {"fields": (("dispute", "charge"), "stripe_payment_intent_id")}),
    )
    readonly_fields = ("state", "amount", "why", "withdrawn", "reinstated", "fee", "dispute", "charge")
    state, amount = badge_column("status", colors=tones.DISPUTE), money_column("amount_cents")
    withdrawn = money_column("withdrawn_cents", "Withdrawn", currency="settlement_currency")
    reinstated = money_column("reinstated_cents", "Reinstated", currency="settlement_currency")
    fee = money_column("fee_cents", "Stripe's fee for it", currency="settlement_currency")
    dispute, charge = stripe_link("stripe_dispute_id", "Dispute"), stripe_link("stripe_charge_id", "Charge")

    def why(self, dispute: Dispute) -> str:
        return dispute.reason.replace("_", " ") or self.get_empty_value_display()

    why.short_description = "Reason"  # type: ignore[attr-defined]
    why.admin_order_field = "reason"  # type: ignore[attr-defined]

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
        "stripe_payout_id",
        badge_column("status", colors=tones.PAYOUT),
        money_column("amount_cents", "Amount"),
        "arrival_date",
        "reconciliation",
        "created_at",
    )
    list_filter = (
        ("status", AllValuesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("arrival_date", DateRange),
    )
    search_fields = ("stripe_payout_id",)
    search_help_text = "Payout id"
    totals = ("amount_cents",)
    resource_classes = (PayoutResource,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("payout", "state"),
                    ("amount", "arrival_date"),
                    ("created_at", "way"),
                    ("reconciliation", "contents_fetched_at"),
                )
            },
        ),
        ("Failure", {"fields": (("failure_code", "failure_message"),)}),
    )
    readonly_fields = ("payout", "state", "amount", "way", "reconciliation")
    payout, state = stripe_link("stripe_payout_id", "Payout"), badge_column("status", colors=tones.PAYOUT)
    amount = money_column("amount_cents")

    def get_fieldsets(self, request: HttpRequest, obj: Payout | None = None) -> Any:
        has_failed = obj is not None and bool(obj.failure_code or obj.failure_message)
        return [part for part in super().get_fieldsets(request, obj) if part[0] != "Failure" or has_failed]

    def way(self, payout: Payout) -> str:
        return f"{'Automatic' if payout.is_automatic else 'By hand'}, {payout.method or 'standard'}"

    way.short_description = "Made"  # type: ignore[attr-defined]

    def reconciliation(self, payout: Payout) -> str:
        return payout.reconciliation_status.replace("_", " ") or self.get_empty_value_display()

    reconciliation.short_description = "At Stripe"  # type: ignore[attr-defined]
    reconciliation.admin_order_field = "reconciliation_status"  # type: ignore[attr-defined]
