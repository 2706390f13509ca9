"""Owns the page of a month's run: each contract beside its last month, approval and issue."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, OuterRef, Q, Sum
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from billing_site.kit.admin import (
    DateRange,
    Panel,
    QuestionForm,
    ReadOnlyAdmin,
    RowPageMixin,
    asking,
    badge,
    badge_column,
    confirmed,
    link_to,
    money_cell,
)
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import register
from billing_site.kit.money import Money
from billing_site.kit.periods import NotAMonth, Period
from partners.enums import EntryState, RunStatus
from partners.models import BillingRun, BillingRunEntry
from partners.services import approve_run, build_run, cancel_run, issue_run
from partners.services.zones import zone_named

_RUN = {"building": "", "preview": "info", "approved": "warning", "issued": "success", "canceled": ""}
_ENTRY = {
    "previewed": "info",
    "held": "warning",
    "billed": "success",
    "empty": "",
    "credited": "success",
    "parked": "danger",
}
_LARGE_CHANGE = Decimal(25)  # per cent, from which a person should look


class MonthForm(QuestionForm):
    explanation = (
        "Works out every contract of a month beside the month before. Nothing is billed until the preview is approved."
    )
    month = forms.CharField(help_text="Such as 2026-10.")

    def __init__(self, *args: Any, row: Any = None, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.initial = {"month": _month_before_this()}

    def clean_month(self) -> Period:
        try:
            return Period.parse_month(self.cleaned_data["month"], _zone())
        except NotAMonth as error:
            raise forms.ValidationError(str(error)) from error

    def carry_out(self, *, by: str) -> str:
        self.row = build_run(period=self.cleaned_data["month"], now=timezone.now(), by=by)
        count, parked = self.row.entries.count(), self.row.entries.parked().count()
        return f"{count} contracts of {self.row} are previewed, {parked} of them parked."


class IssueForm(QuestionForm):
    """Issues in chunks of their own transactions: a crash costs one chunk at most, the rest is billed later."""

    is_one_transaction = False
    explanation = (
        "Each approved contract gets its numbered invoice, dated the day of the approval. "
        "What differs from its preview is parked."
    )

    def carry_out(self, *, by: str) -> str:
        now = timezone.now()
        on = timezone.localdate(self.row.approved_at or now)
        run = issue_run(run=self.row, on=on, now=now, by=by)
        return (
            f"{run.entries.billed().count()} invoices are issued, {run.entries.parked().count()} contracts are parked."
        )


def approve(*, billingrun: BillingRun, now: Any, by: str) -> BillingRun:
    return approve_run(run=billingrun, now=now, by=by)


def cancel(*, billingrun: BillingRun, now: Any) -> BillingRun:
    return cancel_run(run=billingrun, now=now)


def _is(status: RunStatus) -> Callable[[BillingRun], bool]:
    return lambda run: run.status == status


@admin.register(BillingRun)
class BillingRunAdmin(RowPageMixin, ReadOnlyAdmin):
    list_display = (
        "__str__",
        badge_column("status", colors=_RUN),
        "contracts",
        "parked",
        "totals_text",
        "approved_by",
        "finished_at",
    )
    list_filter = ("status", ("period_start", DateRange))
    ordering = ("-period_start", "-pk")
    shows_history = True
    preview_a_month = asking("Preview a month", form=MonthForm, permission="partners.add_billingrun", icon="calculate")
    actions_list = ("preview_a_month",)
    issue = asking("Issue", form=IssueForm, permission="partners.approve_billingrun", icon="send")
    actions_detail = ("issue",)
    actions = (
        confirmed(
            "Approve",
            do=approve,
            permission="partners.approve_billingrun",
            reason="none",
            done="Approved",
            explanation="The previewed totals may be billed. The next sweep issues them; Issue does so at once.",
        ),
        confirmed("Cancel", do=cancel, permission="partners.change_billingrun", reason="none", done="Canceled"),
    )
    offered_when = {
        "approve": _is(RunStatus.PREVIEW),
        "issue": _is(RunStatus.APPROVED),
        "cancel": lambda run: run.status in {RunStatus.PREVIEW, RunStatus.APPROVED},
    }
    fields = (
        ("month", "state"),
        ("started_by", "started_at"),
        ("approved_by", "approved_at"),
        ("finished_at", "totals_text"),
    )
    readonly_fields = ("month", "state", "totals_text")
    state = badge_column("status", colors=_RUN)

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {
            "contract_count": Count("entries"),
            "parked_count": Count("entries", filter=Q(entries__state=EntryState.PARKED)),
        }
        sums = (
            BillingRunEntry.objects.filter(run=OuterRef("pk"))
            .exclude(state=EntryState.PARKED)
            .order_by("currency")
            .values("currency")
            .annotate(sum=Sum("total_cents"))
            .values(pair=JSONObject(currency=F("currency"), cents=F("sum")))
        )
        return super().get_queryset(request).annotate(**counts, sums=ArraySubquery(sums))

    def month(self, run: BillingRun) -> str:
        return f"{run.period_start:%B %Y}"

    def contracts(self, run: Any) -> int:
        return int(run.contract_count)

    contracts.admin_order_field = "contract_count"  # type: ignore[attr-defined]

    def parked(self, run: Any) -> Any:
        return badge(run.parked_count, "danger") if run.parked_count else badge("0", "success")

    parked.admin_order_field = "parked_count"  # type: ignore[attr-defined]

    def totals_text(self, run: Any) -> str:
        said = (Money(int(pair["cents"]), pair["currency"]).format() for pair in run.sums)
        return " · ".join(said) or self.get_empty_value_display()

    totals_text.short_description = "Totals, tax included"  # type: ignore[attr-defined]


@register(BillingRun)
def entries(run: BillingRun, request: HttpRequest) -> list[Panel]:  # noqa: ARG001
    """Parked contracts first, since they need a person; then each contract beside its last month."""
    found = run.entries.select_related("contract__partner", "invoice").order_by("contract__partner__name", "pk")
    parked = [
        (link_to(e.contract.partner), link_to(e.contract), e.reason) for e in found if e.state == EntryState.PARKED
    ]
    rows = [_entry_row(entry) for entry in found if entry.state != EntryState.PARKED]
    heads = ("Partner", "Contract", "Model", "State", "Invoice")
    return [
        Panel("Parked", ("Partner", "Contract", "Why, and what to do"), parked, is_wide=True),
        Panel(
            "Contracts",
            heads,
            rows,
            amounts=("Last month", "This month", "Change"),
            none="Every contract is parked.",
            is_wide=True,
        ),
    ]


def _entry_row(entry: BillingRunEntry) -> tuple[Any, ...]:
    contract = entry.contract
    return (
        link_to(contract.partner), link_to(contract), contract.get_pricing_model_display(),
        badge(entry.get_state_display(), _ENTRY[entry.state]), link_to(entry.invoice),
        money_cell(entry.previous_total_cents, entry.currency), money_cell(entry.total_cents, entry.currency),
        change_text(entry.previous_total_cents, entry.total_cents),
    )  # fmt: skip


def change_text(before: int | None, now: int) -> Any:
    """Say by how much a month differs from the one before; a large change stands out."""
    if before is None:
        return badge("new", "info")
    if before == 0:
        return EMPTY if now == 0 else badge("from nothing", "warning")
    percent = Decimal(now - before) * 100 / Decimal(before)
    said = f"{percent:+.1f} %" if now != before else "0.0 %"
    return (
        badge(said, "warning") if abs(percent) >= _LARGE_CHANGE else format_html('<span class="money">{}</span>', said)
    )


def _zone() -> Any:
    return zone_named(timezone.get_default_timezone_name(), of="BILLING_TIME_ZONE")


def _month_before_this() -> str:
    today = timezone.localdate()
    return Period.month(today.year, today.month, _zone()).previous_month().label()
