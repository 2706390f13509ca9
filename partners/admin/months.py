"""Owns the pages of billed months: on which terms and quantities, what late usage changed, billing one again or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from billing_site.kit.admin import (
    DateRange,
    Panel,
    ReadOnlyAdmin,
    RowPageMixin,
    View,
    confirmed,
    link_column,
    link_to,
    money_cell,
    money_column,
)
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import day_text, span_text
from billing_site.kit.exports import ExportMixin
from partners.admin.run_entries import usage_text
from partners.admin.terms_words import kept_rows
from partners.models import BilledPeriod, BillingRun, Correction, LeftUnbilled
from partners.resources import BilledPeriodResource, CorrectionResource
from partners.services import bill_again, leave_unbilled, reopen_month


def bill_once_more(*, billedperiod: BilledPeriod, now: Any, by: str) -> BillingRun:
    return bill_again(billed_period=billedperiod, now=now, by=by)


def leave_month_unbilled(*, billedperiod: BilledPeriod, reason: str, now: Any, by: str) -> LeftUnbilled:
    return leave_unbilled(billed_period=billedperiod, reason=reason, now=now, by=by)


def reopen(*, billedperiod: BilledPeriod, now: Any, by: str) -> LeftUnbilled:
    return reopen_month(billed_period=billedperiod, now=now, by=by)


def is_undecided(period: BilledPeriod) -> bool:
    return bool(BilledPeriod.objects.undecided().contains(period))


def is_left_unbilled(period: BilledPeriod) -> bool:
    return bool(BilledPeriod.objects.left_unbilled().contains(period))


_LEFT_UNBILLED = View("Left unbilled", "left_unbilled")
_RUN = link_column("run")


@admin.register(BilledPeriod)
class BilledPeriodAdmin(RowPageMixin, ExportMixin, ReadOnlyAdmin):
    """What was billed, on which terms and quantities; the row is why a month is billed once."""

    list_display = (
        "month",
        link_column("contract__partner", "Partner"),
        link_column("contract"),
        "revision",
        link_column("invoice"),
        money_column("invoice__total_cents", "Total", currency="invoice__currency"),
        _RUN,
    )
    list_filter = (("period_start", DateRange), ("created_at", DateRange))
    search_fields = ("contract__reference", "contract__partner__name", "invoice__invoice_number")
    search_help_text = "Contract, partner or invoice number"
    list_select_related = ("run__partner",)
    ordering = ("-period_start", "contract__partner__name", "-revision")
    views = (
        View("To bill again", "to_bill_again", dated=True),
        _LEFT_UNBILLED,
        View("Undone", "undone"),
    )
    resource_classes = (BilledPeriodResource,)
    actions = (
        confirmed(
            "Bill again",
            do=bill_once_more,
            permission="partners.add_billingrun",
            reason="none",
            done="Previewed",
            explanation="Previews this month of the contract once more, as its next revision, with all that is counted "
            "now. Its invoice must be void or credited in full. Nothing is billed until the run is approved.",
        ),
        confirmed(
            "Leave unbilled",
            do=leave_month_unbilled,
            permission="partners.hold_billingrun",
            done="Left unbilled",
            explanation="Decides that this month of the contract stays unbilled, with all that is counted for it, and "
            "asks for it no more. The reason is kept with your name. Reopen takes it back.",
        ),
        confirmed(
            "Reopen",
            do=reopen,
            permission="partners.hold_billingrun",
            reason="none",
            done="Reopened",
            explanation="Takes the decision back: the month may be billed again. Nothing is billed by that.",
        ),
    )
    offered_when = {"bill_again": is_undecided, "leave_unbilled": is_undecided, "reopen": is_left_unbilled}
    fields = (
        ("contract", "invoice"),
        ("served", "created_at"),
        ("revision", "run"),
        "counted_then",
    )
    readonly_fields = ("served", "counted_then")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        return rows.with_why_left_unbilled() if _LEFT_UNBILLED.is_open(request) else rows

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Say of months left unbilled why, who decided it and when, in the place of how they were billed."""
        columns = super().get_list_display(request)
        if not _LEFT_UNBILLED.is_open(request):
            return columns
        return [*(column for column in columns if column not in {"revision", _RUN}), "reason", "decided"]

    def month(self, period: BilledPeriod) -> str:
        return f"{period.period_start:%Y-%m}"

    month.admin_order_field = "period_start"  # type: ignore[attr-defined]

    def reason(self, period: Any) -> str:
        return str(period.left_because)

    def decided(self, period: Any) -> str:
        return _by(period.left_by, period.left_at)

    decided.admin_order_field = "left_at"  # type: ignore[attr-defined]

    def served(self, period: BilledPeriod) -> str:
        return span_text(*period.served_days)

    served.short_description = "Days billed"  # type: ignore[attr-defined]

    def counted_then(self, period: BilledPeriod) -> str:
        return usage_text(period.usage) or "nothing"

    counted_then.short_description = "Counted when it was billed"  # type: ignore[attr-defined]


