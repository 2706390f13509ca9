"""Owns the usage behind what was billed: on an invoice, a billed month, and a contract of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing_site.kit.admin import Panel, link_to, may_see, money_cell
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import count_text, span_text
from invoices.enums import LineKind
from invoices.models import Invoice
from partners.admin.usage_days import links_to
from partners.enums import Meter
from partners.evidence import METERS, Days, Evidence, LateStep, evidence_of_invoice, evidence_of_month, late_steps
from partners.models import ApiUsage, BilledPeriod, BillingRunEntry

_MINUS = "\N{MINUS SIGN}"
_HEADS = ("Meter", "Days", "Look at")


@register(Invoice)
def behind_lines(invoice: Invoice, request: HttpRequest) -> Iterator[Panel]:
    """Lead from each metered line to what was counted for it."""
    if not may_see(request, ApiUsage):
        return
    found = evidence_of_invoice(invoice)
    yield Panel(
        "Usage behind each line",
        ("Line", *_HEADS),
        [(_line(evidence), *_row(evidence), *_figures(evidence)) for evidence in found],
        amounts=("On this line", "Counted when billed", "Counted now"),
        note=_said(found),
        is_wide=True,
    )
    yield from _late({evidence.period.pk: evidence.period for evidence in found}.values())


@register(BilledPeriod)
def behind_month(period: BilledPeriod, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, ApiUsage):
        return
    found = evidence_of_month(period)
    yield Panel(
        "Usage behind this month",
        _HEADS,
        [(*_row(evidence), count_text(evidence.billed), count_text(evidence.counted)) for evidence in found],
        amounts=("Counted when billed", "Counted now"),
        none="Nothing was counted for this month.",
        note=_said(found),
        is_wide=True,
    )
    yield from _late([period])


@register(BillingRunEntry)
def behind_entry(entry: BillingRunEntry, request: HttpRequest) -> Iterator[Panel]:
    """Lead from a contract of a run to the usage that was previewed."""
    if not may_see(request, ApiUsage):
        return
    start = max(entry.run.period_start, entry.contract.start_date)
    end = min(entry.run.period_end, entry.contract.end_date or entry.run.period_end)
    rows = [
        (*_days(Days(entry.contract.partner, meter, start, end)), count_text(Decimal(entry.usage[meter])))
        for meter in METERS
        if start < end and Decimal(entry.usage.get(meter, 0))
    ]
    yield Panel("Usage behind this contract", _HEADS, rows, amounts=("Counted when previewed",), is_wide=True)


def _line(evidence: Evidence) -> SafeString:
    line = evidence.line
    return format_html('{}<br><span class="panel-detail">{}</span>', line, line.detail if line else "")


def _row(evidence: Evidence) -> tuple[Any, ...]:
    return _days(evidence.days)


def _days(days: Days) -> tuple[Any, ...]:
    span = f"{span_text(days.start, days.end)}, {days.partner.billing_time_zone}"
    return Meter(days.meter).label, span, links_to(days)


def _figures(evidence: Evidence) -> tuple[str, str, str]:
    """A line of late usage asks for an amount: what it was counted for is what came late."""
    line = evidence.line
    if line is None or line.kind == LineKind.CORRECTION:
        return EMPTY, _signed(evidence.quantity), count_text(evidence.counted)
    return count_text(line.quantity), count_text(evidence.quantity), count_text(evidence.counted)


def _said(found: Sequence[Evidence]) -> str:
    """Say in figures what was counted after a month was billed; nothing where nothing was."""
    told = {
        (evidence.period.pk, evidence.meter): f"{_signed(evidence.since)} {Meter(evidence.meter).label.lower()} of "
        f"{evidence.period.period_start:%B %Y} were counted after this was billed: {count_text(evidence.billed)} then, "
        f"{count_text(evidence.counted)} now."
        for evidence in found
        if evidence.since
    }
    return " ".join(told.values())


def _late(periods: Any) -> Iterator[Panel]:
    yield Panel(
        "Counted after billing",
        ("Month", "Meter", "On paper"),
        [_step(step) for step in late_steps(list(periods))] if periods else [],
        amounts=("Counted", "Net"),
        is_wide=True,
    )


def _step(step: LateStep) -> tuple[Any, ...]:
    month = link_to(step.period, f"{step.period.period_start:%B %Y}")
    if step.correction is None:
        return month, Meter(step.meter).label, "On no paper yet: the next run settles it", _signed(step.quantity), EMPTY
    paper = step.correction.invoice or step.correction.credit_note
    shown = link_to(paper) if paper else "Settled without money"
    net = money_cell(step.correction.net_cents, step.correction.currency)
    return month, Meter(step.meter).label, shown, _signed(step.quantity), net


def _signed(number: Decimal) -> str:
    sign = "+" if number > 0 else _MINUS if number < 0 else ""
    return f"{sign}{count_text(abs(number))}"
