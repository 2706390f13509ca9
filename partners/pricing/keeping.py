"""Owns terms as JSON: what a month was billed on can be read, and rated again, years later."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from billing_site.kit.money import plain
from billing_site.kit.periods import Period
from partners.pricing.proration import WHOLE_MONTH, Proration
from partners.terms import Flat, Hybrid, ImpossibleTiers, PerDeed, PerRequest, Terms, Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHAPES: Final[Mapping[str, type[Terms]]] = {
    "flat": Flat,
    "per_deed": PerDeed,
    "hybrid": Hybrid,
    "per_request": PerRequest,
}
_MODELS: Final = {shape: name for name, shape in _SHAPES.items()}
_ANY_ZONE: Final = ZoneInfo("UTC")  # days are counted, no instants
_DECIMALS: Final = {"unit_price", "included", "discount_rate"}


class UnreadableTerms(ValueError):
    """What is kept of a billed month's terms does not say what was agreed."""


def terms_as_json(terms: Terms, proration: Proration = WHOLE_MONTH) -> dict[str, Any]:
    """Write terms, and the days of the month they were applied to; decimals as text."""
    kept = {field.name: _written(getattr(terms, field.name)) for field in fields(terms)}
    days = {"skipped": proration.skipped, "days": proration.days, "of_days": proration.of_days}
    return {"pricing_model": _MODELS[type(terms)], **kept, "proration": days}


def terms_from_json(kept: Mapping[str, Any]) -> tuple[Terms, Proration]:
    """Read what `terms_as_json` wrote, whatever else stands beside it.

    Months billed before tiers and discounts were known have none; their days are those `served`.
    Raises UnreadableTerms.
    """
    try:
        shape = _SHAPES[kept["pricing_model"]]
        found = {field.name: _read(field.name, kept[field.name]) for field in fields(shape) if field.name in kept}
        return shape(**found), _proration(kept)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        msg = f"The terms kept of this month cannot be read: {error}."
        raise UnreadableTerms(msg) from error


def quantities_as_json(usage: Mapping[str, Decimal]) -> dict[str, str]:
    """Write quantities per meter, exact, as text."""
    return {meter: _written(quantity) for meter, quantity in usage.items()}


def tiers_as_json(tiers: Iterable[Tier]) -> list[dict[str, Any]]:
    """Write tiers as a contract stores them."""
    return [{"up_to": tier.up_to, "unit_price": _written(tier.unit_price)} for tier in tiers]


def tiers_from_json(rows: Any) -> tuple[Tier, ...]:
    """Read tiers as a contract stores them. Raises ImpossibleTiers."""
    try:
        return tuple(_tier(**row) for row in rows)
    except (TypeError, InvalidOperation) as error:
        msg = "Each tier has an end (up_to; none in the last) and a price (unit_price, written as text)."
        raise ImpossibleTiers(msg) from error


def _tier(*, unit_price: Any, up_to: Any = None) -> Tier:
    if isinstance(unit_price, float) or not (up_to is None or type(up_to) is int):
        raise TypeError
    return Tier(up_to, Decimal(unit_price))


def _written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return tiers_as_json(value) if isinstance(value, tuple) else value


def _read(name: str, value: Any) -> Any:
    if name == "tiers":
        return tiers_from_json(value)
    return Decimal(value) if name in _DECIMALS and value is not None else value


def _proration(kept: Mapping[str, Any]) -> Proration:
    if "proration" in kept:
        return Proration(**kept["proration"])
    start, end = (date.fromisoformat(day) for day in kept["served"].split("/"))
    month = Period.month(start.year, start.month, _ANY_ZONE)
    return Proration.of(month, start, end)
