"""Owns spans of days in a billing time zone: half-open, named by month, tiling without gap or overlap."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


class NotAMonth(ValueError):
    """The text names no month that can be billed."""

    def __init__(self, text: object) -> None:
        """Say how a month is written."""
        super().__init__(f"{text!r} is not a month: write the year and the month, such as 2026-10.")


class EmptyPeriod(ValueError):
    """A period must end after it starts."""


class NaiveInstant(ValueError):
    """An instant must know its time zone."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` up to, but without, `end`, as lived in `zone`."""

    start: date
    end: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Refuse a period without a day."""
        if self.start >= self.end:
            msg = f"A period must end after it starts: {self.start} to {self.end} holds no day."
            raise EmptyPeriod(msg)

    @classmethod
    def month(cls, year: int, month: int, zone: ZoneInfo) -> Period:
        """Return a calendar month; raise NotAMonth."""
        try:
            start = date(year, month, 1)
            return cls(start, _months_after(start, 1), zone)
        except ValueError:
            text = f"{year}-{month:02}"
            raise NotAMonth(text) from None

    @classmethod
    def parse_month(cls, text: str, zone: ZoneInfo) -> Period:
        """Read `2026-10`; raise NotAMonth with a sentence that says how to write it."""
        found = _MONTH.fullmatch(text)
        if found is None:
            raise NotAMonth(text)
        try:
            return cls.month(int(found[1]), int(found[2]), zone)
        except NotAMonth:
            raise NotAMonth(text) from None

    @property
    def starts_at(self) -> datetime:
        """The first instant, in UTC."""
        return _first_instant(self.start, self.zone)

    @property
    def ends_at(self) -> datetime:
        """The first instant after it, in UTC."""
        return _first_instant(self.end, self.zone)

    @property
    def days(self) -> int:
        """How many days it holds."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The last day that belongs to it."""
        return self.end - timedelta(days=1)

    def __contains__(self, instant: datetime) -> bool:
        """Tell whether an aware instant falls in it: the start does, the end does not."""
        return self.starts_at <= _aware(instant) < self.ends_at

    def next_month(self) -> Period:
        """Return the calendar month after the one it starts in."""
        return self._month_away(1)

    def previous_month(self) -> Period:
        """Return the calendar month before the one it starts in."""
        return self._month_away(-1)

    def label(self) -> str:
        """Name the month it starts in: `2026-10`."""
        return f"{self.start:%Y-%m}"

    def overlap(self, start: date, end: date | None) -> Period | None:
        """Return the part from `start` up to `end` (None: open), or None where no day is shared."""
        first, last = max(self.start, start), self.end if end is None else min(self.end, end)
        return Period(first, last, self.zone) if first < last else None

    def _month_away(self, months: int) -> Period:
        first = _months_after(self.start.replace(day=1), months)
        return Period.month(first.year, first.month, self.zone)


def month_of(instant: datetime, zone: ZoneInfo) -> Period:
    """Return the calendar month of a zone that an aware instant falls in."""
    day = _aware(instant).astimezone(zone)
    return Period.month(day.year, day.month, zone)


def anchored_months(anchor: date, count: int, zone: ZoneInfo, *, step: int = 1) -> list[Period]:
    """Return `count` periods of `step` months from an anchor day; the 31st becomes the last day of a short month."""
    # Each boundary counts from the anchor, never from its neighbour, so that a February does not move a March.
    bounds = [_months_after(anchor, step * i) for i in range(count + 1)]
    return [Period(start, end, zone) for start, end in pairwise(bounds)]


def _months_after(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        text = f"{year}-{month + 1:02}"
        raise NotAMonth(text)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def _first_instant(day: date, zone: ZoneInfo) -> datetime:
    # Where a zone skips or repeats midnight, fold=0 gives the day's first instant, so neighbours still touch.
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        msg = f"{instant} has no time zone: an instant must know it."
        raise NaiveInstant(msg)
    return instant
