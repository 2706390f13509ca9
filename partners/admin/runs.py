"""Owns the page of a month's run: its steps, totals and contracts, followed live; what people decide about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, Q, Sum
from django.db.models.functions import JSONObject
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from billing_site.kit.admin import (
    DateRange,
    Panel,
    ReadOnlyAdmin,
    RowPageMixin,
    asking,
    badge,
    badge_column,
    link_column,
    money_column,
)
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import day_text
from billing_site.kit.money import Money
from billing_site.kit.wording import counted
from partners.admin.run_entries import Asked, flag_badge, flags_without_contract, line_rows, page_of, rows_of
from partners.admin.run_forms import (
    ApproveForm,
    CancelForm,
    HoldForm,
    IssueForm,
    MonthForm,
    ReleaseForm,
    RetryForm,
    SendForm,
)
from partners.admin.run_progress import counts_of, flag_chips, is_live, state_chips, steps_of, totals_beside
from partners.enums import EntryState, RunStatus
from partners.models import BillingRun, BillingRunEntry

_RUN = {"building": "", "preview": "info", "approved": "warning", "issued": "success", "canceled": ""}
_ENTRY = {
    "previewed": "info",
    "held": "warning",
    "billed": "success",
    "empty": "",
    "credited": "success",
    "parked": "danger",
}


def _is(*statuses: RunStatus) -> Callable[[BillingRun], bool]:
    return lambda run: run.status in statuses


def _can_retry(run: BillingRun) -> bool:
    if run.status == RunStatus.PREVIEW:
        return bool(run.entries.to_retry().exists())
    return run.status == RunStatus.ISSUED and bool(run.entries.left_out().exists())


def _of_run(asked: Any) -> str:
    row = asked.row
    return reverse("admin:partners_billingrun_change", args=[getattr(row, "run_id", row.pk)])


@admin.register(BillingRun)
class BillingRunAdmin(RowPageMixin, ReadOnlyAdmin):
    list_display = (
        "__str__",
        badge_column("status", colors=_RUN),
        "contracts",
        "parked",
        "held",
        "flagged",
        "totals_text",
        "approved_by",
        "finished_at",
    )
    list_filter = ("status", ("period_start", DateRange))
    list_select_related = ("partner",)
    ordering = ("-period_start", "-pk")
    shows_history = True
    change_form_outer_before_template = "admin/partners/run.html"
    preview_a_month = asking(
        "Preview a month", form=MonthForm, permission="partners.add_billingrun", icon="calculate", done_url=_of_run
    )
    actions_list = ("preview_a_month",)
    approve = asking("Approve", form=ApproveForm, permission="partners.approve_billingrun", icon="task_alt")
    retry = asking(
        "Retry parked", form=RetryForm, permission="partners.add_billingrun", icon="refresh", done_url=_of_run
    )
    issue = asking("Issue", form=IssueForm, permission="partners.issue_billingrun", icon="play_arrow")
    send = asking("Send", form=SendForm, permission="partners.send_billingrun", icon="outgoing_mail")
    cancel = asking("Cancel", form=CancelForm, permission="partners.change_billingrun", icon="block")
    actions_detail = ("approve", "issue", "send", "retry", "cancel")
    offered_when = {
        "approve": _is(RunStatus.PREVIEW),
        "issue": lambda run: run.status == RunStatus.APPROVED and run.issue_asked_at is None,
        "send": _is(RunStatus.APPROVED, RunStatus.ISSUED),
        "retry_parked": _can_retry,
        "cancel": _is(RunStatus.PREVIEW, RunStatus.APPROVED),
    }
    fields = (
        ("started_by", "started_at"),
        ("approved_by", "approved_at"),
        ("issue_asked_by", "issue_asked_at"),
        ("sends", "sends_by"),
        ("finished_at", "change_percent"),
    )

    class Media:
        js = ("brand/run.js",)

    def get_urls(self) -> list[URLPattern]:
        live = path("<int:key>/progress/", self.admin_site.admin_view(self.progress), name="partners_billingrun_live")
        return [live, *super().get_urls()]

    def progress(self, request: HttpRequest, key: int) -> HttpResponse:
        """Answer the part of the page that changes while a run is at work."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.get_queryset(request).filter(pk=key).first()
        if run is None:
            raise Http404
        return render(request, "admin/partners/run_live.html", self.row_context(request, run))

    def row_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {"run_page": run_page(row, request)}

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {
            "contract_count": Count("entries"),
            "parked_count": Count("entries", filter=Q(entries__state=EntryState.PARKED)),
            "held_count": Count("entries", filter=Q(entries__state=EntryState.HELD)),
        }
        sums = (
            BillingRunEntry.objects.filter(run=OuterRef("pk"))
            .counting()
            .order_by("currency")
            .values("currency")
            .annotate(sum=Sum("total_cents"))
            .values(pair=JSONObject(currency=F("currency"), cents=F("sum")))
        )
        flags = BillingRun.objects.filter(pk=OuterRef("pk")).annotate(count=Count("flags")).values_list("count")
        found = super().get_queryset(request).select_related("partner")
        return found.annotate(**counts, sums=ArraySubquery(sums), flag_counts=ArraySubquery(flags))

    def contracts(self, run: Any) -> int:
        return int(run.contract_count)

    contracts.admin_order_field = "contract_count"  # type: ignore[attr-defined]

    def parked(self, run: Any) -> Any:
        return badge(run.parked_count, "danger") if run.parked_count else badge("0", "success")

    parked.admin_order_field = "parked_count"  # type: ignore[attr-defined]

    def held(self, run: Any) -> Any:
        return badge(run.held_count, "warning") if run.held_count else badge("0", "success")

    held.admin_order_field = "held_count"  # type: ignore[attr-defined]

    def flagged(self, run: Any) -> int:
        return int(run.flag_counts[0])

    flagged.short_description = "Flags"  # type: ignore[attr-defined]

    def totals_text(self, run: Any) -> str:
        said = (Money(int(pair["cents"]), pair["currency"]).format() for pair in run.sums)
        return " · ".join(said) or self.get_empty_value_display()

    totals_text.short_description = "Totals, tax included"  # type: ignore[attr-defined]


