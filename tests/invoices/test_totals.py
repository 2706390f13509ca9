"""The arithmetic of an invoice, to the cent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.money import Money, NotMinorUnits, round_half_up
from invoices.totals import (
    DiscountTooLarge,
    LineDraft,
    LineTotals,
    NotADiscountRate,
    NotATaxRate,
    TaxTotal,
    UnknownRounding,
    total_invoice,
)

rates = st.sampled_from([Decimal(0), Decimal("0.07"), Decimal("0.19"), Decimal("0.23"), Decimal("0.0825")])
roundings = st.sampled_from(["line", "document"])


@st.composite
def invoices(draw):
    """Invoices with lines of either sign, own discounts, and a document discount."""
    lines = [draw(line_drafts()) for _ in range(draw(st.integers(0, 12)))]
    whole = sum(after_own_discount(line) for line in lines)
    discount = draw(st.integers(min(whole, 0), max(whole, 0)))
    return {
        "lines": lines,
        "discount_cents": discount,
        "rounding": draw(roundings),
        "tax_inclusive": draw(st.booleans()),
    }


@st.composite
def line_drafts(draw):
    """One line, with a discount that is a part of it."""
    line = LineDraft(
        quantity=draw(st.decimals(-5000, 5000, places=3)),
        unit_price=draw(st.decimals(0, 500, places=4)),
        package_size=draw(st.sampled_from([1, 1000])),
        tax_rate=draw(rates),
    )
    if draw(st.booleans()):
        return replace(line, discount_rate=draw(st.decimals(0, 1, places=4)))
    return replace(line, discount_cents=draw(st.integers(min(priced(line), 0), max(priced(line), 0))))


def after_own_discount(line):
    return priced(line) - (line.discount_cents or round_half_up(line.discount_rate * priced(line)))


def priced(line):
    return Money.priced(line.quantity, line.unit_price, "EUR", line.package_size).cents


def line(unit_price, *, quantity="1", tax="0", discount=0, percent_off="0", category=""):
    return LineDraft(
        Decimal(quantity),
        Decimal(unit_price),
        tax_rate=Decimal(tax),
        discount_cents=discount,
        discount_rate=Decimal(percent_off) / 100,
        tax_category=category,
    )


def eur(*lines, rounding="line", **terms):
    return total_invoice(lines, currency="EUR", rounding=rounding, **terms)


@given(invoices())
def test_the_lines_add_up_to_the_invoice(invoice):
    totals = total_invoice(invoice.pop("lines"), currency="EUR", **invoice)
    assert sum(each.amount_cents for each in totals.lines) == totals.subtotal_cents
    assert sum(each.discount_cents for each in totals.lines) == totals.discount_cents
    assert sum(each.tax_cents for each in totals.lines) == totals.tax_cents
    assert sum(each.gross_cents for each in totals.lines) == totals.total_cents
    assert totals.total_cents == totals.subtotal_cents - totals.discount_cents + totals.tax_cents


@given(invoices())
def test_every_line_is_its_amount_less_its_discount(invoice):
    totals = total_invoice(invoice.pop("lines"), currency="EUR", **invoice)
    assert all(each.net_cents == each.amount_cents - each.discount_cents for each in totals.lines)


@given(invoices())
def test_the_taxes_add_up_to_the_tax_and_the_net(invoice):
    totals = total_invoice(invoice.pop("lines"), currency="EUR", **invoice)
    assert sum(tax.tax_cents for tax in totals.taxes) == totals.tax_cents
    assert sum(tax.net_cents for tax in totals.taxes) == totals.subtotal_cents - totals.discount_cents


@given(invoices())
def test_prices_with_tax_inside_add_up_to_the_total(invoice):
    lines = invoice.pop("lines")
    totals = total_invoice(lines, currency="EUR", **(invoice | {"tax_inclusive": True}))
    asked = sum(after_own_discount(each) for each in lines) - invoice["discount_cents"]
    assert totals.total_cents == asked


@given(invoices())
def test_a_credited_invoice_mirrors_the_invoice(invoice):
    lines = invoice.pop("lines")
    mirror = [replace(each, quantity=-each.quantity, discount_cents=-each.discount_cents) for each in lines]
    totals = total_invoice(lines, currency="EUR", **invoice)
    credited = total_invoice(mirror, currency="EUR", **(invoice | {"discount_cents": -invoice["discount_cents"]}))
    assert credited.total_cents == -totals.total_cents
    assert credited.tax_cents == -totals.tax_cents


@pytest.mark.parametrize("quantity", ["1", "-1"])
def test_the_odd_cent_of_document_tax_lands_on_the_same_line_of_a_credit(quantity):
    totals = eur(*[line("0.10", quantity=quantity, tax="0.19")] * 2, rounding="document")
    assert [abs(each.tax_cents) for each in totals.lines] == [2, 2]
    totals = eur(*[line("0.10", quantity=quantity, tax="0.07")] * 2, rounding="document")
    assert [abs(each.tax_cents) for each in totals.lines] == [1, 0]


@given(invoices())
def test_document_tax_is_rounded_once_per_rate(invoice):
    lines = invoice.pop("lines")
    totals = total_invoice(lines, currency="EUR", **(invoice | {"rounding": "document", "tax_inclusive": False}))
    assert all(abs(tax.net_cents * tax.rate - tax.tax_cents) <= Decimal("0.5") for tax in totals.taxes)


@given(invoices())
def test_a_positive_line_never_turns_negative(invoice):
    lines = [each for each in invoice["lines"] if each.quantity >= 0]
    totals = total_invoice(lines, currency="EUR", rounding=invoice["rounding"], tax_inclusive=invoice["tax_inclusive"])
    figures = [(each.amount_cents, each.discount_cents, each.tax_cents, each.net_cents) for each in totals.lines]
    assert all(figure >= 0 for each in figures for figure in each)


@pytest.mark.parametrize(("rounding", "tax"), [("document", 15_33), ("line", 15_34)])
def test_tax_is_rounded_by_the_policy_of_the_invoice(rounding, tax):
    totals = eur(line("55.55", tax="0.23"), line("11.11", tax="0.23"), rounding=rounding)
    assert (totals.subtotal_cents, totals.tax_cents, totals.total_cents) == (66_66, tax, 66_66 + tax)
    assert totals.taxes == (TaxTotal("S", Decimal("0.23"), 66_66, tax),)


@pytest.mark.parametrize("rounding", ["line", "document"])
@pytest.mark.parametrize(
    ("price", "rate", "net", "tax"), [("353.90", "0.19", 297_39, 56_51), ("70.07", "0.07", 65_49, 4_58)]
)
def test_tax_inside_a_price_is_taken_out_of_it(rounding, price, rate, net, tax):
    totals = eur(line(price, tax=rate), rounding=rounding, tax_inclusive=True)
    assert totals.lines == (LineTotals(amount_cents=net, discount_cents=0, tax_cents=tax, net_cents=net),)
    assert (totals.subtotal_cents, totals.tax_cents, totals.total_cents) == (net, tax, net + tax)


@pytest.mark.parametrize("rounding", ["line", "document"])
@pytest.mark.parametrize("tax_inclusive", [True, False])
@pytest.mark.parametrize("of_the_line", [True, False])
def test_all_of_it_off_is_nothing_and_never_less(rounding, tax_inclusive, of_the_line):
    own, document = (144_50, 0) if of_the_line else (0, 144_50)
    drafts = [line("64.22", quantity="2.25", tax="0.19", discount=own)]
    totals = eur(*drafts, rounding=rounding, tax_inclusive=tax_inclusive, discount_cents=document)
    assert (totals.total_cents, totals.tax_cents, totals.lines[0].net_cents) == (0, 0, 0)


def test_a_quarter_of_a_large_price_rounds_half_up():
    totals = eur(line("26935.78", quantity="0.25", tax="0.19"))
    assert (totals.subtotal_cents, totals.tax_cents, totals.total_cents) == (6_733_95, 1_279_45, 8_013_40)


def test_a_document_discount_over_81_lines_loses_no_cent():
    totals = eur(*[line(f"{n}.37", tax="0.19") for n in range(1, 82)], discount_cents=100_00)
    assert sum(each.discount_cents for each in totals.lines) == totals.discount_cents == 100_00


def test_a_fine_price_rounds_once_at_the_line():
    assert eur(line("0.0196", quantity="1234567")).total_cents == 24_197_51


def test_coupon_then_tax_then_prepaid_leaves_94():
    totals = eur(line("100.00", tax="0.10"), discount_cents=10_00)
    assert (totals.subtotal_cents, totals.discount_cents, totals.tax_cents) == (100_00, 10_00, 9_00)
    assert totals.total_cents - 5_00 == 94_00


def test_a_wrong_price_is_credited_by_its_difference():
    billed = eur(line("500.00", tax="0.19"), line("0.40", quantity="11345", tax="0.19"))
    credited = eur(line("0.05", quantity="11345", tax="0.19"))
    assert billed.total_cents == 5_995_22
    assert (credited.subtotal_cents, credited.tax_cents, credited.total_cents) == (567_25, 107_78, 675_03)
    assert billed.total_cents - 3_000_00 - credited.total_cents == 2_320_19


def test_each_rate_has_its_row_and_zero_too():
    totals = eur(line("10", tax="0.19"), line("20"), line("30", tax="0.190"))
    assert totals.taxes == (TaxTotal("Z", Decimal(0), 20_00, 0), TaxTotal("S", Decimal("0.19"), 40_00, 7_60))


def test_a_discount_inside_tax_inclusive_prices_is_shown_without_its_tax():
    totals = eur(line("119.00", tax="0.19", discount=11_90), tax_inclusive=True)
    assert (totals.subtotal_cents, totals.discount_cents, totals.tax_cents) == (100_00, 10_00, 17_10)
    assert totals.total_cents == 107_10


@pytest.mark.parametrize(("currency", "price", "total"), [("JPY", "500.4", 500), ("KWD", "1.2344", 1_234)])
def test_lines_round_to_the_digits_of_the_currency(currency, price, total):
    assert total_invoice([line(price)], currency=currency, rounding="line").total_cents == total


def test_a_percentage_off_is_worked_out_once_per_line():
    totals = eur(line("33.33", quantity="3", percent_off="12.5"), line("10.00"))
    assert [each.discount_cents for each in totals.lines] == [12_50, 0]
    assert totals.total_cents == 99_99 - 12_50 + 10_00


def test_a_percentage_off_the_document_is_an_amount_that_is_spread():
    totals = eur(line("0.33"), line("0.33"), line("0.34", percent_off="50"), discount_rate=Decimal("0.1"))
    assert (totals.subtotal_cents, totals.discount_cents) == (1_00, 17 + 8)
    assert [each.discount_cents for each in totals.lines] == [3, 3, 17 + 2]


@pytest.mark.parametrize("rate", ["10", "-0.1", "NaN", "1.01"])
def test_a_discount_is_a_fraction(rate):
    with pytest.raises(NotADiscountRate, match=r"write 10 % as 0\.1"):
        LineDraft(Decimal(1), Decimal(1), discount_rate=Decimal(rate))
    with pytest.raises(NotADiscountRate):
        eur(line("10.00"), discount_rate=Decimal(rate))


def test_an_amount_and_a_percentage_are_not_both_taken_off():
    with pytest.raises(NotADiscountRate, match="an amount or a rate"):
        line("10.00", discount=1, percent_off="10")
    with pytest.raises(NotADiscountRate):
        eur(line("10.00"), discount_cents=1, discount_rate=Decimal("0.1"))


def test_each_category_of_tax_has_its_row_at_each_rate():
    lines = [line("10"), line("20", category="AE"), line("30", category="AE"), line("40", tax="0.07")]
    assert eur(*lines).taxes == (
        TaxTotal("AE", Decimal(0), 50_00, 0),
        TaxTotal("Z", Decimal(0), 10_00, 0),
        TaxTotal("S", Decimal("0.07"), 40_00, 2_80),
    )


def test_document_tax_is_rounded_per_category_too():
    apart = eur(line("0.02", tax="0.19", category="L"), line("0.02", tax="0.19"), rounding="document")
    assert [each.tax_cents for each in apart.lines] == [0, 0]
    assert eur(line("0.02", tax="0.19"), line("0.02", tax="0.19"), rounding="document").tax_cents == 1


def test_an_invoice_without_lines_is_nothing():
    totals = eur()
    assert (totals.total_cents, totals.lines, totals.taxes) == (0, (), ())


@pytest.mark.parametrize("discount", [10_01, -1])
def test_a_discount_is_a_part_of_what_it_reduces(discount):
    with pytest.raises(DiscountTooLarge):
        eur(line("10.00"), discount_cents=discount)
    with pytest.raises(DiscountTooLarge):
        eur(line("10.00", discount=discount), line("100.00"))


@pytest.mark.parametrize("rate", ["19", "-0.19", "NaN"])
def test_a_percentage_is_not_a_rate(rate):
    with pytest.raises(NotATaxRate, match=r"write 19 % as 0\.19"):
        line("1", tax=rate)


def test_a_float_price_never_reaches_an_invoice():
    with pytest.raises(NotMinorUnits):
        eur(LineDraft(Decimal(1), 0.1))


def test_tax_is_rounded_by_line_or_document_only():
    with pytest.raises(UnknownRounding, match="choose line or document"):
        eur(line("1"), rounding="never")
