"""Owns the usage on a partner's page: a chart of days for each meter, and the months below it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, may_see
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import count_text, day_text
from billing_site.kit.charts import daily_bars, every_day
from partners.admin.usage_days import daily_url
from partners.enums import Meter
from partners.evidence import METERS, Days
from partners.models import ApiUsage, Partner

_DAYS = 92
_MONTHS = 6
_MEASURED = {Meter.DEED: "quantity", Meter.REQUEST: "requests"}
_ONE_DAY = dt.timedelta(days=1)


@register(Partner)
def usage_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    """Draw each meter that was ever used in these months; two queries."""
    if not may_see(request, ApiUsage):
        return
    end = timezone.localdate() + _ONE_DAY
    daily, monthly = _daily(partner, end - dt.timedelta(days=_DAYS), end), _monthly(partner, end)
    used = [meter for meter in METERS if monthly.get(meter)]
    for meter in used:
        panel = _panel(partner, meter, end, daily.get(meter, {}), monthly[meter])
        yield replace(panel, is_wide=len(used) == 1)
    if not used:
        yield Panel("Usage", (), (), none="Nothing was used in the last months.", is_wide=True)


def _panel(
    partner: Partner, meter: str, end: dt.date, counted: dict[dt.date, Decimal], months: dict[dt.date, Decimal]
) -> Panel:
    name = Meter(meter).label
    title = f"{name} per day, last {_DAYS} days"
    days = every_day(end - dt.timedelta(days=_DAYS), end, counted)
    busiest = max(days, key=lambda pair: pair[1])
    return Panel(
        name,
        ("Month",),
        [(f"{month:%B %Y}", count_text(count)) for month, count in sorted(months.items(), reverse=True)],
        amounts=("Counted",),
        url=daily_url(Days(partner, meter, end - dt.timedelta(days=_DAYS), end)),
        picture=daily_bars(days, title=title, said=lambda day, count: f"{day:%a} {day_text(day)}: {count_text(count)}"),
        note=f"The last {_DAYS} days, weekends lighter; most on {day_text(busiest[0])}: {count_text(busiest[1])}.",
    )


def _daily(partner: Partner, start: dt.date, end: dt.date) -> dict[str, dict[dt.date, Decimal]]:
    rows = partner.api_usage.filter(day__gte=start, day__lt=end).order_by().values_list("event_type", "day")
    return _by_meter(rows.annotate(requests=Sum("requests"), quantity=Sum("quantity")))


def _monthly(partner: Partner, end: dt.date) -> dict[str, dict[dt.date, Decimal]]:
    first = (end.replace(day=1) - dt.timedelta(days=30 * (_MONTHS - 1))).replace(day=1)
    rows = partner.api_usage.filter(day__gte=first).annotate(month=TruncMonth("day")).order_by()
    sums = rows.values_list("event_type", "month").annotate(requests=Sum("requests"), quantity=Sum("quantity"))
    return _by_meter(sums)


def _by_meter(rows: Any) -> dict[str, dict[dt.date, Decimal]]:
    """Sort counts by meter: deeds by quantity, requests by number."""
    found: dict[str, dict[dt.date, Decimal]] = {}
    for meter, day, requests, quantity in rows:
        measured = quantity if _MEASURED.get(meter) == "quantity" else Decimal(requests)
        found.setdefault(meter, {})[day] = measured
    return found