def run_page(run: BillingRun, request: HttpRequest) -> dict[str, Any]:
    """Gather the page of a run: a fixed number of queries, and at most one page of contracts."""
    asked, counts = Asked.of(request.GET), counts_of(run)
    page = page_of(run, asked)
    address = reverse("admin:partners_billingrun_change", args=[run.pk])

    def url(**changed: Any) -> str:
        given = {"state": asked.state, "flag": asked.flag, "q": asked.text} | changed
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{address}?{query}" if query else address

    return {
        "url": reverse("admin:partners_billingrun_live", args=[run.pk]),
        "entry_url": reverse("admin:partners_billingrunentry_changelist"),
        "is_live": is_live(run, counts),
        "title": f"{run.period_start:%B %Y}" + (f" of {run.partner}" if run.partner else ""),
        "status": badge(run.get_status_display(), _RUN[run.status]),
        "about": f"Built by {run.started_by} on {day_text(run.started_at)}; flags changes of {run.change_percent} %",
        "steps": steps_of(run, counts),
        "totals": totals_beside(run),
        "chips": _chips(state_chips(counts), asked.state, lambda value: url(state=value, flag="")),
        "flag_chips": _chips(flag_chips(counts), asked.flag, lambda value: url(flag=value, state="")),
        "text": asked.text,
        "loose_flags": flags_without_contract(run, asked),
        "rows": rows_of(run, page, request),
        "shown": f"{page.start_index():,} to {page.end_index():,} of {counted(page.paginator.count, 'contract')}",
        "previous_url": url(p=page.previous_page_number()) if page.has_previous() else "",
        "next_url": url(p=page.next_page_number()) if page.has_next() else "",
    }


def _chips(chips: Iterable[tuple[str, str, int]], chosen: str, url: Callable[[str], str]) -> list[dict[str, Any]]:
    return [
        {"label": label, "count": count, "url": url(value), "is_chosen": value == chosen}
        for value, label, count in chips
    ]


@admin.register(BillingRunEntry)
class BillingRunEntryAdmin(RowPageMixin, ReadOnlyAdmin):
    """One contract in a run: its lines, flags and decisions."""

    list_display = (
        link_column("run"),
        link_column("contract__partner", "Partner"),
        link_column("contract"),
        badge_column("state", colors=_ENTRY),
        money_column("previous_total_cents", "Last month"),
        money_column("total_cents", "This month"),
        link_column("invoice"),
        "reason",
    )
    list_display_links = None
    list_filter = ("state", "kind", ("run__period_start", DateRange))
    search_fields = ("contract__reference", "contract__partner__name", "invoice__invoice_number")
    search_help_text = "Contract, partner or invoice number"
    list_select_related = ("run__partner",)
    ordering = ("-pk",)
    hold = asking("Hold", form=HoldForm, permission="partners.hold_billingrun", icon="pan_tool", done_url=_of_run)
    release = asking(
        "Release", form=ReleaseForm, permission="partners.hold_billingrun", icon="lock_open", done_url=_of_run
    )
    actions_detail = ("hold", "release")
    offered_when = {
        "hold": lambda entry: entry.may_be_held,
        "release": lambda entry: entry.state == EntryState.HELD,
    }
    fields = (
        ("run", "contract"),
        ("state", "kind"),
        ("total_cents", "previous_total_cents"),
        ("invoice", "revision"),
        "reason",
        ("decided_by", "decided_at"),
    )


@register(BillingRunEntry)
def lines_and_flags(entry: BillingRunEntry, request: HttpRequest) -> list[Panel]:  # noqa: ARG001
    """The lines as they were rated, and what surprised."""
    lines = [
        (line.description, line.explanation, line.quantity, line.unit_price, line.amount) for line in line_rows(entry)
    ]
    flags = [(flag_badge(flag), flag.sentence) for flag in entry.flags.order_by("pk")]
    return [
        Panel("Flags", ("Flag", "What surprises"), flags, is_wide=True),
        Panel("Lines", ("Line", "How"), lines, amounts=("Quantity", "Price", "Amount"), is_wide=True),
    ]
