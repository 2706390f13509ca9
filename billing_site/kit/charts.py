"""Owns the charts of documents and pages, as inline SVG in whole units: no float, the same picture everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, BASE = 6960, 1060, 860  # tenths of a point or so; bars stand on BASE, their days are written below
_SATURDAY = 5
_STRONG, _PALE = "#4353c9", "#c3c8ee"  # attributes, because style sheets do not reach into an SVG of a document
_TICK_DAYS = 5
_ONE_MONTH = 31

Count = Decimal | int


def daily_bars(
    daily: Sequence[tuple[date, Count]], *, title: str, said: Callable[[date, Count], str] | None = None
) -> SafeString:
    """Draw one bar per day, weekends lighter, with days below; `said` is what a bar tells when it is pointed at."""
    if not daily:
        return SafeString("")
    step = WIDTH // len(daily)
    top = max(1, *(quantity for _, quantity in daily))
    bars = [
        (_bar(day, int(max(quantity, 0) * BASE / top), i * step, step, said(day, quantity) if said else ""),)
        for i, (day, quantity) in enumerate(daily)
    ]
    ticks = [(i * step + step // 2, HEIGHT - 20, text) for i, text in _ticks([day for day, _ in daily])]
    return format_html(
        '<svg class="bars" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}"{}><title>{}</title>{}'
        '<rect fill="#e4e6ea" x="0" y="{}" width="{}" height="8"/>'
        '<g fill="#868c98" font-family="Inter" font-size="96" text-anchor="middle">{}</g></svg>',
        WIDTH,
        HEIGHT,
        format_html(' role="img" aria-label="{}"', title) if said else "",
        title,
        format_html_join("", "{}", bars),
        BASE,
        WIDTH,
        format_html_join("", '<text x="{}" y="{}">{}</text>', ticks),
    )


def _bar(day: date, height: int, x: int, step: int, said: str) -> SafeString:
    gap = step * 28 // 100
    colour = _PALE if day.weekday() >= _SATURDAY else _STRONG
    place = (colour, x + gap // 2, BASE - height, step - gap, height)
    if not said:
        return format_html('<rect fill="{}" x="{}" y="{}" width="{}" height="{}" rx="24"/>', *place)
    # The whole height of the day can be pointed at, for a day of little usage too.
    return format_html(
        '<g class="bar"><title>{}</title><rect fill="transparent" x="{}" y="0" width="{}" height="{}"/>'
        '<rect fill="{}" x="{}" y="{}" width="{}" height="{}" rx="24"/></g>',
        *(said, x, step, BASE),
        *place,
    )


def _ticks(days: Sequence[date]) -> list[tuple[int, str]]:
    """Return which bars are named: of a month its days, of a longer time the months that begin in it."""
    if len(days) > _ONE_MONTH:
        return [(i, f"{day:%-d %b}") for i, day in enumerate(days) if day.day == 1 and 1 < i < len(days) - 2]
    return [(i, str(days[i].day)) for i in _fifths(len(days))]


def _fifths(days: int) -> list[int]:
    """Return the first, every fifth and the last bar, leaving out a fifth that would touch the last."""
    fifths = [i for i in range(_TICK_DAYS - 1, days, _TICK_DAYS) if days - 1 - i > 1]
    return sorted({0, *fifths, days - 1})


def every_day(start: date, end: date, counted: Mapping[date, Count]) -> list[tuple[date, Count]]:
    """Return each day of [start, end) with its count, zero where nothing was counted."""
    days = (start + timedelta(days=offset) for offset in range((end - start).days))
    return [(day, counted.get(day, 0)) for day in days]
