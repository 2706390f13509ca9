"""Owns amounts of money: whole minor units with a currency, rounded once, split without loss."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from babel.core import Locale
from babel.numbers import parse_pattern

from billing_site.kit.iso4217 import exponent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Whole fractions, no Decimal inside: a Decimal product is cut at 28 digits, which would be a second, silent rounding.
ANY_SIZE = Context(prec=1_000)  # in which Babel writes numbers: in the usual one it fails at those of more digits
# Between symbol and number: a plain space after letters ("KWD 1.234"), whatever the locale wrote there.
_BESIDE_SYMBOL = re.compile("(?<=\\D)\u00a0|\u00a0(?=\\D)|(?<=[^\\W\\d])(?=\\d)")


class CurrencyMismatch(ValueError):
    """Amounts of two currencies neither add nor compare."""


class NotMinorUnits(TypeError):
    """Money counts whole minor units in an int: no float, no Decimal, no bool."""


class TooPrecise(ValueError):
    """The amount has more digits than its currency; round it by name or refuse it."""


class NothingToAllocateOver(ValueError):
    """Weights must be finite, none negative, and at least one positive."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (`cents`, whatever the exponent) of one ISO 4217 currency."""

    cents: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not a whole number of units of a known currency."""
        if type(self.cents) is not int:
            msg = f"Money counts whole minor units: {self.cents!r} is not an int."
            raise NotMinorUnits(msg)
        exponent(self.currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing, in this currency."""
        return cls(0, currency)

    @classmethod
    def from_major(cls, amount: Decimal, currency: str) -> Money:
        """Read an amount in major units (12.50 USD) exactly; raise TooPrecise rather than round."""
        top, bottom = _ratio(amount)
        cents, rest = divmod(top * 10 ** exponent(currency), bottom)
        if rest:
            msg = f"{amount} has more digits than {currency} counts ({exponent(currency)})."
            raise TooPrecise(msg)
        return cls(cents, currency)

    @classmethod
    def priced(cls, quantity: Decimal, unit_price: Decimal, currency: str, package_size: int = 1) -> Money:
        """Price a quantity at so many major units per package, rounding half up once."""
        (many, of_many), (price, of_price) = _ratio(quantity), _ratio(unit_price)
        return cls(_half_up(many * price * 10 ** exponent(currency), of_many * of_price * package_size), currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units, exact, with the currency's own number of digits."""
        return Decimal(f"{self.cents}E-{exponent(self.currency)}")

    def __add__(self, other: Money) -> Money:
        """Add money of the same currency."""
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.cents + self._cents_of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        """Subtract money of the same currency."""
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.cents - self._cents_of(other), self.currency)

    def __mul__(self, times: int) -> Money:
        """Repeat the amount; a rate is priced, never multiplied."""
        if type(times) is not int:
            return NotImplemented
        return Money(self.cents * times, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        """Return the opposite amount."""
        return Money(-self.cents, self.currency)

    def __abs__(self) -> Money:
        """Return the amount without its sign."""
        return Money(abs(self.cents), self.currency)

    def __bool__(self) -> bool:
        """Nothing is false."""
        return self.cents != 0

    def __lt__(self, other: Money) -> bool:
        """Compare within one currency; equality across currencies is plain False."""
        return self.cents < self._cents_of(other)

    def __le__(self, other: Money) -> bool:
        """Compare within one currency."""
        return self.cents <= self._cents_of(other)

    def __gt__(self, other: Money) -> bool:
        """Compare within one currency."""
        return self.cents > self._cents_of(other)

    def __ge__(self, other: Money) -> bool:
        """Compare within one currency."""
        return self.cents >= self._cents_of(other)

    def __str__(self) -> str:
        """Write it for logs and files: `USD 12.50`."""
        return f"{self.currency} {self.major:f}"

    def format(self, locale: str = "en") -> str:
        """Write it for people of a locale: `$12.50`, `¥500`, `KWD 1.234`."""
        speech = Locale.parse(locale, sep="-" if "-" in locale else "_")
        pattern = parse_pattern(speech.currency_formats["standard"].pattern)
        # Digits come from ISO, not from CLDR, which prints RSD 12.34 as "RSD 12".
        pattern.frac_prec = (exponent(self.currency),) * 2
        with localcontext(ANY_SIZE):
            text = pattern.apply(self.major, speech, currency=self.currency, currency_digits=False)
        return _BESIDE_SYMBOL.sub(" ", text)

    def allocate(self, weights: Sequence[int | Decimal]) -> list[Money]:
        """Split by weight with the largest remainder: the parts add up to the whole, whatever its sign."""
        sign = -1 if self.cents < 0 else 1
        shares = _largest_remainder(abs(self.cents), _whole_weights(weights))
        return [Money(sign * share, self.currency) for share in shares]

    def _cents_of(self, other: Money) -> int:
        if self.currency != other.currency:
            msg = f"{self} and {other} are of two currencies: convert one of them first."
            raise CurrencyMismatch(msg)
        return other.cents


def total(moneys: Iterable[Money], currency: str) -> Money:
    """Add money of one currency; an empty sum is zero of it."""
    result = Money.zero(currency)
    for money in moneys:
        result += money
    return result


@lru_cache(maxsize=10_000)  # the numbers of a month end are mostly the same few: zero, one, and what things cost
def plain(number: Decimal) -> str:
    """Write a number exactly, without exponent and without zeros at its end."""
    text = f"{number:f}" if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def round_half_up(value: Decimal | Fraction) -> int:
    """Round to a whole number, halves away from zero, so that a credit mirrors its invoice."""
    return _half_up(*_ratio(value))


def _half_up(top: int, bottom: int) -> int:
    size = (2 * abs(top) + bottom) // (2 * bottom)
    return -size if top < 0 else size


def _ratio(value: int | Decimal | Fraction) -> tuple[int, int]:
    """Return what a number is exactly, as a fraction whose bottom is above zero."""
    if not isinstance(value, int | Decimal | Fraction):
        msg = f"{value!r} is not exact: write it as a Decimal."
        raise NotMinorUnits(msg)
    if isinstance(value, Decimal) and not value.is_finite():
        msg = f"{value} is not a number one can pay."
        raise TooPrecise(msg)
    return value.as_integer_ratio()


def _whole_weights(weights: Sequence[int | Decimal]) -> list[int]:
    exact = [Fraction(*_ratio(weight)) for weight in weights]
    if not any(exact) or min(exact) < 0:
        raise NothingToAllocateOver(NothingToAllocateOver.__doc__)
    scale = math.lcm(*(weight.denominator for weight in exact))
    return [int(weight * scale) for weight in exact]


def _largest_remainder(units: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    shares, remainders = zip(*(divmod(units * weight, whole) for weight in weights), strict=True)
    # Among equal remainders the heavier part first, then the earlier: the order of the parts changes nobody's share.
    order = sorted(range(len(weights)), key=lambda i: (-remainders[i], -weights[i], i))
    lucky = set(order[: units - sum(shares)])
    return [share + (i in lucky) for i, share in enumerate(shares)]
