"""Owns how pages say what a contract agrees on: in a line, as rows, and as what differs between two versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.words import count_text, day_text, percent_text, price_text
from billing_site.kit.money import Money
from invoices.enums import TaxCategory
from partners.enums import PackageRounding, PricingModel, TierMode
from partners.models import BilledPeriod, Contract
from partners.pricing import Proration, Tier, UnreadableTerms, terms_from_json, tiers_from_json
from partners.terms import ImpossibleTerms

Row = tuple[str, str]
Difference = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """What a month costs, of a contract or as kept with a billed month; `tiers` as they read."""

    model: PricingModel
    currency: str
    fee_cents: int
    price: Decimal | None
    tiers: str
    tier_mode: str
    included: Decimal | int
    rounding: str
    discount_rate: Decimal
    minimum_cents: int
    maximum_cents: int | None


def terms_text(contract: Contract) -> str:
    """Say in a line what a partner pays."""
    said = [_price_line(contract)]
    if contract.discount_rate:
        said.append(f"less {percent_text(contract.discount_rate)}")
    if contract.minimum_cents:
        said.append(f"at least {_money(contract.minimum_cents, contract.currency)}")
    if contract.maximum_cents:
        said.append(f"at most {_money(contract.maximum_cents, contract.currency)}")
    return ", ".join(said)


def terms_rows(contract: Contract) -> list[Row]:
    """Say each term beside its name; what the pricing model does not know, or nobody agreed on, is left out."""
    return [(name, said) for name, said in _all_rows(contract) if said]


def kept_rows(month: BilledPeriod) -> list[Row]:
    """Say what a month was billed on, as it was kept with it."""
    try:
        return [(name, said) for name, said in _kept_rows(month) if said]
    except UnreadableTerms as error:
        return [("Terms", str(error))]


def differences(before: Contract, after: Contract) -> list[Difference]:
    """Return the terms of two versions that differ, the older one first."""
    old, new = dict(terms_rows(before)), dict(terms_rows(after))
    names = list(dict.fromkeys([*old, *new]))
    order = {name: place for place, (name, _) in enumerate(_all_rows(after))}
    changed = (name for name in sorted(names, key=lambda name: order[name]) if old.get(name) != new.get(name))
    return [(name, old.get(name, EMPTY), new.get(name, EMPTY)) for name in changed]


def tiers_text(contract: Contract) -> str:
    """Say every tier with its price."""
    try:
        return _tiers_text(tiers_from_json(contract.tiers), contract.currency)
    except ImpossibleTerms as error:
        return str(error)


def _all_rows(contract: Contract) -> Iterator[Row]:
    yield from _price_rows(_prices_of(contract))
    yield "Started and ended months", contract.get_proration_display()
    yield "Tax", percent_text(Decimal(contract.tax_rate))
    yield "Tax category", contract.get_tax_category_display() if contract.tax_category else ""
    yield "Tax note", contract.tax_note
    yield "Payment terms", f"{contract.payment_terms_days} days"
    yield "Needs a purchase order", "Yes" if contract.needs_purchase_order else ""
    yield "Billing time zone", contract.billing_time_zone
    yield "Last day", day_text(contract.end_date - dt.timedelta(days=1)) if contract.end_date else ""


def _prices_of(contract: Contract) -> _Prices:
    by_request = contract.pricing_model == PricingModel.PER_REQUEST
    return _Prices(
        model=PricingModel(contract.pricing_model),
        currency=contract.currency,
        fee_cents=contract.monthly_fee_cents,
        price=contract.price_per_1000_requests if by_request else contract.price_per_deed,
        tiers=tiers_text(contract),
        tier_mode=contract.tier_mode,
        included=contract.included_requests if by_request else contract.included_deeds,
        rounding=contract.rounding,
        discount_rate=contract.discount_rate,
        minimum_cents=contract.minimum_cents,
        maximum_cents=contract.maximum_cents,
    )


def _prices_kept(kept: dict[str, Any]) -> tuple[_Prices, Proration]:
    terms, proration = terms_from_json(kept)
    prices = _Prices(
        model=PricingModel(kept["pricing_model"]),
        currency=terms.currency,
        fee_cents=getattr(terms, "monthly_fee_cents", 0),
        price=getattr(terms, "unit_price", None),
        tiers=_tiers_text(getattr(terms, "tiers", ()), terms.currency),
        tier_mode=getattr(terms, "tier_mode", ""),
        included=getattr(terms, "included", 0),
        rounding=getattr(terms, "rounding", ""),
        discount_rate=terms.discount_rate,
        minimum_cents=terms.minimum_cents,
        maximum_cents=terms.maximum_cents,
    )
    return prices, proration


def _price_rows(prices: _Prices) -> Iterator[Row]:
    """Name each price; what the model does not know, or nobody agreed on, is empty."""
    is_metered, by_request = prices.model != PricingModel.FLAT, prices.model == PricingModel.PER_REQUEST
    unit, units = ("1,000 requests", "requests") if by_request else ("deed", "deeds")
    yield "Pricing model", prices.model.label
    yield "Currency", prices.currency
    yield "Monthly fee", _money(prices.fee_cents, prices.currency) if _has_fee(prices.model) else ""
    has_price = is_metered and prices.price is not None
    yield f"Price per {unit}", price_text(prices.price, prices.currency) if has_price else ""  # type: ignore[arg-type]
    yield f"Tiers per {unit}", prices.tiers if is_metered else ""
    yield "Tiers price", TierMode(prices.tier_mode).label if is_metered and prices.tiers else ""
    yield f"Included {units}", count_text(prices.included) if is_metered and prices.included else ""
    yield "Rounding", PackageRounding(prices.rounding).label if by_request else ""
    yield "Discount", percent_text(prices.discount_rate) if prices.discount_rate else ""
    yield "Minimum commitment", _money(prices.minimum_cents, prices.currency) if prices.minimum_cents else ""
    yield "Maximum of a month", _money(prices.maximum_cents, prices.currency) if prices.maximum_cents else ""


def _kept_rows(month: BilledPeriod) -> Iterator[Row]:
    prices, proration = _prices_kept(month.terms)
    yield from _price_rows(prices)
    yield "Share of the month", f"{proration.days} of {proration.of_days} days" if proration.is_partial else ""
    yield "Tax", percent_text(Decimal(month.terms.get("tax_rate", 0)))
    category = month.terms.get("tax_category", "")
    yield "Tax category", TaxCategory(category).label if category else ""
    yield "Tax note", month.terms.get("tax_note", "")


def _price_line(contract: Contract) -> str:
    model, fee = PricingModel(contract.pricing_model), _money(contract.monthly_fee_cents, contract.currency)
    if model == PricingModel.FLAT:
        return f"{fee} a month"
    by_request = model == PricingModel.PER_REQUEST
    included = contract.included_requests if by_request else contract.included_deeds
    free = f", {count_text(included)} included" if included else ""
    usage = f"{_unit_price(contract, by_request=by_request)} per {'1,000 requests' if by_request else 'deed'}{free}"
    return f"{fee} a month, then {usage}" if _has_fee(model) else usage


def _unit_price(contract: Contract, *, by_request: bool) -> str:
    if contract.tiers:
        prices = [Decimal(str(row.get("unit_price", 0))) for row in contract.tiers]
        lowest, highest = (price_text(price, contract.currency) for price in (min(prices), max(prices)))
        return f"{lowest} to {highest}"
    price = contract.price_per_1000_requests if by_request else contract.price_per_deed
    return EMPTY if price is None else price_text(price, contract.currency)


def _tiers_text(tiers: tuple[Tier, ...], currency: str) -> str:
    return " · ".join(_tiers(tiers, currency))


def _tiers(tiers: tuple[Tier, ...], currency: str) -> Iterator[str]:
    first = 1
    for tier in tiers:
        price = price_text(tier.unit_price, currency)
        if tier.up_to is None:
            yield f"from {first:,}: {price}" if first > 1 else price
        else:
            yield f"{first:,}\N{EN DASH}{tier.up_to:,}: {price}"
            first = tier.up_to + 1


def _has_fee(model: PricingModel) -> bool:
    return model in (PricingModel.FLAT, PricingModel.HYBRID)


def _money(cents: int, currency: str) -> str:
    return Money(cents, currency).format()
