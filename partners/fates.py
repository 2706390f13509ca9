"""Owns what became of usage: each unit counted is billed, open, free, or rejected for a reason. No framework."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Counted(NamedTuple):
    """What a meter showed on a day."""

    day: date
    meter: str
    quantity: Decimal


class Agreed(NamedTuple):
    """The days of a contract, half-open (None: without an end), and the meter it rates, if any.

    `left_unbilled` are its months, by their first days, that a person decided to leave unbilled.
    """

    start: date
    end: date | None
    meter: str | None
    left_unbilled: frozenset[date] = frozenset()


class Billed(NamedTuple):
    """The days of a month that stands billed, half-open, the meter it rates, and for how much."""

    start: date
    end: date
    meter: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a meter's units: together they are all that was counted.

    `open` waits for a run, or was taken back from what is billed (below zero). `free` fell on days of contracts that
    do not rate the meter. The others are rejected: `without_contract`, as nobody agreed on a price for those days;
    `left_unbilled`, as a person decided so and said why.
    """

    billed: Decimal = Decimal(0)
    open: Decimal = Decimal(0)
    free: Decimal = Decimal(0)
    without_contract: Decimal = Decimal(0)
    left_unbilled: Decimal = Decimal(0)

    def __add__(self, other: Fate) -> Fate:
        return Fate(
            self.billed + other.billed,
            self.open + other.open,
            self.free + other.free,
            self.without_contract + other.without_contract,
            self.left_unbilled + other.left_unbilled,
        )

    @property
    def counted(self) -> Decimal:
        return self.billed + self.open + self.free + self.without_contract + self.left_unbilled


Month = tuple[date, str]  # its first day, and a meter


def fates(counted: Iterable[Counted], agreed: Sequence[Agreed], billed: Iterable[Billed]) -> Mapping[Month, Fate]:
    """Say for each month and meter what became of what was counted."""
    found: dict[Month, Fate] = defaultdict(Fate)
    for month in billed:
        # What is billed but not counted is open the other way round, until a day's count meets it below.
        found[month.start.replace(day=1), month.meter] += Fate(billed=month.quantity, open=-month.quantity)
    for day, meter, quantity in counted:
        found[day.replace(day=1), meter] += _fate_of(day, meter, quantity, agreed)
    return found


def _fate_of(day: date, meter: str, quantity: Decimal, agreed: Sequence[Agreed]) -> Fate:
    running = [contract for contract in agreed if contract.start <= day and (not contract.end or day < contract.end)]
    if not running:
        return Fate(without_contract=quantity)
    rating = [contract for contract in running if contract.meter == meter]
    if not rating:
        return Fate(free=quantity)
    is_left = all(day.replace(day=1) in contract.left_unbilled for contract in rating)
    return Fate(left_unbilled=quantity) if is_left else Fate(open=quantity)
