"""Owns what agreed terms make of a month's usage: rated lines whose every amount can be worked out again."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Final, Literal, get_args

from billing_site.kit.currencies import exponent
from billing_site.kit.money import Money, round_half_up
from partners.terms import (
    ContractWithoutPrice,
    Flat,
    Hybrid,
    ImpossibleTerms,
    PerDeed,
    PerRequest,
    Priced,
    Terms,
    UnknownPricingModel,
    terms_for,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from billing_site.kit.periods import Period

__all__ = [
    "METERS",
    "WHOLE_MONTH",
    "ContractWithoutPrice",
    "Flat",
    "Hybrid",
    "ImpossibleTerms",
    "NegativeUsage",
    "PerDeed",
    "PerRequest",
    "Proration",
    "RatedLine",
    "Terms",
    "UnknownMeter",
    "UnknownPricingModel",
    "rate",
    "terms_for",
]

Meter = Literal["deed", "request"]
Kind = Literal["fee", "usage", "minimum"]

METERS: Final[tuple[str, ...]] = get_args(Meter)


class UnknownMeter(ValueError):
    """Usage is counted in deeds and requests; anything else would go unbilled in silence."""


class NegativeUsage(ValueError):
    """A month cannot use less than nothing; find the correction that took too much away."""


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

    def share(self, whole: int) -> int:
        """Return the share of a monthly number, such that the shares of a split month add up to the whole."""
        # The difference of two running totals: two halves of an odd cent can then never both round up.
        before, until = (round_half_up(Fraction(whole * day, self.of_days)) for day in self._days_run)
        return until - before

    @property
    def _days_run(self) -> tuple[int, int]:
        return self.skipped, self.skipped + self.days

    def __str__(self) -> str:
        """Say it as an invoice does."""
        return f"{self.days} of {self.of_days} days"


WHOLE_MONTH: Final = Proration(0, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedLine:
    """One line to bill: `amount_cents` is `quantity` at `unit_price` major units per `package_size`, rounded once.

    `counted` is what the meter showed, `included` what was free of it, `quantity` what is billed.
    """

    kind: Kind
    meter: Meter | None
    counted: Decimal
    included: Decimal
    quantity: Decimal
    unit_price: Decimal
    package_size: int
    amount_cents: int
    explanation: str


def rate(terms: Terms, usage: Mapping[str, Decimal], proration: Proration = WHOLE_MONTH) -> tuple[RatedLine, ...]:
    """Price a month's usage (meter to quantity); fee, included units and minimum count for the days it ran."""
    _refuse_impossible(usage)
    lines = _agreed_lines(terms, usage, proration)
    return lines + _true_up(terms, sum(line.amount_cents for line in lines), proration)


def _agreed_lines(terms: Terms, usage: Mapping[str, Decimal], proration: Proration) -> tuple[RatedLine, ...]:
    deeds, requests = (usage.get(meter, Decimal(0)) for meter in METERS)
    match terms:
        case Flat():
            return (_fee(terms, proration),)
        case PerDeed():
            return (_usage(terms, "deed", deeds, proration),)
        case Hybrid():
            return (_fee(terms, proration), _usage(terms, "deed", deeds, proration))
        case PerRequest():
            return (_usage(terms, "request", requests, proration),)


def _refuse_impossible(usage: Mapping[str, Decimal]) -> None:
    for meter, quantity in usage.items():
        if meter not in METERS:
            msg = f"Nobody agreed on a price for the meter {meter!r}: usage is counted in {' and '.join(METERS)}."
            raise UnknownMeter(msg)
        if not (Decimal(quantity).is_finite() and quantity >= 0):
            msg = f"The month's {meter} usage adds up to {quantity}: it must be a number, not below zero."
            raise NegativeUsage(msg)


def _fee(terms: Flat | Hybrid, proration: Proration) -> RatedLine:
    fee = Money(terms.monthly_fee_cents, terms.currency)
    charged = Money(proration.share(fee.cents), terms.currency)
    if proration.is_partial:
        return _amount_line("fee", charged, f"Monthly fee, {proration} of {fee}")
    return _amount_line("fee", charged, f"Monthly fee of {fee}")


def _true_up(terms: Terms, billed_cents: int, proration: Proration) -> tuple[RatedLine, ...]:
    floor = Money(proration.share(terms.minimum_cents), terms.currency)
    billed = Money(billed_cents, terms.currency)
    if billed >= floor:
        return ()
    days = f" for {proration}" if proration.is_partial else ""
    return (_amount_line("minimum", floor - billed, f"Minimum commitment of {floor}{days}, {billed} of it reached"),)


def _amount_line(kind: Kind, amount: Money, explanation: str) -> RatedLine:
    one = Decimal(1)
    return RatedLine(
        kind=kind,
        meter=None,
        counted=one,
        included=Decimal(0),
        quantity=one,
        unit_price=amount.major,
        package_size=1,
        amount_cents=amount.cents,
        explanation=explanation,
    )


def _usage(terms: Priced, meter: Meter, counted: Decimal, proration: Proration) -> RatedLine:
    included = Decimal(proration.share(int(terms.included))) if proration.is_partial else terms.included
    package_size = terms.package_size if isinstance(terms, PerRequest) else 1
    billed = _billed(terms, max(counted - included, Decimal(0)))
    free = f", {_plain(included)} included" + (f" for {proration}" if proration.is_partial else "")
    said = f"{_units(counted, meter)}{free if terms.included else ''}, {_at_price(terms, billed)}"
    return RatedLine(
        kind="usage",
        meter=meter,
        counted=counted,
        included=included,
        quantity=billed,
        unit_price=terms.unit_price,
        package_size=package_size,
        amount_cents=Money.priced(billed, terms.unit_price, terms.currency, package_size).cents,
        explanation=said,
    )


def _billed(terms: Priced, beyond: Decimal) -> Decimal:
    if isinstance(terms, PerRequest) and terms.rounding == "up":
        return Decimal(_packages(terms, beyond) * terms.package_size)
    return beyond


def _packages(terms: PerRequest, requests: Decimal) -> int:
    return ceil(Fraction(requests) / terms.package_size)


def _at_price(terms: Priced, billed: Decimal) -> str:
    price = _price(terms.unit_price, terms.currency)
    if not isinstance(terms, PerRequest):
        return f"{_plain(billed)} at {price}"
    if terms.rounding == "exact":
        return f"{_plain(billed)} at {price} per {terms.package_size:,}"
    return f"{_units(Decimal(_packages(terms, billed)), 'package')} of {terms.package_size:,} at {price}"


def _price(unit_price: Decimal, currency: str) -> str:
    # As exact as agreed, and never shorter than the currency writes: 0.0196, 0.50.
    fraction = f"{unit_price:f}".partition(".")[2].rstrip("0")
    return f"{currency} {unit_price:,.{max(exponent(currency), len(fraction))}f}"


def _units(number: Decimal, name: str) -> str:
    return f"{_plain(number)} {name}{'' if number == 1 else 's'}"


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
