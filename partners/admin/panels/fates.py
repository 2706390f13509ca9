"""Owns the panel that says what became of a partner's usage."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, may_see
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import count_text
from partners.enums import Meter
from partners.fates import Fate
from partners.models import ApiUsage, LeftUnbilled, Partner
from partners.services import fates_of

_MONTHS = 6


@register(Partner)
def where_it_went(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    """Each month and meter: all that was counted is billed, open, free under its contract, or rejected for a reason."""
    if not may_see(request, ApiUsage):
        return
    today = timezone.localdate()
    month = today.year * 12 + today.month - 1 - _MONTHS
    since = today.replace(year=month // 12, month=month % 12 + 1, day=1)
    found = sorted(fates_of(partner=partner, since=since).items(), reverse=True)
    rows = [(f"{start:%B %Y}", Meter(meter).label, *_counts(fate)) for (start, meter), fate in found]
    amounts = ("Counted", "Billed", "Open", "Free", "Without contract", "Left unbilled")
    heads, note = ("Month", "Meter"), _why_left(partner, since)
    yield Panel("Where the usage went", heads, rows, amounts=amounts, none="Nothing yet.", note=note, is_wide=True)


def _counts(fate: Fate) -> Iterator[str]:
    rejected = (fate.without_contract, fate.left_unbilled)
    return map(count_text, (fate.counted, fate.billed, fate.open, fate.free, *rejected))


def _why_left(partner: Partner, since: dt.date) -> str:
    """Say who left which of these months unbilled, and why."""
    standing = LeftUnbilled.objects.standing().filter(
        billed_period__contract__partner=partner, billed_period__period_start__gte=since
    )
    rows = standing.select_related("billed_period").order_by("-billed_period__period_start", "pk")
    return " \N{MIDDLE DOT} ".join(
        f"{one.billed_period.period_start:%B %Y} is left unbilled by {one.decided_by}: {one.reason}" for one in rows
    )
