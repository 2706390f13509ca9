"""What recurs: subscriptions, each of their versions as Stripe told it, and how their monthly worth moved."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, is_currency, one_of
from billing_site.kit.money import Money
from invoices.models import Customer
from payments.enums import BillingCycle, MrrMovementKind
from payments.querysets import SubscriptionQuerySet, SubscriptionVersionQuerySet


@audited
class Subscription(models.Model):
    """A subscription as Stripe last told it; `mrr_cents` is where its movements have led."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    stripe_subscription_id = models.CharField(max_length=255, unique=True)
    status = models.CharField(max_length=30)
    is_paused = models.BooleanField(default=False, help_text="Not collected for now, so not recurring revenue.")
    plan = models.CharField(max_length=200, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    discount = models.CharField(max_length=200, blank=True, help_text="The coupons that reduce it.")
    currency = CurrencyField()
    mrr_cents = CentsField(default=0)
    mrr_changes_at = models.DateTimeField(null=True, help_text="When a coupon ends, and with it the reduction.")
    mrr_counted_until = models.DateTimeField(null=True, help_text="Up to here ended coupons are reckoned with.")
    billing_cycle = models.CharField(max_length=20, choices=BillingCycle.choices)
    current_period_start = models.DateTimeField(null=True)
    current_period_end = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    canceled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        db_table = "subscriptions"
        constraints = [
            models.CheckConstraint(condition=one_of("billing_cycle", BillingCycle), name="subscription_cycle_known"),
            models.CheckConstraint(condition=Q(mrr_cents__gte=0), name="mrr_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["mrr_changes_at"],
                condition=Q(mrr_changes_at__isnull=False),
                name="subscription_mrr_changes",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan or 'Subscription'} ({self.status})"


class SubscriptionVersion(models.Model):
    """One version of a subscription, with the terms its worth is counted from: kept so that movements can be redone."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="versions", db_index=False)
    seen_created = models.BigIntegerField(help_text="Unix seconds at which Stripe said it.")
    state_rank = models.SmallIntegerField()
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what this version says.")
    status = models.CharField(max_length=30)
    is_counted = models.BooleanField(help_text="Active or past due, and not paused: recurring revenue.")
    plan = models.CharField(max_length=200, blank=True)
    quantity = models.PositiveIntegerField()
    currency = CurrencyField()
    mrr_cents = CentsField(help_text="What it was worth a month when it was told.")
    terms = models.JSONField(help_text="Prices, quantities and coupons; those told by id only are looked up in others.")

    objects = SubscriptionVersionQuerySet.as_manager()

    class Meta:
        db_table = "subscription_versions"
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "seen_created", "fingerprint"], name="subscription_version_kept_once"
            ),
            models.CheckConstraint(condition=Q(mrr_cents__gte=0), name="version_mrr_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} at {self.seen_created}"


class MrrMovement(models.Model):
    """A change of what a subscription is worth a month; together they lead from nothing to its MRR."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="mrr_movements", db_index=False
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="mrr_movements")
    kind = models.CharField(max_length=20, choices=MrrMovementKind.choices)
    occurred_at = models.DateTimeField()
    before_cents = CentsField()
    after_cents = CentsField()
    change_cents = CentsField()
    currency = CurrencyField()

    class Meta:
        db_table = "mrr_movements"
        verbose_name = "MRR movement"
        constraints = [
            models.CheckConstraint(condition=one_of("kind", MrrMovementKind), name="mrr_movement_kind_known"),
            models.CheckConstraint(condition=is_currency(), name="mrr_movement_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(change_cents=F("after_cents") - F("before_cents")), name="mrr_change_is_after_less_before"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["new", "reactivation"], before_cents=0, after_cents__gt=0)
                | Q(kind="churn", before_cents__gt=0, after_cents=0)
                | Q(kind="expansion", before_cents__gt=0, after_cents__gt=F("before_cents"))
                | Q(kind="contraction", after_cents__gt=0, before_cents__gt=F("after_cents")),
                name="mrr_movement_kind_fits",
            ),
            models.UniqueConstraint(
                fields=["subscription", "occurred_at", "currency"], name="mrr_moves_once_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["-occurred_at", "-id"], name="mrr_movement_newest_first")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {Money(self.change_cents, self.currency).format()}"
