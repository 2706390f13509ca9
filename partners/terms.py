"""Owns the shapes of what a contract agrees on: flat, per deed, hybrid, per request; tiers. No framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, Literal, Required, TypedDict, TypeVar, Unpack

from billing_site.kit.money import Money

PackageRounding = Literal["up", "exact"]
TierMode = Literal["graduated", "volume"]

_PACKAGE_OF_REQUESTS: Final = 1000
_NO_DISCOUNT: Final = Decimal(0)
_Price = TypeVar("_Price", int, Decimal)


class ContractWithoutPrice(ValueError):
    """The terms name a pricing model but lack the price it needs."""

    def __init__(self, pricing_model: str, missing: str) -> None:
        """Say which price to enter."""
        super().__init__(f"A {pricing_model} contract cannot be billed without {missing}: enter it on the contract.")


class ImpossibleTerms(ValueError):
    """No price, fee, minimum or included quantity is negative, and a package holds at least one unit."""


class ImpossibleTiers(ImpossibleTerms):
    """Tiers rise, the last one is open, and packages that round up fit into them."""


class UnknownPricingModel(ValueError):
    """Contracts are flat, per_deed, hybrid or per_request."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Units beyond the included, up to and with `up_to` (None: all further ones), at `unit_price` per package."""

    up_to: int | None
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed:
    """What every model has: a currency, and in its minor units a floor and a ceiling for the month, before tax.

    The discount (a fraction) comes off fee and usage; floor and ceiling hold what is left of them.
    """

    currency: str
    discount_rate: Decimal = _NO_DISCOUNT
    minimum_cents: int = 0
    maximum_cents: int | None = None

    def __post_init__(self) -> None:
        """Refuse terms nobody can have signed."""
        Money(self.minimum_cents, self.currency)
        for name, said in _names_on_the_form(self).items():
            _refuse_below_zero(said, getattr(self, name, None), self.currency if name.endswith("_cents") else "")
        _refuse_other_fractions(self.discount_rate)
        if self.maximum_cents is not None and self.maximum_cents < max(self.minimum_cents, 1):
            msg = "The maximum of a month is above zero and not below its minimum."
            raise ImpossibleTerms(msg)
        if isinstance(self, _Metered):
            _refuse_impossible_prices(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metered(_Agreed):
    """What every model with a meter has: one price for the units beyond those included, or tiers of prices.

    `graduated` tiers price each unit by the tier it lies in, `volume` tiers all units by the tier that is reached.
    """

    unit_price: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    tier_mode: TierMode = "graduated"
    included: Decimal = Decimal(0)

    @property
    def prices(self) -> tuple[Tier, ...]:
        """The tiers; one price is a single open one."""
        return self.tiers or (Tier(None, self.unit_price or Decimal(0)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat(_Agreed):
    """One fee a month, whatever is used."""

    monthly_fee_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PerDeed(_Metered):
    """So many major units for each deed beyond those included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid(_Metered):
    """A base fee that includes some deeds, and a price for each one beyond."""

    monthly_fee_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRequest(_Metered):
    """So many major units for each package of requests; `rounding` says whether a begun package counts whole."""

    package_size: int = _PACKAGE_OF_REQUESTS
    rounding: PackageRounding = "up"

    @property
    def step(self) -> int:
        """The units that are billed at once."""
        return self.package_size if self.rounding == "up" else 1


Metered = PerDeed | Hybrid | PerRequest
Terms = Flat | Metered


class _AgreedByAll(TypedDict, total=False):
    currency: Required[str]
    discount_rate: Decimal
    minimum_cents: int
    maximum_cents: int | None


def terms_for(
    *,
    pricing_model: str,
    monthly_fee_cents: int | None = None,
    unit_price: Decimal | None = None,
    tiers: Sequence[Tier] = (),
    tier_mode: TierMode = "graduated",
    included: Decimal = Decimal(0),
    package_size: int = _PACKAGE_OF_REQUESTS,
    rounding: PackageRounding = "up",
    **agreed: Unpack[_AgreedByAll],
) -> Terms:
    """Read terms as a contract stores them; raise ContractWithoutPrice where its model's price is missing."""

    def needed(price: _Price | None, name: str) -> _Price:
        if price is None:
            raise ContractWithoutPrice(pricing_model, name)
        return price

    def metered(unit: str) -> dict[str, Any]:
        price = unit_price if tiers else needed(unit_price, f"a price per {unit}")
        prices = {"unit_price": price, "tiers": tuple(tiers), "tier_mode": tier_mode if tiers else "graduated"}
        return {**agreed, **prices, "included": included}

    match pricing_model:
        case "flat":
            # A flat contract at zero is a fee somebody forgot: it could never bill anything.
            return Flat(**agreed, monthly_fee_cents=needed(monthly_fee_cents or None, "a monthly fee"))
        case "per_deed":
            return PerDeed(**metered("deed"))
        case "hybrid":
            # Without a fee it is a per_deed contract.
            return Hybrid(monthly_fee_cents=needed(monthly_fee_cents or None, "a monthly fee"), **metered("deed"))
        case "per_request":
            return PerRequest(**metered(f"{package_size:,} requests"), package_size=package_size, rounding=rounding)
        case _:
            msg = f"{pricing_model!r} is no pricing model: choose flat, per_deed, hybrid or per_request."
            raise UnknownPricingModel(msg)


def _names_on_the_form(terms: _Agreed) -> dict[str, str]:
    """Name what is never below zero as people find it where they enter it."""
    package, units = "deed", "deeds"
    if isinstance(terms, PerRequest):
        package, units = f"{terms.package_size:,} requests", "requests"
    return {
        "minimum_cents": "Minimum commitment",
        "maximum_cents": "Maximum of a month",
        "monthly_fee_cents": "Monthly fee",
        "unit_price": f"Price per {package}",
        "included": f"Included {units}",
    }


def _refuse_below_zero(name: str, value: object, currency: str = "") -> None:
    """`currency` says that an int is an amount in its minor units."""
    is_exact = value is None or (isinstance(value, int | Decimal) and Decimal(value).is_finite() and value >= 0)
    if not is_exact:
        said = Money(value, currency).format() if currency and isinstance(value, int) else str(value)
        msg = f"{name} is {said}: write an exact number, not below zero."
        raise ImpossibleTerms(msg)


def _refuse_other_fractions(rate: object) -> None:
    if not (isinstance(rate, Decimal) and rate.is_finite() and 0 <= rate <= 1):
        msg = f"A discount of {rate!s} is not a fraction from 0 to 1: 10 % is 0.1."
        raise ImpossibleTerms(msg)


def _refuse_impossible_prices(terms: _Metered) -> None:
    if (terms.unit_price is None) == (not terms.tiers):
        msg = "Usage has one price or tiers of prices: enter one of them and not both."
        raise ImpossibleTerms(msg)
    if isinstance(terms, PerRequest) and terms.package_size < 1:
        msg = "A package holds at least one unit."
        raise ImpossibleTerms(msg)
    if terms.tiers:
        _refuse_impossible_tiers(terms.tiers, terms.step if isinstance(terms, PerRequest) else 1)


def _refuse_impossible_tiers(tiers: tuple[Tier, ...], step: int) -> None:
    for tier in tiers:
        _refuse_below_zero("The price of a tier", tier.unit_price)
    *bounds, last = [tier.up_to for tier in tiers]
    if last is not None:
        msg = f"The last tier ends at {last:,}, but usage may not: leave its end empty."
        raise ImpossibleTiers(msg)
    ends = [0, *(bound if bound is not None else 0 for bound in bounds)]
    if not all(type(end) is int and before < end for before, end in pairwise(ends)):
        msg = "Each tier but the last ends at a whole number above the end of the one before."
        raise ImpossibleTiers(msg)
    odd = next((end for end in ends if end % step), None)
    if odd is not None:
        msg = (
            f"A tier ends at {odd:,}, inside a package of {step:,} that counts whole: end it at a multiple of {step:,}."
        )
        raise ImpossibleTiers(msg)
