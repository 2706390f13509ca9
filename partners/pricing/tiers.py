"""Owns how a quantity falls into tiers of prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from partners.terms import Tier

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Span:
    """The units beyond `above`, up to and with `up_to` (None: all further ones)."""

    above: int
    up_to: int | None
    unit_price: Decimal

    def part_of(self, quantity: Decimal) -> Decimal:
        """Return how much of a quantity lies in this span."""
        within = quantity if self.up_to is None else min(quantity, Decimal(self.up_to))
        return max(within - self.above, _NOTHING)

    def is_reached_by(self, quantity: Decimal) -> bool:
        """Whether a quantity is not beyond this span."""
        return self.up_to is None or quantity <= self.up_to


Part = tuple[Span, Decimal]


def spans_of(tiers: Iterable[Tier], share: Callable[[int], int]) -> Iterator[Span]:
    """Yield the spans of a month: its share of each bound, so that a month of half the days reaches tiers as soon."""
    above = 0
    for tier in tiers:
        up_to = None if tier.up_to is None else share(tier.up_to)
        yield Span(above, up_to, tier.unit_price)
        above = up_to or 0


def graduated(quantity: Decimal, spans: Sequence[Span]) -> list[Part]:
    """Return what lies in each span that is touched; nothing at all lies in the first."""
    touched = [(span, part) for span in spans if (part := span.part_of(quantity))]
    return touched or [(spans[0], _NOTHING)]


def volume(quantity: Decimal, spans: Sequence[Span]) -> list[Part]:
    """Return the whole quantity in the span it reaches."""
    return [(next(span for span in spans if span.is_reached_by(quantity)), quantity)]
