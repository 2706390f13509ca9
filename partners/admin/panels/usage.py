"""Owns the usage on a partner's page: a chart of days for each meter; what became of it stands below in months."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from django.db.models import Sum
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
_ONE_DAY = dt.timedelta(days=1)
_ByDay = Mapping[dt.date, Decimal | int]


@register(Partner)
def usage_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    """Draw each meter that was used in these days; one query."""
    if not may_see(request, ApiUsage):
        return
    end = timezone.localdate() + _ONE_DAY
    counted = _counted(partner, end - dt.timedelta(days=_DAYS), end)
    used = [meter for meter in METERS if any(counted[meter].values())]
    for meter in used:
        panel = _panel(Days(partner, meter, end - dt.timedelta(days=_DAYS), end), counted[meter])
        yield replace(panel, is_wide=len(used) == 1)
    if not used:
        yield Panel("Usage", (), (), none=f"Nothing was used in the last {_DAYS} days.", is_wide=True)


def _panel(days: Days, counted: _ByDay) -> Panel:
    name = Meter(days.meter).label
    daily = every_day(days.start, days.end, counted)
    busiest, most = max(daily, key=lambda pair: pair[1])
    chart = daily_bars(
        daily,
        title=f"{name} per day, last {_DAYS} days",
        said=lambda day, count: f"{day:%a} {day_text(day)}: {count_text(count)}",
    )
    return Panel(
        name,
        (),
        (),
        url=daily_url(days),
        picture=chart,
        note=f"The last {_DAYS} days, weekends lighter; most on {day_text(busiest)}: {count_text(most)}.",
    )


def _counted(partner: Partner, start: dt.date, end: dt.date) -> dict[str, _ByDay]:
    """Add up each day: deeds by quantity, requests by number."""
    found: dict[str, dict[dt.date, Decimal | int]] = {meter: {} for meter in METERS}
    rows = partner.api_usage.filter(day__gte=start, day__lt=end, event_type__in=METERS).order_by()
    sums = rows.values_list("event_type", "day").annotate(requests=Sum("requests"), quantity=Sum("quantity"))
    for meter, day, requests, quantity in sums:
        found[meter][day] = quantity if meter == Meter.DEED else requests
    return dict(found)
