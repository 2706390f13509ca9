"""Days, spans, counts and rates as the pages write them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.utils import timezone

from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.money_forms import plain
from billing_site.kit.money import Money, TooPrecise

_NBSP = "\N{NO-BREAK SPACE}"


def day_text(day: dt.date | dt.datetime | None) -> str:
    """Write a day that does not break over two lines; an instant by its day in the billing time zone."""
    if day is None:
        return EMPTY
    shown = timezone.localtime(day) if isinstance(day, dt.datetime) else day
    return f"{shown:%-d %b %Y}".replace(" ", _NBSP)


def moment_text(instant: dt.datetime | None) -> str:
    """Write an instant by the clocks of the billing time zone."""
    return f"{day_text(instant)}, {timezone.localtime(instant):%H:%M}" if instant else EMPTY


def age_text(age: dt.timedelta) -> str:
    """Write an age in its largest unit but for days, which begin at two: 47 h, then 2 days."""
    seconds = int(age.total_seconds())
    for size, unit in ((172_800, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // min(size, 86_400)}{_NBSP}{unit}"
    return f"{seconds}{_NBSP}s"


def span_text(start: dt.date | None, end: dt.date | None) -> str:
    """Write a half-open span as people do, with its last day; without an end it is open."""
    if start is None:
        return EMPTY
    if end is None:
        return f"from {day_text(start)}"
    last = max(end - dt.timedelta(days=1), start)
    return day_text(start) if last == start else f"{day_text(start)} \N{EN DASH} {day_text(last)}"


def count_text(number: Decimal | int) -> str:
    """Write a count with thousands set apart and without trailing zeros."""
    whole, point, rest = plain(Decimal(number)).partition(".")
    return f"{int(whole):,}{point}{rest}"


def price_text(price: Decimal, currency: str) -> str:
    """Write a unit price: as money where the currency has the digits, else exactly."""
    try:
        return Money.from_major(price, currency).format()
    except TooPrecise:
        return f"{currency}{_NBSP}{plain(price)}"


def percent_text(fraction: Decimal) -> str:
    return f"{plain(fraction * 100)} %"
