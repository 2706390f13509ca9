"""Owns the pages of what recurs: subscriptions, and how their monthly worth moved."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import DateRange, View, badge_column, link_column, money_column, stripe_link
from billing_site.kit.admin.words import day_text
from payments.admin import tones
from payments.admin.ledger import StripeFacts
from payments.models import MrrMovement, Subscription
from payments.resources import MrrMovementResource, SubscriptionResource


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
        ("customer", "subscription"), ("plan", "quantity"), ("state", "billing_cycle"), ("mrr", "discount"),
        ("current_period_start", "current_period_end"), ("trial_end", "next_change"),
        ("created_at", "canceled_at"), ("ends_with_period", "paused"),
    )  # fmt: skip
    readonly_fields = ("subscription", "state", "mrr", "next_change", "ends_with_period", "paused")
    subscription, mrr = stripe_link("stripe_subscription_id", "Stripe"), money_column("mrr_cents", "MRR")
    state = badge_column("status", colors=tones.SUBSCRIPTION)

    def plan_name(self, subscription: Subscription) -> str:
        return subscription.plan or subscription.stripe_subscription_id

    def next_change(self, subscription: Subscription) -> str:
        if subscription.mrr_changes_at is None:
            return self.get_empty_value_display()
        return f"{day_text(subscription.mrr_changes_at)}, when a coupon ends"

    next_change.short_description = "MRR changes"  # type: ignore[attr-defined]

    def ends_with_period(self, subscription: Subscription) -> str:
        return "Yes" if subscription.cancel_at_period_end else "No"

    ends_with_period.short_description = "Ends with the period"  # type: ignore[attr-defined]

    def paused(self, subscription: Subscription) -> str:
        return "Yes, so it is no MRR" if subscription.is_paused else "No"

    plan_name.short_description = "Plan"  # type: ignore[attr-defined]
    plan_name.admin_order_field = "plan"  # type: ignore[attr-defined]


@admin.register(MrrMovement)
class MrrMovementAdmin(StripeFacts):
    list_display = (
        badge_column("kind", "Movement", colors=tones.MRR),
        link_column("customer"),
        link_column("subscription", text="plan"),
        money_column("before_cents", "Before"),
        money_column("after_cents", "After"),
        money_column("change_cents", "Change"),
        "occurred_at",
    )
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("occurred_at", DateRange),
    )
    search_fields = ("subscription__stripe_subscription_id", "customer__name", "subscription__plan")
    search_help_text = "Subscription id, customer or plan"
    ordering = ("-occurred_at", "-pk")
    views = (
        View("New", "kind=new"),
        View("Expansion", "kind=expansion"),
        View("Contraction", "kind=contraction"),
        View("Churn", "kind=churn"),
        View("Reactivation", "kind=reactivation"),
    )
    totals = ("change_cents",)
    resource_classes = (MrrMovementResource,)
    fields = (
        ("what", "occurred_at"), ("customer", "subscription"), ("before", "after"), "change",
    )  # fmt: skip
    readonly_fields = ("what", "before", "after", "change")
    what = badge_column("kind", "Movement", colors=tones.MRR)
    before, after = money_column("before_cents", "Before"), money_column("after_cents", "After")
    change = money_column("change_cents", "Change")
