"""Owns the arithmetic of an invoice: lines, discounts and tax in, sums that agree to the cent out. No framework."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Literal, get_args

from billing_site.kit.money import Money, round_half_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Rounding = Literal["line", "document"]


class DiscountTooLarge(ValueError):
    """A discount may take all of an amount, never more, and never add to it."""


class NotATaxRate(ValueError):
    """A tax rate is a fraction from 0 to 1: 19 % is 0.19."""


class UnknownRounding(ValueError):
    """Tax is rounded per line or per document."""


@dataclass(frozen=True, slots=True)
class LineDraft:
    """What a line asks for: a quantity at major units per package, before tax is worked out.

    `discount_cents` speaks the language of the price: with tax inside when prices include tax.
    """

    quantity: Decimal
    unit_price: Decimal
    package_size: int = 1
    tax_rate: Decimal = Decimal(0)
    discount_cents: int = 0

    def __post_init__(self) -> None:
        """Refuse 19 where 0.19 is meant."""
        rate = self.tax_rate
        if not (isinstance(rate, Decimal) and rate.is_finite() and 0 <= rate <= 1):
            msg = f"{rate!s} is not a tax rate: write 19 % as 0.19."
            raise NotATaxRate(msg)


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
    """What one rate taxes, and how much; a rate of zero has its row too."""

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


def total_invoice(
    lines: Sequence[LineDraft],
    *,
    currency: str,
    rounding: Rounding,
    tax_inclusive: bool = False,
    discount_cents: int = 0,
) -> InvoiceTotals:
    """Work out an invoice: each line rounds once, and tax once per line or once per rate of the document."""
    if rounding not in get_args(Rounding):
        msg = f"{rounding!r} is no way to round tax: choose line or document."
        raise UnknownRounding(msg)
    priced = [Money.priced(line.quantity, line.unit_price, currency, line.package_size).cents for line in lines]
    discounts = _discounts(lines, priced, discount_cents)
    payable = [price - discount for price, discount in zip(priced, discounts, strict=True)]
    taxes = _taxes(lines, payable, rounding, tax_inclusive=tax_inclusive)
    of_line = _line_with_tax_inside if tax_inclusive else _line_before_tax
    return _summed(lines, [of_line(*parts) for parts in zip(lines, priced, discounts, taxes, strict=True)])


def _line_before_tax(_: LineDraft, priced: int, discount: int, tax: int) -> LineTotals:
    return LineTotals(amount_cents=priced, discount_cents=discount, tax_cents=tax, net_cents=priced - discount)


def _line_with_tax_inside(line: LineDraft, priced: int, discount: int, tax: int) -> LineTotals:
    net = priced - discount - tax
    # Only the discount is stripped of its tax here; the amount follows, so no line without discount shows one.
    net_discount = discount - round_half_up(discount * _share_inside(line.tax_rate))
    return LineTotals(amount_cents=net + net_discount, discount_cents=net_discount, tax_cents=tax, net_cents=net)


def _summed(drafts: Sequence[LineDraft], lines: Sequence[LineTotals]) -> InvoiceTotals:
    rates = sorted({draft.tax_rate for draft in drafts})
    by_rate = [(rate, _where(rate, drafts)) for rate in rates]
    return InvoiceTotals(
        lines=tuple(lines),
        subtotal_cents=sum(line.amount_cents for line in lines),
        discount_cents=sum(line.discount_cents for line in lines),
        tax_cents=sum(line.tax_cents for line in lines),
        total_cents=sum(line.gross_cents for line in lines),
        taxes=tuple(
            TaxTotal(rate, sum(lines[i].net_cents for i in places), sum(lines[i].tax_cents for i in places))
            for rate, places in by_rate
        ),
    )


def _discounts(lines: Sequence[LineDraft], priced: Sequence[int], document_discount: int) -> list[int]:
    for line, price in zip(lines, priced, strict=True):
        _refuse_more_than_all(line.discount_cents, price)
    after_own = [price - line.discount_cents for line, price in zip(lines, priced, strict=True)]
    whole = sum(after_own)
    _refuse_more_than_all(document_discount, whole)
    if not document_discount:
        return [line.discount_cents for line in lines]
    shares = _rounded_together([Fraction(document_discount * part, whole) for part in after_own])
    return [line.discount_cents + share for line, share in zip(lines, shares, strict=True)]


def _refuse_more_than_all(discount: int, whole: int) -> None:
    if not min(whole, 0) <= discount <= max(whole, 0):
        msg = f"A discount of {discount} is not a part of {whole} (in minor units)."
        raise DiscountTooLarge(msg)


def _taxes(lines: Sequence[LineDraft], payable: Sequence[int], rounding: str, *, tax_inclusive: bool) -> list[int]:
    share: Callable[[Decimal], Fraction] = _share_inside if tax_inclusive else Fraction
    exact = [part * share(line.tax_rate) for line, part in zip(lines, payable, strict=True)]
    if rounding == "line":
        return [round_half_up(tax) for tax in exact]
    taxes = [0] * len(lines)
    for rate in {line.tax_rate for line in lines}:
        places = _where(rate, lines)
        for i, tax in zip(places, _rounded_together([exact[i] for i in places]), strict=True):
            taxes[i] = tax
    return taxes


def _share_inside(rate: Decimal) -> Fraction:
    """Return the part of a tax-inclusive amount that is tax."""
    return Fraction(rate) / (1 + Fraction(rate))


def _where(rate: Decimal, lines: Sequence[LineDraft]) -> list[int]:
    return [i for i, line in enumerate(lines) if line.tax_rate == rate]


def _rounded_together(parts: Sequence[Fraction]) -> list[int]:
    """Round the sum once, then hand the units out by largest remainder; parts of either sign are welcome."""
    whole = round_half_up(sum(parts, Fraction(0)))
    if whole < 0:
        return [-part for part in _rounded_together([-part for part in parts])]
    shares = [floor(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda i: (shares[i] - parts[i], -parts[i], i))
    for i in order[: whole - sum(shares)]:
        shares[i] += 1
    return shares
