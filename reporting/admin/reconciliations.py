"""Owns the page of reconciliations: what was compared each morning, and that nothing differed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from billing_site.kit.admin import DateRange, Panel, ReadOnlyAdmin, RowPageMixin, badge, link_to, money_cell
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import day_text, span_text
from reporting.models import Reconciliation


@admin.register(Reconciliation)
class ReconciliationAdmin(RowPageMixin, ReadOnlyAdmin):
    list_display = ("span", "breaks_found", "theirs_count", "ours_count", "matched_count", "started_at", "took")
    list_filter = (("period_start", DateRange), ("started_at", DateRange))
    ordering = ("-started_at", "-pk")
    fields = (
        ("span", "breaks_found"),
        ("theirs_count", "ours_count"),
        ("matched_count", "took"),
        ("started_at", "finished_at"),
    )
    readonly_fields = ("span", "breaks_found", "took")

    def span(self, run: Reconciliation) -> str:
        return span_text(run.period_start, run.period_end)

    span.short_description = "Days"  # type: ignore[attr-defined]
    span.admin_order_field = "period_start"  # type: ignore[attr-defined]

    def breaks_found(self, run: Reconciliation) -> Any:
        return badge(run.break_count, "danger") if run.break_count else badge("0", "success")

    breaks_found.short_description = "Breaks"  # type: ignore[attr-defined]
    breaks_found.admin_order_field = "break_count"  # type: ignore[attr-defined]

    def took(self, run: Reconciliation) -> str:
        return f"{(run.finished_at - run.started_at) / dt.timedelta(seconds=1):.1f} s"


@register(Reconciliation)
def result(run: Reconciliation, request: HttpRequest) -> list[Panel]:  # noqa: ARG001
    sums = [
        (currency, *(money_cell(total.get(side), currency) for side in ("theirs", "ours", "difference")))
        for currency, total in sorted(run.totals.items())
    ]
    found = [
        (
            link_to(row, row.get_kind_display()),
            row.stripe_id,
            badge(row.get_status_display(), "danger" if row.status == "open" else "success"),
            day_text(row.found_at),
            money_cell(row.difference_cents, row.currency),
        )
        for row in run.breaks.order_by("status", "found_at", "pk")
    ]
    return [
        Panel(
            "Totals", ("Currency",), sums, amounts=("Stripe", "Ours", "Difference"), none="Nothing moved on these days."
        ),
        Panel(
            "Breaks last seen by this run",
            ("Kind", "Object", "Status", "Found"),
            found,
            amounts=("Difference",),
            none="No break: both sides agree.",
        ),
    ]
