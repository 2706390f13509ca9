"""Stripe's arithmetic: its exponents, rounding, what a card costs, and what another currency is worth.

The table of exponents is the sim's own on purpose: a mistake in the product's table must not be mirrored here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})

FeePolicy = Callable[[int, str], int]
"""From a settled amount and its currency to the fee, all in Stripe's smallest unit."""


def exponent(currency: str) -> int:
    """Return how many digits Stripe counts after the point."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def rounded(amount: Decimal) -> int:
    """Round half away from zero to a whole unit."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(frozen=True)
class CardFees:
    """A share of the amount and a fixed part: 2.9 % + 30."""

    share: Decimal = Decimal("0.029")
    fixed: int = 30

    def __call__(self, amount: int, currency: str) -> int:
        """Return the fee; three-decimal currencies move in steps of ten."""
        step = 10 if exponent(currency) == 3 else 1  # noqa: PLR2004 - the three of "three decimals"
        return rounded((amount * self.share + self.fixed * step) / step) * step


@dataclass(frozen=True)
class Settlement:
    """The currency a charge is paid out in, and the rate of exchange (major unit to major unit)."""

    currency: str
    rate: Decimal | None = None

    def settled(self, amount: int, currency: str) -> int:
        """Return what an amount is worth in the settlement currency."""
        if self.rate is None:
            return amount
        return rounded(amount * self.rate * Decimal(10) ** (exponent(self.currency) - exponent(currency)))


def json_number(value: Decimal | None) -> object:
    """Return a rate as the JSON number Stripe writes it as."""
    return None if value is None else json.loads(str(value))


def shared_out(whole: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion, the last part taking what rounding leaves."""
    total = sum(weights)
    if not total:
        return [0 for _ in weights]
    parts = [whole * weight // total for weight in weights]
    parts[-1] += whole - sum(parts)
    return parts
