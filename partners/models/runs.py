"""The month end: a run over all contracts, what it previewed, what it flagged, and what came of it."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import F, Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, is_currency, one_of
from invoices.models import CreditNote, Invoice
from partners.enums import EntryKind, EntryState, FlagKind, RunStatus
from partners.models.agreements import Contract, Partner, PurchaseOrder
from partners.querysets import (
    BilledPeriodQuerySet,
    BillingRunEntryQuerySet,
    BillingRunQuerySet,
    CorrectionQuerySet,
    LeftUnbilledQuerySet,
)


@audited
class BillingRun(models.Model):
    """One month's run over all partners: build, preview, approve, issue, print, send."""

    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: all partners."
    )
    change_percent = models.PositiveSmallIntegerField(default=30, help_text="From this change on, a month is flagged.")
    status = models.CharField(max_length=12, choices=RunStatus.choices, default=RunStatus.BUILDING)
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    approved_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_totals = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Minor units per currency, locked at approval."
    )
    issue_asked_by = models.CharField(max_length=150, blank=True)
    issue_asked_at = models.DateTimeField(null=True, blank=True, help_text="From then on the worker issues it.")
    sends = models.BooleanField(default=False, help_text="Send each invoice as soon as its document is kept.")
    sends_by = models.CharField(max_length=150, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = BillingRunQuerySet.as_manager()

    class Meta:
        permissions = [
            ("approve_billingrun", "Can approve billing runs"),
            ("hold_billingrun", "Can hold partners of billing runs, and leave months unbilled"),
            ("issue_billingrun", "Can issue approved billing runs"),
            ("send_billingrun", "Can send the invoices of billing runs"),
        ]
        constraints = [
            models.CheckConstraint(condition=one_of("status", RunStatus), name="billing_run_status_known"),
            models.UniqueConstraint(
                fields=["period_start", "partner"],
                condition=Q(status__in=(RunStatus.BUILDING, RunStatus.PREVIEW, RunStatus.APPROVED)),
                nulls_distinct=False,
                name="one_unfinished_run_per_month_and_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m}" + (f" of {self.partner}" if self.partner else "")


class BillingRunEntry(models.Model):
    """One contract in a run: what it would cost, what it became, or why it is parked or held."""

    run = models.ForeignKey(BillingRun, on_delete=models.CASCADE, related_name="entries", db_index=False)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="run_entries")
    kind = models.CharField(max_length=10, choices=EntryKind.choices, default=EntryKind.MONTH)
    revision = models.PositiveSmallIntegerField(default=1, help_text="Above 1: the month is billed again.")
    state = models.CharField(max_length=12, choices=EntryState.choices, default=EntryState.PREVIEWED)
    reason = models.TextField(blank=True, help_text="Why it is parked or held, and what to do.")
    decided_by = models.CharField(max_length=150, blank=True, help_text="Who held or released it.")
    decided_at = models.DateTimeField(null=True, blank=True, help_text="When somebody held or released it.")
    currency = CurrencyField()
    total_cents = CentsField(default=0)
    previous_total_cents = CentsField(null=True, blank=True, help_text="The month before, for comparison.")
    lines = models.JSONField(default=list)
    usage = models.JSONField(default=dict, help_text="The quantities per meter that the lines price.")
    previous_usage = models.JSONField(default=dict, help_text="The same of the month before, as it was billed.")
    corrections = models.JSONField(
        default=list, help_text="Late usage of billed months: what is asked for or given back."
    )
    purchase_order = models.ForeignKey(PurchaseOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = BillingRunEntryQuerySet.as_manager()

    class Meta:
        verbose_name = "run entry"
        verbose_name_plural = "run entries"
        constraints = [
            models.UniqueConstraint(fields=["run", "contract"], name="contract_once_per_run"),
            models.CheckConstraint(condition=one_of("kind", EntryKind), name="run_entry_kind_known"),
            models.CheckConstraint(condition=one_of("state", EntryState), name="run_entry_state_known"),
            models.CheckConstraint(condition=is_currency(), name="run_entry_currency_is_iso"),
            models.CheckConstraint(
                condition=~Q(state=EntryState.BILLED) | Q(invoice__isnull=False), name="billed_entry_has_its_invoice"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=(EntryState.PARKED, EntryState.HELD)) | ~Q(reason=""),
                name="parked_and_held_entries_say_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} · {self.run}"

    @property
    def is_held_by_somebody(self) -> bool:
        """Whether a person holds it; what waits for an order, or for another run, nobody holds."""
        return self.state == EntryState.HELD and self.decided_by != ""

    @property
    def may_be_held(self) -> bool:
        """Whether a person may hold it: it waits to be billed or for something else, or is parked in a preview."""
        waits = self.state == EntryState.PREVIEWED or (self.state == EntryState.HELD and not self.decided_by)
        is_parked = self.state == EntryState.PARKED and self.run.status == RunStatus.PREVIEW
        return (waits or is_parked) and self.run.status in (RunStatus.PREVIEW, RunStatus.APPROVED)


class RunFlag(models.Model):
    """Something about a run that a person should look at before approving it."""

    run = models.ForeignKey(BillingRun, on_delete=models.CASCADE, related_name="flags")
    entry = models.ForeignKey(BillingRunEntry, on_delete=models.CASCADE, null=True, blank=True, related_name="flags")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=30, choices=FlagKind.choices)
    sentence = models.TextField(help_text="What surprises, in figures.")

    class Meta:
        constraints = [models.CheckConstraint(condition=one_of("kind", FlagKind), name="run_flag_kind_known")]

    def __str__(self) -> str:
        return self.sentence


@audited
class BilledPeriod(models.Model):
    """A contract's month is billed, or came to nothing (no invoice): the idempotency key of the month end."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="billed_periods", db_index=False)
    period_start = models.DateField()
    period_end = models.DateField(help_text="Exclusive.")
    revision = models.PositiveSmallIntegerField(default=1)
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="billed_period"
    )
    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="billed_periods")
    purchase_order = models.ForeignKey(
        PurchaseOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="billed_periods"
    )
    terms = models.JSONField(help_text="The contract's terms as they were applied.")
    usage = models.JSONField(help_text="The quantities they were applied to.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BilledPeriodQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "period_start", "revision"], name="contract_billed_once_per_period"
            ),
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="billed_period_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} · {self.period_start:%Y-%m}"

    @property
    def served_days(self) -> tuple[dt.date, dt.date]:
        """The days of the month that were billed, half-open, whatever became of the contract since."""
        start, _, end = self.terms.get("served", f"{self.period_start}/{self.period_end}").partition("/")
        return dt.date.fromisoformat(start), dt.date.fromisoformat(end)


@audited
class LeftUnbilled(models.Model):
    """A person's decision that an undone month stays unbilled, until somebody reopens it; both stay on record."""

    billed_period = models.ForeignKey(BilledPeriod, on_delete=models.PROTECT, related_name="decisions")
    reason = models.TextField()
    decided_by = models.CharField(max_length=150)
    decided_at = models.DateTimeField()
    reopened_by = models.CharField(max_length=150, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)

    objects = LeftUnbilledQuerySet.as_manager()

    class Meta:
        verbose_name = "month left unbilled"
        verbose_name_plural = "months left unbilled"
        constraints = [
            models.UniqueConstraint(
                fields=["billed_period"], condition=Q(reopened_at=None), name="month_is_left_unbilled_once"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="month_left_unbilled_says_why"),
            models.CheckConstraint(
                condition=Q(reopened_by="", reopened_at=None) | ~Q(reopened_by="") & Q(reopened_at__isnull=False),
                name="month_is_reopened_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.billed_period} · left unbilled"


@audited
class Correction(models.Model):
    """Late usage of a billed month, settled: on a later invoice, by a credit note, or without money.

    From then on the month is billed for `usage`; the next correction starts there.
    """

    billed_period = models.ForeignKey(
        BilledPeriod, on_delete=models.PROTECT, related_name="corrections", db_index=False
    )
    sequence = models.PositiveSmallIntegerField(default=1)
    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="corrections")
    usage = models.JSONField(help_text="The quantities per meter that are billed from now on.")
    currency = CurrencyField()
    net_cents = CentsField(help_text="Asked for in addition, before tax; below zero: given back.")
    lines = models.JSONField(default=list, help_text="The month as rated on time, beside what was billed before.")
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="usage_corrections"
    )
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="usage_corrections"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "late usage"
        constraints = [
            models.UniqueConstraint(fields=["billed_period", "sequence"], name="month_corrected_once_per_step"),
            models.CheckConstraint(condition=is_currency(), name="correction_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(net_cents__gt=0, invoice__isnull=False, credit_note=None)
                | Q(net_cents__lt=0, invoice=None, credit_note__isnull=False)
                | Q(net_cents=0, invoice=None, credit_note=None),
                name="correction_has_its_paper",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.billed_period} · late usage {self.sequence}"
