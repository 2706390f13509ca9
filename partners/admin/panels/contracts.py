"""Owns the contracts of a partner as a time line: one bar per version, and today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing_site.kit.admin import Panel, badge, link_to, may_see
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import span_text
from partners.admin.terms_words import terms_text
from partners.models import Contract, Partner

_TONES = {"draft": "", "active": "success", "ended": "warning"}
_AHEAD = dt.timedelta(days=90)
_TEXTS_SIDE_BY_SIDE = 6
_ALL = 10_000  # hundredths of a per cent


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The days a time line spans; places on it are per cent, written without a float."""

    start: dt.date
    end: dt.date
    today: dt.date

    def at(self, day: dt.date) -> str:
        place = min(max((day - self.start).days, 0), self._days) * _ALL // self._days
        return f"{place // 100}.{place % 100:02}%"

    def width(self, start: dt.date, end: dt.date | None) -> str:
        first, last = max(start, self.start), min(end or self.end, self.end)
        share = max((last - first).days, 0) * _ALL // self._days
        return f"{share // 100}.{share % 100:02}%"

    def years(self) -> list[tuple[dt.date, str]]:
        """Return each New Year on it."""
        days = (dt.date(year, 1, 1) for year in range(self.start.year + 1, self.end.year + 1))
        return [(day, str(day.year)) for day in days if day < self.end]

    def touch(self, one: dt.date, other: dt.date) -> bool:
        """Tell whether texts below two days would run into each other."""
        return abs((one - other).days) * _TEXTS_SIDE_BY_SIDE < self._days

    @property
    def _days(self) -> int:
        return (self.end - self.start).days


@register(Partner)
def contracts_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Contract):
        return
    contracts = list(partner.contracts.order_by("-start_date", "-version"))
    axis = axis_of(contracts, today=timezone.localdate())
    rows = [
        (
            link_to(row),
            badge(row.get_status_display(), _TONES[row.status]),
            terms_text(row),
            span_text(row.start_date, row.end_date),
            bar(row, axis),
        )
        for row in contracts
    ]
    heads = ("Contract", "Status", "Terms", "Runs", scale(axis) if rows else "")
    yield Panel("Contracts", heads, rows, none="No contract yet.", is_wide=True)


def axis_of(contracts: Sequence[Contract], *, today: dt.date) -> TimeAxis:
    """Span all contracts and some months ahead; an open one runs on to its right end."""
    starts = [contract.start_date for contract in contracts]
    ends = [contract.end_date for contract in contracts if contract.end_date]
    return TimeAxis(min([*starts, today]), max([*ends, *starts, today]) + _AHEAD, today)


def bar(contract: Contract, axis: TimeAxis) -> SafeString:
    said = f"{contract}: {span_text(contract.start_date, contract.end_date)}"
    years = [(axis.at(day),) * 2 for day, _ in axis.years()]
    return format_html(
        '<svg class="timeline" role="img" aria-label="{}"><title>{}</title>'
        '<rect class="track" x="0" y="5" width="100%" height="12" rx="3"/>{}'
        '<rect class="{}" x="{}" y="5" width="{}" height="12" rx="3"/>'
        '<line class="today" x1="{}" x2="{}" y1="0" y2="22"/></svg>',
        *(said, said),
        format_html_join("", '<line class="year" x1="{}" x2="{}" y1="3" y2="19"/>', years),
        *(contract.status, axis.at(contract.start_date), axis.width(contract.start_date, contract.end_date)),
        *(axis.at(axis.today),) * 2,
    )


def scale(axis: TimeAxis) -> SafeString:
    """Write the years and today above the bars."""
    years = [(axis.at(day), year) for day, year in axis.years() if not axis.touch(day, axis.today)]
    return format_html(
        '<svg class="timeline" role="img" aria-label="Time line"><title>Time line</title>{}'
        '<text class="now" x="{}" y="15" text-anchor="middle">today</text></svg>',
        format_html_join("", '<text x="{}" y="15" text-anchor="middle">{}</text>', years),
        axis.at(axis.today),
    )
