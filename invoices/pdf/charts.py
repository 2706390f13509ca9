"""Owns the charts drawn into documents, as inline SVG in whole units: no float, the same picture everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, BASE = 6960, 1060, 860  # tenths of a point or so; bars stand on BASE, their days are written below
_SATURDAY = 5
_STRONG, _PALE = "#4353c9", "#c3c8ee"  # attributes, because style sheets do not reach into an SVG
_TICK_DAYS = 5


def daily_bars(daily: Sequence[tuple[date, Decimal | int]], *, title: str) -> SafeString:
    """Draw one bar per day, weekends lighter, with the day of the month below every fifth."""
    if not daily:
        return SafeString("")
    step = WIDTH // len(daily)
    top = max(1, *(quantity for _, quantity in daily))
    bars = [_bar(day, int(max(quantity, 0) * BASE / top), i * step, step) for i, (day, quantity) in enumerate(daily)]
    ticks = [(i * step + step // 2, HEIGHT - 20, daily[i][0].day) for i in _ticks(len(daily))]
    return format_html(
        '<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}"><title>{}</title>{}'
        '<rect fill="#e4e6ea" x="0" y="{}" width="{}" height="8"/>'
        '<g fill="#868c98" font-family="Inter" font-size="96" text-anchor="middle">{}</g></svg>',
        WIDTH,
        HEIGHT,
        title,
        format_html_join("", '<rect fill="{}" x="{}" y="{}" width="{}" height="{}" rx="24"/>', bars),
        BASE,
        WIDTH,
        format_html_join("", '<text x="{}" y="{}">{}</text>', ticks),
    )


def _bar(day: date, height: int, x: int, step: int) -> tuple[str, int, int, int, int]:
    gap = step * 28 // 100
    return _PALE if day.weekday() >= _SATURDAY else _STRONG, x + gap // 2, BASE - height, step - gap, height


def _ticks(days: int) -> list[int]:
    """Return the first, every fifth and the last bar, leaving out a fifth that would touch the last."""
    fifths = [i for i in range(_TICK_DAYS - 1, days, _TICK_DAYS) if days - 1 - i > 1]
    return sorted({0, *fifths, days - 1})
