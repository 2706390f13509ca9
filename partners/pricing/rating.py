"""Owns rating: fee and usage, less discount, raised to the minimum, cut at the maximum; all of it before tax."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Final, Literal, get_args

from billing_site.kit.money import Money, round_half_up
from partners.pricing.proration import WHOLE_MONTH, Proration
from partners.pricing.tiers import Span, graduated, spans_of, volume
from partners.terms import Flat, Hybrid, Metered, PerDeed, PerRequest, Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Meter = Literal["deed", "request"]
Kind = Literal["fee", "usage", "minimum", "maximum"]

METERS: Final[tuple[str, ...]] = get_args(Meter)
_ONE, _NOTHING = Decimal(1), Decimal(0)


class UnknownMeter(ValueError):
    """Usage is counted in deeds and requests; anything else would go unbilled in silence."""


class NegativeUsage(ValueError):
    """A month cannot use less than nothing; find the correction that took too much away."""


@dataclass(frozen=True, slots=True)
class PricedBy:
    """The tier a line is priced by: units beyond `above`, up to `up_to`; of `all_units` or of those that lie in it."""

    above: int
    up_to: int | None
    all_units: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedLine:
    """One line to bill: `amount_cents` is `quantity` at `unit_price` major units per `package_size`, rounded once.

    `discount_rate` of it comes off. The facts that explain it: `counted` is what the meter showed and `included` what
    was free of it, `packages` the whole packages that are billed; `agreed_cents` is the fee, minimum or maximum of the
    month (of its days run, but for the fee), `reached_cents` what the month came to without this line.
    """

    kind: Kind
    meter: Meter | None
    currency: str
    quantity: Decimal
    unit_price: Decimal
    package_size: int = 1
    amount_cents: int
    discount_rate: Decimal = _NOTHING
    counted: Decimal = _ONE
    included: Decimal = _NOTHING
    packages: int | None = None
    tier: PricedBy | None = None
    proration: Proration = WHOLE_MONTH
    agreed_cents: int = 0
    reached_cents: int = 0

    @property
    def discount_cents(self) -> int:
        """What comes off, as the invoice works it out."""
        return round_half_up(Fraction(self.discount_rate) * self.amount_cents) if self.discount_rate else 0

    @property
    def net_cents(self) -> int:
        """What is asked for, before tax."""
        return self.amount_cents - self.discount_cents


def rate(terms: Terms, usage: Mapping[str, Decimal], proration: Proration = WHOLE_MONTH) -> tuple[RatedLine, ...]:
    """Price a month's usage (meter to quantity).

    Fee, included units, bounds of tiers, minimum and maximum count for the days of the `proration`.
    """
    _refuse_impossible(usage)
    lines = _agreed_lines(terms, usage, proration)
    if terms.minimum_cents:
        lines += _true_up(terms, net_cents(lines), proration)
    if terms.maximum_cents is not None:
        lines += _cut(terms, net_cents(lines), proration)
    return lines


def net_cents(lines: Iterable[RatedLine]) -> int:
    """Return what lines ask for together, before tax."""
    return sum(line.net_cents for line in lines)


def _agreed_lines(terms: Terms, usage: Mapping[str, Decimal], proration: Proration) -> tuple[RatedLine, ...]:
    deeds, requests = (usage.get(meter, _NOTHING) for meter in METERS)
    match terms:
        case Flat():
            return (_fee(terms, proration),)
        case PerDeed():
            return _usage(terms, "deed", deeds, proration)
        case Hybrid():
            return (_fee(terms, proration), *_usage(terms, "deed", deeds, proration))
        case PerRequest():
            return _usage(terms, "request", requests, proration)


def _refuse_impossible(usage: Mapping[str, Decimal]) -> None:
    for meter, quantity in usage.items():
        if meter not in METERS:
            msg = f"Nobody agreed on a price for the meter {meter!r}: usage is counted in {' and '.join(METERS)}."
            raise UnknownMeter(msg)
        if not (Decimal(quantity).is_finite() and quantity >= 0):
            msg = f"The month's {meter} usage adds up to {quantity}: it must be a number, not below zero."
            raise NegativeUsage(msg)


def _fee(terms: Flat | Hybrid, proration: Proration) -> RatedLine:
    charged = Money(proration.share(terms.monthly_fee_cents), terms.currency)
    return _amount_line(
        "fee", charged, agreed=terms.monthly_fee_cents, proration=proration, discount_rate=terms.discount_rate
    )


def _true_up(terms: Terms, reached: int, proration: Proration) -> tuple[RatedLine, ...]:
    floor = min(proration.share(terms.minimum_cents), _ceiling(terms, proration, otherwise=terms.minimum_cents))
    if reached >= floor:
        return ()
    missing = Money(floor - reached, terms.currency)
    return (_amount_line("minimum", missing, agreed=floor, reached=reached, proration=proration),)


def _cut(terms: Terms, reached: int, proration: Proration) -> tuple[RatedLine, ...]:
    ceiling = _ceiling(terms, proration, otherwise=reached)
    if reached <= ceiling:
        return ()
    beyond = Money(ceiling - reached, terms.currency)
    return (_amount_line("maximum", beyond, agreed=ceiling, reached=reached, proration=proration),)


def _ceiling(terms: Terms, proration: Proration, *, otherwise: int) -> int:
    return otherwise if terms.maximum_cents is None else proration.share(terms.maximum_cents)


def _amount_line(
    kind: Kind, amount: Money, *, agreed: int, proration: Proration, reached: int = 0, discount_rate: Decimal = _NOTHING
) -> RatedLine:
    return RatedLine(
        kind=kind,
        meter=None,
        currency=amount.currency,
        quantity=_ONE,
        unit_price=amount.major,
        amount_cents=amount.cents,
        discount_rate=discount_rate,
        proration=proration,
        agreed_cents=agreed,
        reached_cents=reached,
    )


def _usage(terms: Metered, meter: Meter, counted: Decimal, proration: Proration) -> tuple[RatedLine, ...]:
    included = Decimal(proration.share(int(terms.included))) if proration.is_partial else terms.included
    step = terms.step if isinstance(terms, PerRequest) else 1
    spans = list(spans_of(terms.prices, lambda bound: proration.share(bound, step=step)))
    billed = _in_whole_packages(max(counted - included, _NOTHING), step)
    parts = volume(billed, spans) if terms.tier_mode == "volume" else graduated(billed, spans)
    return tuple(_usage_line(terms, meter, counted, included, proration, *part) for part in parts)


def _in_whole_packages(beyond: Decimal, step: int) -> Decimal:
    return beyond if step == 1 else Decimal(ceil(Fraction(beyond) / step) * step)


def _usage_line(
    terms: Metered,
    meter: Meter,
    counted: Decimal,
    included: Decimal,
    proration: Proration,
    span: Span,
    quantity: Decimal,
) -> RatedLine:
    package_size = terms.package_size if isinstance(terms, PerRequest) else 1
    counts_whole = isinstance(terms, PerRequest) and terms.rounding == "up"
    return RatedLine(
        kind="usage",
        meter=meter,
        currency=terms.currency,
        quantity=quantity,
        unit_price=span.unit_price,
        package_size=package_size,
        amount_cents=Money.priced(quantity, span.unit_price, terms.currency, package_size).cents,
        discount_rate=terms.discount_rate,
        counted=counted,
        included=included,
        packages=int(quantity) // package_size if counts_whole else None,
        tier=PricedBy(span.above, span.up_to, terms.tier_mode == "volume") if terms.tiers else None,
        proration=proration,
    )