@register(BilledPeriod)
def decisions(period: BilledPeriod, request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001
    """Who left the month unbilled and why, and who reopened it; no panel where nobody did."""
    rows = [
        (_by(one.decided_by, one.decided_at), one.reason, _by(one.reopened_by, one.reopened_at))
        for one in period.decisions.in_order()
    ]
    yield Panel("Left unbilled", ("Decided", "Reason", "Reopened"), rows, is_wide=True)


def _by(user: str, at: dt.datetime | None) -> str:
    return f"{day_text(at)} by {user}" if at else EMPTY


@register(BilledPeriod)
def terms_kept(period: BilledPeriod, request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001
    """The terms the month was billed on, in words, as they were kept with it."""
    yield Panel("Billed on these terms", ("Term", "Kept with the month"), kept_rows(period))


@register(BilledPeriod)
def corrections(period: BilledPeriod, request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001
    """What was counted after the month was billed, step by step, and the paper that settled it."""
    steps = period.corrections.select_related("invoice", "credit_note", "run__partner").order_by("sequence")
    rows = [
        (link_to(step, str(step.sequence)), link_to(step.invoice or step.credit_note), link_to(step.run),
         usage_text(step.usage) or "nothing", money_cell(step.net_cents, step.currency))
        for step in steps
    ]  # fmt: skip
    heads = ("Step", "Paper", "Run", "Billed for from then on")
    yield Panel("Late usage", heads, rows, amounts=("Before tax",), none="All usage was on time.", is_wide=True)


@admin.register(Correction)
class CorrectionAdmin(ExportMixin, ReadOnlyAdmin):
    """Late usage of billed months, settled by a line, a credit note, or without money."""

    list_display = (
        "month",
        link_column("billed_period__contract__partner", "Partner"),
        link_column("billed_period__contract", "Contract"),
        "sequence",
        link_column("invoice"),
        link_column("credit_note"),
        money_column("net_cents", "Before tax"),
        link_column("run"),
        "created_at",
    )
    list_filter = (("created_at", DateRange),)
    search_fields = ("billed_period__contract__reference", "billed_period__contract__partner__name")
    search_help_text = "Contract or partner"
    list_select_related = ("billed_period", "run__partner")
    ordering = ("-pk",)
    resource_classes = (CorrectionResource,)
    fields = (
        ("partner", "billed_period"),
        ("invoice", "credit_note"),
        ("before_tax", "billed_from_then_on"),
        "explanation",
        ("run", "created_at"),
    )
    readonly_fields = ("partner", "before_tax", "explanation", "billed_from_then_on")

    def month(self, step: Correction) -> str:
        return f"{step.billed_period.period_start:%Y-%m}"

    month.admin_order_field = "billed_period__period_start"  # type: ignore[attr-defined]

    def partner(self, step: Correction) -> Any:
        return link_to(step.billed_period.contract.partner)

    def before_tax(self, step: Correction) -> Any:
        return money_cell(step.net_cents, step.currency)

    def explanation(self, step: Correction) -> str:
        return "; ".join(line["explanation"] for line in step.lines)

    def billed_from_then_on(self, step: Correction) -> str:
        return usage_text(step.usage) or "nothing"
