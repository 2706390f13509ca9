"""Owns how pages say what a contract agrees on: in a line, as rows, and as what differs between two versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.words import count_text, day_text, percent_text, price_text
from billing_site.kit.money import Money
from partners.enums import PricingModel, TierMode
from partners.models import Contract
from partners.pricing import Tier, tiers_from_json
from partners.terms import ImpossibleTerms

Row = tuple[str, str]
Difference = tuple[str, str, str]


def terms_text(contract: Contract) -> str:
    """Say in a line what a partner pays."""
    said = [_price_line(contract)]
    if contract.discount_rate:
        said.append(f"less {percent_text(contract.discount_rate)}")
    if contract.minimum_cents:
        said.append(f"at least {_money(contract.minimum_cents, contract)}")
    if contract.maximum_cents:
        said.append(f"at most {_money(contract.maximum_cents, contract)}")
    return ", ".join(said)


def terms_rows(contract: Contract) -> list[Row]:
    """Say each term beside its name; what the pricing model does not know, or nobody agreed on, is left out."""
    return [(name, said) for name, said in _all_rows(contract) if said]


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
        tiers = tiers_from_json(contract.tiers)
    except ImpossibleTerms as error:
        return str(error)
    return " · ".join(_tiers(tiers, contract.currency))


def _all_rows(contract: Contract) -> Iterator[Row]:
    model, is_metered = PricingModel(contract.pricing_model), contract.pricing_model != PricingModel.FLAT
    by_request = model == PricingModel.PER_REQUEST
    price = contract.price_per_1000_requests if by_request else contract.price_per_deed
    included = contract.included_requests if by_request else contract.included_deeds
    yield "Pricing model", model.label
    yield "Currency", contract.currency
    yield "Monthly fee", _money(contract.monthly_fee_cents, contract) if _has_fee(model) else ""
    unit = "1,000 requests" if by_request else "deed"
    yield f"Price per {unit}", price_text(price, contract.currency) if is_metered and price is not None else ""
    yield f"Tiers per {unit}", tiers_text(contract) if is_metered else ""
    yield "Tiers price", TierMode(contract.tier_mode).label if is_metered and contract.tiers else ""
    yield f"Included {'requests' if by_request else 'deeds'}", count_text(included) if is_metered and included else ""
    yield "Rounding", contract.get_rounding_display() if by_request else ""
    yield "Discount", percent_text(contract.discount_rate) if contract.discount_rate else ""
    yield "Minimum commitment", _money(contract.minimum_cents, contract) if contract.minimum_cents else ""
    yield "Maximum of a month", _money(contract.maximum_cents, contract) if contract.maximum_cents else ""
    yield "Broken months", contract.get_proration_display()
    yield "Tax", percent_text(Decimal(contract.tax_rate))
    yield "Tax category", contract.get_tax_category_display() if contract.tax_category else ""
    yield "Tax note", contract.tax_note
    yield "Payment terms", f"{contract.payment_terms_days} days"
    yield "Needs a purchase order", "Yes" if contract.needs_purchase_order else ""
    yield "Billing time zone", contract.billing_time_zone
    yield "Last day", day_text(contract.end_date - dt.timedelta(days=1)) if contract.end_date else ""


def _price_line(contract: Contract) -> str:
    model, fee = PricingModel(contract.pricing_model), _money(contract.monthly_fee_cents, contract)
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


def _money(cents: int, contract: Contract) -> str:
    return Money(cents, contract.currency).format()
