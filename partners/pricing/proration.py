"""Owns the shares of a month that a contract ran for only some of its days."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from billing_site.kit.money import round_half_up

if TYPE_CHECKING:
    from datetime import date

    from billing_site.kit.periods import Period


@dataclass(frozen=True, slots=True)
class Proration:
    """Which days of a month a contract ran: `days` of `of_days`, after `skipped` days without it."""

    skipped: int
    days: int
    of_days: int

    @classmethod
    def of(cls, month: Period, start: date, end: date | None) -> Proration:
        """Return the days of a month that lie from `start` up to `end` (None: open)."""
        ran = month.overlap(start, end)
        if ran is None:
            return cls(0, 0, month.days)
        return cls((ran.start - month.start).days, ran.days, month.days)

    @property
    def is_partial(self) -> bool:
        """Whether days are missing."""
        return self.days < self.of_days

    def share(self, whole: int, *, step: int = 1) -> int:
        """Return the share of a monthly number in whole steps, such that the shares of a split month add up to it."""
        # The difference of two running totals: two halves of an odd cent can then never both round up.
        before, until = (round_half_up(Fraction(whole * day, self.of_days * step)) for day in self._days_run)
        return (until - before) * step

    @property
    def _days_run(self) -> tuple[int, int]:
        return self.skipped, self.skipped + self.days


WHOLE_MONTH: Final = Proration(0, 1, 1)
