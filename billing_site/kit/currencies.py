"""Owns how currencies are counted: our exponents (ISO 4217) and, at the door, Stripe's own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from billing_site.kit.iso4217 import CODES, UnknownCurrency, exponent, is_known
from billing_site.kit.money import Money, TooPrecise

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODES", "UnknownCurrency", "exponent", "from_stripe", "is_known", "stripe_exponent", "to_stripe"]

# Source: Stripe's documentation of supported currencies (docs.stripe.com/currencies), zero-decimal currencies and
# special cases. Only the currencies that its API counts unlike ISO 4217: ISK and UGX travel with two digits that
# must be 00, MGA travels without. HUF and TWD keep two digits; only their payouts must end in 00. Currencies with
# three digits are charged in steps of ten.
STRIPE_EXCEPTIONS: Final[Mapping[str, int]] = MappingProxyType({"ISK": 2, "MGA": 0, "UGX": 2})
_DIGITS_IN_STEPS_OF_TEN: Final = 3


def stripe_exponent(code: str) -> int:
    """Return the digits Stripe's API counts for a currency; raise UnknownCurrency."""
    ours = exponent(code)
    return STRIPE_EXCEPTIONS.get(code, ours)


def from_stripe(amount: int, currency: str) -> Money:
    """Read an amount of Stripe's API (`currency` in any case) exactly; raise TooPrecise when ours has fewer digits."""
    code = currency.upper()
    return Money(_rescaled(amount, code, stripe_exponent(code), exponent(code)), code)


def to_stripe(money: Money) -> int:
    """Return the amount as Stripe's API counts it; raise TooPrecise when Stripe takes fewer digits."""
    code = money.currency
    if stripe_exponent(code) == _DIGITS_IN_STEPS_OF_TEN and money.cents % 10:
        msg = f"{money} must end in 0: Stripe takes {code} in steps of ten."
        raise TooPrecise(msg)
    return _rescaled(money.cents, code, exponent(code), stripe_exponent(code))


def _rescaled(units: int, code: str, digits: int, wanted: int) -> int:
    scale: int = 10 ** abs(wanted - digits)
    if wanted >= digits:
        return units * scale
    whole, rest = divmod(units, scale)
    if rest:
        msg = f"{units} {code} with {digits} digits cannot be written with {wanted}."
        raise TooPrecise(msg)
    return whole
