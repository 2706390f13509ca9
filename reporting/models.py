"""The daily proof: what was compared, and what did not agree."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, one_of
from reporting.enums import BreakKind, BreakStatus
from reporting.querysets import BreakQuerySet


class Reconciliation(models.Model):
    """One comparison of Stripe's balance transactions with our rows. Zero breaks is a result, and is written down."""

    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    theirs_count = models.PositiveIntegerField()
    ours_count = models.PositiveIntegerField()
    matched_count = models.PositiveIntegerField()
    break_count = models.PositiveIntegerField()
    totals = models.JSONField(default=dict, help_text="Per currency: theirs, ours, difference, in minor units.")

    class Meta:
        permissions = [("view_revenue", "Can view revenue")]
        constraints = [
            models.CheckConstraint(
                condition=Q(period_end__gt=models.F("period_start")), name="reconciliation_period_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m-%d}"


@audited
class Break(models.Model):
    """One difference, with the evidence of both sides. Found again, it is the same break."""

    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.PROTECT, related_name="breaks", help_text="The last run that saw it."
    )
    kind = models.CharField(max_length=20, choices=BreakKind.choices)
    stripe_id = models.CharField(max_length=255, help_text="The balance transaction, charge, refund or dispute.")
    currency = CurrencyField()
    difference_cents = CentsField(help_text="Theirs less ours.")
    theirs = models.JSONField(null=True, blank=True)
    ours = models.JSONField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=BreakStatus.choices, default=BreakStatus.OPEN)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.TextField(blank=True)
    found_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = BreakQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=one_of("kind", BreakKind), name="break_kind_known"),
            models.CheckConstraint(condition=one_of("status", BreakStatus), name="break_status_known"),
            models.UniqueConstraint(
                fields=["kind", "stripe_id"], condition=Q(status=BreakStatus.OPEN), name="open_break_once"
            ),
        ]
        indexes = [models.Index(fields=["status", "found_at"], name="break_by_age")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.stripe_id}"
