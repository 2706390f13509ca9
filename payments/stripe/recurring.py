"""Owns what a subscription is worth per month: licensed prices, tiers, coupons, intervals; rounded once per item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billing_site.kit.money import Money, round_half_up

COUNTED_STATUSES: Final = frozenset({"active", "past_due"})
MONTHS_PER_YEAR: Final = 12
# Billings per year by interval; a day is not in the books' definition and follows the week's manner.
_PER_YEAR: Final = {"day": 365, "week": 52, "month": 12, "year": 1}
_CYCLES: Final = {
    ("day", 1): "daily",
    ("week", 1): "weekly",
    ("month", 1): "monthly",
    ("month", 3): "quarterly",
    ("month", 6): "half_yearly",
    ("month", 12): "yearly",
    ("year", 1): "yearly",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Prices up to and including `up_to` units (None: no end), in minor units."""

    up_to: int | None
    unit_amount: Decimal = Decimal(0)
    flat_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringPrice:
    """What one billing interval costs, in our minor units of `currency` with as many places as Stripe gives."""

    currency: str
    price_id: str = ""
    interval: str = "month"
    interval_count: int = 1
    metered: bool = False
    unit_amount: Decimal = Decimal(0)
    tiers: tuple[Tier, ...] = ()
    tiers_mode: str = ""
    package_size: int = 1
    package_rounding: str = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A reduction: percent of what is left, or an amount per invoice spread over the items.

    One that came as a bare `discount_id` has no duration: it reduces nothing until its terms are known.
    """

    duration: str = ""
    discount_id: str = ""
    name: str = ""
    percent_off: Decimal | None = None
    amount_off_cents: int | None = None
    currency: str = ""
    ends_at: int | None = None
    product_ids: frozenset[str] = frozenset()

    def lasts(self, at: int) -> bool:
        """Tell whether it reduces what comes back every month: not `once`, and not over."""
        return self.duration in {"forever", "repeating"} and (self.ends_at is None or self.ends_at > at)

    def covers(self, item: RecurringItem) -> bool:
        """Tell whether the coupon applies to this item's product."""
        return not self.product_ids or item.product_id in self.product_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringItem:
    """One item of a subscription, its own coupons, and the percent of tax hidden inside its price."""

    price: RecurringPrice
    quantity: int = 1
    product_id: str = ""
    coupons: tuple[Coupon, ...] = ()
    inclusive_tax_percent: Decimal = Decimal(0)


def is_counted(status: str, *, paused: bool) -> bool:
    """Tell whether a subscription is MRR: active or past due, and its collection not paused."""
    return status in COUNTED_STATUSES and not paused


def mrr_by_item(items: Sequence[RecurringItem], coupons: Iterable[Coupon] = (), *, at: int) -> tuple[int, ...]:
    """Return each item's minor units per month at a Unix time, tax excluded, rounded half up once per item.

    Item coupons apply before those of the subscription, as on Stripe's invoices.
    """
    amounts = [_after_own_coupons(item, at) for item in items]
    for coupon in coupons:
        if coupon.lasts(at):
            amounts = _reduced(amounts, items, coupon)
    return tuple(
        round_half_up(_per_month(_without_tax(amount, item), item.price))
        for amount, item in zip(amounts, items, strict=True)
    )


def interval_amount(price: RecurringPrice, quantity: int) -> Fraction:
    """Return what `quantity` costs for one interval, exact; metered prices are usage and count nothing."""
    if price.metered:
        return Fraction(0)
    if price.tiers:
        return _volume(price.tiers, quantity) if price.tiers_mode == "volume" else _graduated(price.tiers, quantity)
    return Fraction(price.unit_amount) * _packages(price, quantity)


def billing_cycle(prices: Iterable[RecurringPrice]) -> str:
    """Name how often the subscription bills: monthly, yearly, ..., every_2_months, mixed, or "" without items."""
    cycles = {(price.interval, price.interval_count) for price in prices}
    if len(cycles) > 1:
        return "mixed"
    return "".join(_CYCLES.get(cycle, f"every_{cycle[1]}_{cycle[0]}s") for cycle in cycles)


def _packages(price: RecurringPrice, quantity: int) -> int:
    whole, rest = divmod(quantity, price.package_size)
    return whole + (1 if rest and price.package_rounding == "up" else 0)


def _volume(tiers: Sequence[Tier], quantity: int) -> Fraction:
    tier = next((tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to), tiers[-1])
    return Fraction(tier.unit_amount) * quantity + Fraction(tier.flat_amount)


def _graduated(tiers: Sequence[Tier], quantity: int) -> Fraction:
    amount, floor = Fraction(0), 0
    for tier in tiers:
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        # The first tier's flat amount is billed even for no units at all.
        if top > floor or tier is tiers[0]:
            amount += Fraction(tier.unit_amount) * max(top - floor, 0) + Fraction(tier.flat_amount)
        floor = max(floor, top)
    return amount


def _after_own_coupons(item: RecurringItem, at: int) -> Fraction:
    amounts = [interval_amount(item.price, item.quantity)]
    for coupon in item.coupons:
        if coupon.lasts(at):
            amounts = _reduced(amounts, [item], coupon)
    return amounts[0]


def _reduced(amounts: Sequence[Fraction], items: Sequence[RecurringItem], coupon: Coupon) -> list[Fraction]:
    covered = [coupon.covers(item) for item in items]
    if coupon.percent_off is not None:
        left = 1 - Fraction(coupon.percent_off) / 100
        return [amount * left if covers else amount for amount, covers in zip(amounts, covered, strict=True)]
    if not coupon.amount_off_cents:
        return list(amounts)
    same = [covers and item.price.currency == coupon.currency for covers, item in zip(covered, items, strict=True)]
    return _less(amounts, [amount if fits else Fraction(0) for amount, fits in zip(amounts, same, strict=True)], coupon)


def _less(amounts: Sequence[Fraction], bases: Sequence[Fraction], coupon: Coupon) -> list[Fraction]:
    """Take the coupon's amount off, whole cents split by weight, so that the items' parts add up to it."""
    weights = [round_half_up(base) for base in bases]
    if not any(weights):
        return list(amounts)
    off = min(coupon.amount_off_cents or 0, sum(weights))
    parts = Money(off, coupon.currency).allocate(weights)
    return [max(amount - part.cents, Fraction(0)) for amount, part in zip(amounts, parts, strict=True)]


def _without_tax(amount: Fraction, item: RecurringItem) -> Fraction:
    return amount / (1 + Fraction(item.inclusive_tax_percent) / 100)


def _per_month(amount: Fraction, price: RecurringPrice) -> Fraction:
    return amount * _PER_YEAR[price.interval] / price.interval_count / MONTHS_PER_YEAR
