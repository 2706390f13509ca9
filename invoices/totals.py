"""Owns the arithmetic of an invoice: lines, discounts and tax in, sums that agree to the cent out. No framework."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from billing_site.kit.money import Money, round_half_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Rounding = Literal["line", "document"]
_ROUNDINGS = get_args(Rounding)
_NONE = Decimal(0)
_NO_TAX = Fraction(0)


class DiscountTooLarge(ValueError):
    """A discount may take all of an amount, never more, and never add to it."""

    def __init__(self, discount_cents: int, whole_cents: int) -> None:
        """Keep both, in minor units, for whoever says it in a currency."""
        super().__init__(f"A discount of {discount_cents} is not a part of {whole_cents} (in minor units).")
        self.discount_cents, self.whole_cents = discount_cents, whole_cents


class NotATaxRate(ValueError):
    """A tax rate is a fraction from 0 to 1: 19 % is 0.19."""


class NotADiscountRate(ValueError):
    """A discount is an amount or a fraction from 0 to 1, not both: 10 % is 0.1."""


class UnknownRounding(ValueError):
    """Tax is rounded per line or per document."""


class TaxGroup(NamedTuple):
    """Lines that are taxed together: one category of EN 16931 at one rate."""

    category: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class LineDraft:
    """What a line asks for: a quantity at major units per package, before tax is worked out.

    A discount is `discount_cents`, in the language of the price (with tax inside when prices include tax), or the
    part `discount_rate` of the price. A line that names no `tax_category` has the usual one of its rate.
    """

    quantity: Decimal
    unit_price: Decimal
    package_size: int = 1
    tax_rate: Decimal = Decimal(0)
    discount_cents: int = 0
    discount_rate: Decimal = Decimal(0)
    tax_category: str = ""

    def __post_init__(self) -> None:
        """Refuse 19 where 0.19 is meant."""
        if not _is_fraction(self.tax_rate):
            msg = f"{self.tax_rate!s} is not a tax rate: write 19 % as 0.19."
            raise NotATaxRate(msg)
        _refuse_two_discounts(self.discount_cents, self.discount_rate)

    @property
    def taxed_as(self) -> TaxGroup:
        """Say with which other lines it is taxed."""
        return TaxGroup(self.tax_category or usual_category(self.tax_rate), self.tax_rate)


@dataclass(frozen=True, slots=True)
class LineTotals:
    """One line worked out, every figure without tax but the tax: `net = amount - discount`.

    `discount_cents` holds the line's own discount and its share of the document's.
    """

    amount_cents: int
    discount_cents: int
    tax_cents: int
    net_cents: int

    @property
    def gross_cents(self) -> int:
        """What the customer pays for this line, tax included."""
        return self.net_cents + self.tax_cents


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """What one category at one rate taxes, and how much; a rate of zero has its row too."""

    category: str
    rate: Decimal
    net_cents: int
    tax_cents: int


@dataclass(frozen=True, slots=True)
class InvoiceTotals:
    """The sums of the lines: `total = subtotal - discount + tax`, whether prices include tax or not.

    Subtotal and discount never contain tax. Where prices include it, the total is what the prices add up to after
    discounts, and the subtotal is what is left of them once tax is taken out.
    """

    lines: tuple[LineTotals, ...]
    subtotal_cents: int
    discount_cents: int
    tax_cents: int
    total_cents: int
    taxes: tuple[TaxTotal, ...]


def usual_category(rate: Decimal) -> str:
    """Return the category of EN 16931 that a rate has unless something else is said: standard, or zero rated."""
    return "S" if rate else "Z"


def total_invoice(
    lines: Sequence[LineDraft],
    *,
    currency: str,
    rounding: Rounding,
    tax_inclusive: bool = False,
    discount_cents: int = 0,
    discount_rate: Decimal = _NONE,
) -> InvoiceTotals:
    """Work out an invoice: each line rounds once, and tax once per line or once per tax group of the document.

    The document's discount is an amount or the part `discount_rate` of what the lines leave after their own.
    """
    if rounding not in _ROUNDINGS:
        msg = f"{rounding!r} is no way to round tax: choose line or document."
        raise UnknownRounding(msg)
    priced = [Money.priced(line.quantity, line.unit_price, currency, line.package_size).cents for line in lines]
    _refuse_two_discounts(discount_cents, discount_rate)
    discounts = _discounts(lines, priced, discount_cents, discount_rate)
    payable = [price - discount for price, discount in zip(priced, discounts, strict=True)]
    groups = _groups(lines)
    together = groups.values() if rounding == "document" else [[i] for i in range(len(lines))]
    taxes = _taxes(lines, payable, together, tax_inclusive=tax_inclusive)
    of_line = _line_with_tax_inside if tax_inclusive else _line_before_tax
    return _summed(groups, tuple(of_line(*parts) for parts in zip(lines, priced, discounts, taxes, strict=True)))


def _line_before_tax(_: LineDraft, priced: int, discount: int, tax: int) -> LineTotals:
    return LineTotals(amount_cents=priced, discount_cents=discount, tax_cents=tax, net_cents=priced - discount)


def _line_with_tax_inside(line: LineDraft, priced: int, discount: int, tax: int) -> LineTotals:
    net = priced - discount - tax
    # Only the discount is stripped of its tax here; the amount follows, so no line without discount shows one.
    net_discount = discount - round_half_up(discount * _share_inside(line.tax_rate))
    return LineTotals(amount_cents=net + net_discount, discount_cents=net_discount, tax_cents=tax, net_cents=net)


def _summed(groups: Mapping[TaxGroup, Sequence[int]], lines: tuple[LineTotals, ...]) -> InvoiceTotals:
    subtotal = sum([line.amount_cents for line in lines])
    discount = sum([line.discount_cents for line in lines])
    taxes = [
        TaxTotal(*group, sum([lines[i].net_cents for i in places]), sum([lines[i].tax_cents for i in places]))
        for group, places in groups.items()
    ]
    tax = sum([group.tax_cents for group in taxes])
    return InvoiceTotals(
        lines=lines,
        subtotal_cents=subtotal,
        discount_cents=discount,
        tax_cents=tax,
        total_cents=subtotal - discount + tax,
        taxes=tuple(sorted(taxes, key=attrgetter("rate", "category"))),
    )


def _discounts(
    lines: Sequence[LineDraft], priced: Sequence[int], document_cents: int, document_rate: Decimal
) -> list[int]:
    own = [_own_discount(line, price) for line, price in zip(lines, priced, strict=True)]
    if not (document_cents or document_rate):
        return own
    after_own = [price - discount for price, discount in zip(priced, own, strict=True)]
    whole = sum(after_own)
    shared = document_cents or _part_of(whole, document_rate)
    _refuse_more_than_all(shared, whole)
    if not shared:
        return own
    shares = _rounded_together([Fraction(shared * part, whole) for part in after_own])
    return [discount + share for discount, share in zip(own, shares, strict=True)]


def _own_discount(line: LineDraft, price: int) -> int:
    if not (line.discount_cents or line.discount_rate):
        return 0
    discount = line.discount_cents or _part_of(price, line.discount_rate)
    _refuse_more_than_all(discount, price)
    return discount


def _part_of(price: int, rate: Decimal) -> int:
    return round_half_up(Fraction(rate) * price) if rate else 0


def _refuse_two_discounts(cents: int, rate: Decimal) -> None:
    if not _is_fraction(rate) or (rate and cents):
        msg = f"A discount is an amount or a rate, and {rate!s} with {cents} is neither: write 10 % as 0.1."
        raise NotADiscountRate(msg)


def _refuse_more_than_all(discount: int, whole: int) -> None:
    if not min(whole, 0) <= discount <= max(whole, 0):
        raise DiscountTooLarge(discount, whole)


def _taxes(
    lines: Sequence[LineDraft], payable: Sequence[int], together: Iterable[Sequence[int]], *, tax_inclusive: bool
) -> list[int]:
    """Return the tax of each line; the places that stand together round once."""
    share: Callable[[Decimal], Fraction] = _share_inside if tax_inclusive else Fraction
    exact = [
        part * share(line.tax_rate) if line.tax_rate else _NO_TAX for line, part in zip(lines, payable, strict=True)
    ]
    taxes = [0] * len(lines)
    for places in together:
        for i, tax in zip(places, _rounded_together([exact[i] for i in places]), strict=True):
            taxes[i] = tax
    return taxes


def _share_inside(rate: Decimal) -> Fraction:
    """Return the part of a tax-inclusive amount that is tax."""
    return Fraction(rate) / (1 + Fraction(rate))


def _groups(lines: Sequence[LineDraft]) -> dict[TaxGroup, list[int]]:
    """Say where the lines of each tax group stand."""
    places: dict[TaxGroup, list[int]] = {}
    for i, line in enumerate(lines):
        places.setdefault(line.taxed_as, []).append(i)
    return places


def _is_fraction(rate: Decimal) -> bool:
    return isinstance(rate, Decimal) and rate.is_finite() and 0 <= rate <= 1


def _rounded_together(parts: Sequence[Fraction]) -> list[int]:
    """Round the sum once, then hand the units out by largest remainder; parts of either sign are welcome."""
    if len(parts) == 1 or not any(parts):
        return [round_half_up(part) for part in parts]
    whole = round_half_up(sum(parts, Fraction(0)))
    if whole < 0:
        return [-part for part in _rounded_together([-part for part in parts])]
    shares = [floor(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda i: (shares[i] - parts[i], -parts[i], i))
    for i in order[: whole - sum(shares)]:
        shares[i] += 1
    return shares
