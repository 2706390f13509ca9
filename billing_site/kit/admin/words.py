"""Days, spans, counts and rates as the pages write them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.utils import timezone

from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.money_forms import plain


def day_text(day: dt.date | dt.datetime | None) -> str:
    """Write a day; an instant by its day in the billing time zone."""
    if day is None:
        return EMPTY
    shown = timezone.localtime(day) if isinstance(day, dt.datetime) else day
    return f"{shown:%-d %b %Y}"


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


def percent_text(fraction: Decimal) -> str:
    return f"{plain(fraction * 100)} %"
