"""Owns the shapes of what a contract agrees on: flat, per deed, hybrid, per request. No framework."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeVar

from billing_site.kit.money import Money

PackageRounding = Literal["up", "exact"]

_PACKAGE_OF_REQUESTS: Final = 1000
_Price = TypeVar("_Price", int, Decimal)


class ContractWithoutPrice(ValueError):
    """The terms name a pricing model but lack the price it needs."""

    def __init__(self, pricing_model: str, missing: str) -> None:
        """Say which price to enter."""
        super().__init__(f"A {pricing_model} contract cannot be billed without {missing}: enter it on the contract.")


class ImpossibleTerms(ValueError):
    """No price, fee, minimum or included quantity is negative, and a package holds at least one unit."""


class UnknownPricingModel(ValueError):
    """Contracts are flat, per_deed, hybrid or per_request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed:
    """What every pricing model has: a currency, and a floor for the month in its minor units."""

    currency: str
    minimum_cents: int = 0

    def __post_init__(self) -> None:
        """Refuse terms nobody can have signed."""
        Money(self.minimum_cents, self.currency)
        for name in ("minimum_cents", "monthly_fee_cents", "unit_price", "included"):
            value = getattr(self, name, 0)
            if not (isinstance(value, int | Decimal) and Decimal(value).is_finite() and value >= 0):
                msg = f"{name} is {value!s}: terms know exact numbers, none below zero."
                raise ImpossibleTerms(msg)
        if getattr(self, "package_size", 1) < 1:
            msg = "A package holds at least one unit."
            raise ImpossibleTerms(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat(_Agreed):
    """One fee a month, whatever is used."""

    monthly_fee_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PerDeed(_Agreed):
    """So many major units for each deed beyond those included."""

    unit_price: Decimal
    included: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid(_Agreed):
    """A base fee that includes some deeds, and a price for each one beyond."""

    monthly_fee_cents: int
    unit_price: Decimal
    included: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRequest(_Agreed):
    """So many major units for each package of requests; `rounding` says whether a begun package counts whole."""

    unit_price: Decimal
    included: Decimal = Decimal(0)
    package_size: int = _PACKAGE_OF_REQUESTS
    rounding: PackageRounding = "up"


Priced = PerDeed | Hybrid | PerRequest
Terms = Flat | Priced


def terms_for(
    *,
    pricing_model: str,
    currency: str,
    monthly_fee_cents: int | None = None,
    unit_price: Decimal | None = None,
    included: Decimal = Decimal(0),
    minimum_cents: int = 0,
    package_size: int = _PACKAGE_OF_REQUESTS,
    rounding: PackageRounding = "up",
) -> Terms:
    """Read terms as a contract stores them; raise ContractWithoutPrice where its model's price is missing."""

    def needed(price: _Price | None, name: str) -> _Price:
        if price is None:
            raise ContractWithoutPrice(pricing_model, name)
        return price

    match pricing_model:
        case "flat":
            # A flat contract at zero is a fee somebody forgot: it could never bill anything.
            fee = needed(monthly_fee_cents or None, "a monthly fee")
            return Flat(currency=currency, minimum_cents=minimum_cents, monthly_fee_cents=fee)
        case "per_deed":
            price = needed(unit_price, "a price per deed")
            return PerDeed(currency=currency, minimum_cents=minimum_cents, unit_price=price, included=included)
        case "hybrid":
            return Hybrid(
                currency=currency,
                minimum_cents=minimum_cents,
                monthly_fee_cents=needed(monthly_fee_cents, "a monthly fee"),
                unit_price=needed(unit_price, "a price per deed"),
                included=included,
            )
        case "per_request":
            return PerRequest(
                currency=currency,
                minimum_cents=minimum_cents,
                unit_price=needed(unit_price, f"a price per {package_size:,} requests"),
                included=included,
                package_size=package_size,
                rounding=rounding,
            )
        case _:
            msg = f"{pricing_model!r} is no pricing model: choose flat, per_deed, hybrid or per_request."
            raise UnknownPricingModel(msg)
