"""When things happened in the demo, counted back from the day it is told for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, repeat
from zoneinfo import ZoneInfo

from billing_site.kit.periods import Period

MONTHS_OF_HISTORY = 14


@dataclass(frozen=True)
class Dates:
    """The days around `as_of`; a month is named by how many months ago it was, 0 being the current one."""

    as_of: dt.date
    zone: ZoneInfo

    @property
    def ends_at(self) -> dt.datetime:
        """The beginning of the day the story is told on: nothing happened later."""
        return Period(self.as_of, self.as_of + dt.timedelta(days=1), self.zone).starts_at

    def month(self, ago: int) -> Period:
        this_month = Period.month(self.as_of.year, self.as_of.month, self.zone)
        return list(accumulate(repeat(this_month, ago + 1), lambda month, _: month.previous_month()))[-1]

    def day(self, ago: int, on: int) -> dt.date:
        """Return a day of a month, its last one where the month is shorter."""
        month = self.month(ago)
        return min(month.start + dt.timedelta(days=on - 1), month.last_day)

    def named(self, written: Mapping[str, int]) -> dt.date:
        """Return the day written as {"ago": 3, "on": 17} in months, or as {"days_ago": 1}."""
        if "days_ago" in written:
            return self.as_of - dt.timedelta(days=written["days_ago"])
        return self.day(written["ago"], written["on"])

    def at(self, day: dt.date, hour: int = 9, minute: int = 0) -> dt.datetime:
        """Return an instant of a day, by the clocks of the company."""
        return dt.datetime.combine(day, dt.time(hour, minute), self.zone).astimezone(dt.UTC)

    def days_ago(self, days: int, hour: int = 9, minute: int = 0) -> dt.datetime:
        return self.at(self.as_of - dt.timedelta(days=days), hour, minute)

    def is_past(self, day: dt.date) -> bool:
        return day < self.as_of
