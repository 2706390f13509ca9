"""Comparing two books of the same money, pure: what one side lacks, and where both differ. Settles nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from billing_site.kit.money import Money

Key: TypeAlias = tuple[str, str]
"""What moved and by which object: ("charge", "ch_1"), ("refund", "re_1"), ("fee", "txn_1")."""


class Kind(StrEnum):
    """How two books can differ; the same words as in the table of breaks."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT = "amount"
    FEE = "fee"
    CURRENCY = "currency"
    STATUS = "status"
    TIMING = "timing"


class Standing(StrEnum):
    """What a side says about a movement: it happened, it did not, or it may have (the other side decides)."""

    MOVED = "moved"
    DENIED = "denied"
    UNSURE = "unsure"


class WithoutAmount(ValueError):
    """Neither book says how much: nobody can compare it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement in one book. None is "not known", which differs from nothing only where the other side knows."""

    key: Key
    day: date
    """In the billing time zone."""
    paid: Money | None
    """As the customer saw it, below zero when it left."""
    settled: Money | None = None
    """As it reached the balance, before the fee."""
    fee: Money | None = None
    standing: Standing = Standing.MOVED
    status: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def weight(self) -> Money:
        """What it did to the balance, or else to the customer; raise WithoutAmount."""
        amount = self.paid if self.settled is None else self.settled
        if amount is None:
            raise WithoutAmount(f"The entry {' '.join(self.key)} has no amount.")
        return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One break: `amount` is theirs less ours, in the currency in which they differ."""

    kind: Kind
    key: Key
    amount: Money
    theirs: Entry | None
    ours: Entry | None


@dataclass(frozen=True, slots=True)
class Breaks:
    """All differences of a span of days, and what was compared to find them."""

    differences: tuple[Difference, ...]
    theirs: tuple[Entry, ...]
    ours: tuple[Entry, ...]
    matched_count: int

    def of(self, kind: Kind) -> tuple[Difference, ...]:
        return tuple(found for found in self.differences if found.kind == kind)


def differences(ours: Iterable[Entry], theirs: Iterable[Entry], *, start: date, end: date) -> Breaks:
    """Compare two books over `[start, end)`.

    Entries of other days only serve as partners, so that a movement booked on the other side of midnight is a timing
    difference and not two missing ones.
    """
    here, there = merged(ours), merged(theirs)
    asked = [key for key in sorted({*here, *there}) if _is_within(here.get(key), there.get(key), start, end)]
    found = {key: tuple(_compared(here.get(key), there.get(key))) for key in asked}
    return Breaks(
        differences=tuple(broken for key in asked for broken in found[key]),
        theirs=tuple(there[key] for key in asked if key in there),
        ours=tuple(here[key] for key in asked if key in here and here[key].standing == Standing.MOVED),
        matched_count=sum(key in here and key in there and not found[key] for key in asked),
    )


def merged(entries: Iterable[Entry]) -> dict[Key, Entry]:
    """Index entries by key; movements of one object in several steps are added up."""
    books: dict[Key, Entry] = {}
    for entry in entries:
        books[entry.key] = _added(books[entry.key], entry) if entry.key in books else entry
    return books


def _is_within(here: Entry | None, there: Entry | None, start: date, end: date) -> bool:
    return any(entry is not None and start <= entry.day < end for entry in (here, there))


def _compared(here: Entry | None, there: Entry | None) -> Iterator[Difference]:
    if there is None:
        if here is not None and here.standing == Standing.MOVED:
            yield _broken(Kind.MISSING_THERE, here, None, -here.weight)
    elif here is None:
        yield _broken(Kind.MISSING_HERE, None, there, there.weight)
    elif here.standing == Standing.DENIED:
        yield _broken(Kind.STATUS, here, there, there.weight)
    else:
        yield from _differing(here, there)


def _differing(here: Entry, there: Entry) -> Iterator[Difference]:
    settled_here = here.settled if here.settled is not None else _settled_as_paid(here, there)
    currency = _other_currency(here.paid, there.paid) or _other_currency(settled_here, there.settled)
    if currency:
        yield _broken(Kind.CURRENCY, here, there, there.weight)
        return
    gap = _gap(here.paid, there.paid) or _gap(settled_here, there.settled)
    if gap:
        yield _broken(Kind.AMOUNT, here, there, gap)
    fee = _fee_gap(here.fee, there.fee)
    if fee:
        yield _broken(Kind.FEE, here, there, fee)
    if here.day != there.day:
        yield _broken(Kind.TIMING, here, there, Money.zero(there.weight.currency))


def _broken(kind: Kind, here: Entry | None, there: Entry | None, amount: Money) -> Difference:
    key = there.key if there is not None else here.key if here is not None else ("", "")
    return Difference(kind=kind, key=key, amount=amount, theirs=there, ours=here)


def _settled_as_paid(here: Entry, there: Entry) -> Money | None:
    """What settles in its own currency settles in full, also before Stripe has told."""
    is_same = here.paid is not None and there.settled is not None and here.paid.currency == there.settled.currency
    return here.paid if is_same else None


def _other_currency(ours: Money | None, theirs: Money | None) -> bool:
    return ours is not None and theirs is not None and ours.currency != theirs.currency


def _gap(ours: Money | None, theirs: Money | None) -> Money | None:
    return theirs - ours if ours is not None and theirs is not None else None


def _fee_gap(ours: Money | None, theirs: Money | None) -> Money | None:
    """A fee we do not know is a break only when there is one."""
    if theirs is None:
        return None
    if ours is None or ours.currency != theirs.currency:
        return theirs
    return theirs - ours


def _added(first: Entry, second: Entry) -> Entry:
    return Entry(
        key=first.key,
        day=min(first.day, second.day),
        paid=first.paid if first.paid == second.paid else _sum(first.paid, second.paid),
        settled=_sum(first.settled, second.settled),
        fee=_sum(first.fee, second.fee),
        standing=first.standing,
        status=second.status or first.status,
        evidence={"parts": [dict(first.evidence), dict(second.evidence)]},
    )


def _sum(first: Money | None, second: Money | None) -> Money | None:
    if first is None or second is None or first.currency != second.currency:
        return first if second is None else second
    return first + second


def totals(breaks: Breaks) -> dict[str, dict[str, int]]:
    """Return per currency what each book says moved, and the difference, in minor units."""
    sums: dict[str, dict[str, int]] = {}
    for side, entries in (("theirs_cents", breaks.theirs), ("ours_cents", breaks.ours)):
        for entry in entries:
            row = sums.setdefault(entry.weight.currency, {"theirs_cents": 0, "ours_cents": 0})
            row[side] += entry.weight.cents
    return {
        code: {**row, "difference_cents": row["theirs_cents"] - row["ours_cents"]} for code, row in sorted(sums.items())
    }
