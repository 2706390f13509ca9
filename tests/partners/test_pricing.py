"""What agreed terms make of usage: each model, its edges, and the days of a broken month."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.pdf.wording import Wording
from invoices.totals import LineDraft, total_invoice
from partners.pricing import (
    WHOLE_MONTH,
    ContractWithoutPrice,
    Flat,
    ImpossibleTerms,
    NegativeUsage,
    Proration,
    UnknownMeter,
    UnknownPricingModel,
    explanation_of,
    net_cents,
    rate,
    terms_for,
)
from tests.partners.signed import all_terms, broken_months, usages

OCTOBER = Period.month(2026, 10, ZoneInfo("Europe/Paris"))
FROM_THE_15TH = Proration.of(OCTOBER, date(2026, 10, 15), None)
UNTIL_THE_15TH = Proration.of(OCTOBER, date(2020, 1, 1), date(2026, 10, 15))


def usd(model, **terms):
    return terms_for(pricing_model=model, currency="USD", **terms)


def used(deeds=0, requests=0):
    return {"deed": Decimal(deeds), "request": Decimal(requests)}


def said(line, language="en"):
    return explanation_of(line, Wording(language, line.currency))


def amounts(terms, usage, proration=WHOLE_MONTH):
    return [(each.kind, each.amount_cents) for each in rate(terms, usage, proration)]


@given(all_terms, usages, broken_months | st.just(WHOLE_MONTH))
def test_the_invoice_works_out_every_rated_amount_again(terms, usage, proration):
    rated = rate(terms, usage, proration)
    drafts = [
        LineDraft(each.quantity, each.unit_price, each.package_size, discount_rate=each.discount_rate) for each in rated
    ]
    totals = total_invoice(drafts, currency=terms.currency, rounding="document")
    assert [each.amount_cents for each in totals.lines] == [each.amount_cents for each in rated]
    assert [each.net_cents for each in totals.lines] == [each.net_cents for each in rated]
    assert totals.total_cents == net_cents(rated)


@given(all_terms, usages)
def test_a_month_never_bills_less_than_its_minimum(terms, usage):
    assert net_cents(rate(terms, usage)) >= terms.minimum_cents


@given(st.integers(0, 10**8), st.lists(st.integers(1, 30), max_size=5, unique=True))
def test_the_parts_of_a_split_month_add_up_to_the_full_fee(fee, cuts):
    days = [0, *sorted(cuts), 31]
    parts = [Proration(a, b - a, 31) for a, b in pairwise(days)]
    terms = Flat(currency="USD", monthly_fee_cents=fee)
    assert sum(rate(terms, {}, part)[0].amount_cents for part in parts) == fee


@pytest.mark.parametrize(
    ("terms", "usage", "lines"),
    [
        (usd("flat", monthly_fee_cents=500_00), used(deeds=9_999, requests=9_999), [("fee", 500_00)]),
        (usd("per_deed", unit_price=Decimal("0.40")), used(deeds=11_345), [("usage", 4_538_00)]),
        (
            usd("hybrid", monthly_fee_cents=500_00, unit_price=Decimal("0.40"), included=Decimal(1000)),
            used(deeds=12_345),
            [("fee", 500_00), ("usage", 4_538_00)],
        ),
        (usd("per_request", unit_price=Decimal("1.50")), used(requests=2_000), [("usage", 3_00)]),
        (
            usd("per_deed", unit_price=Decimal("0.40"), minimum_cents=100_00),
            used(deeds=100),
            [("usage", 40_00), ("minimum", 60_00)],
        ),
        (usd("per_deed", unit_price=Decimal("0.40"), minimum_cents=40_00), used(deeds=100), [("usage", 40_00)]),
    ],
    ids=["flat", "per_deed", "hybrid", "per_request", "below the minimum", "at the minimum"],
)
def test_each_model_bills_what_was_agreed(terms, usage, lines):
    assert amounts(terms, usage) == lines


@pytest.mark.parametrize(("deeds", "billed"), [(0, 0), (99, 0), (100, 0), (101, 1), (102, 2)])
@pytest.mark.parametrize("model", ["per_deed", "hybrid"])
def test_only_deeds_beyond_those_included_are_billed(model, deeds, billed):
    terms = usd(model, monthly_fee_cents=1, unit_price=Decimal("0.40"), included=Decimal(100))
    line = rate(terms, used(deeds=deeds))[-1]
    assert (line.counted, line.included, line.quantity) == (deeds, 100, billed)
    assert line.amount_cents == billed * 40


@pytest.mark.parametrize(
    ("requests", "packages"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (2000, 2), (2001, 3)]
)
def test_a_begun_package_counts_whole(requests, packages):
    line = rate(usd("per_request", unit_price=Decimal("0.50")), used(requests=requests))[0]
    assert (line.quantity, line.package_size) == (packages * 1000, 1000)
    assert line.amount_cents == packages * 50


def test_1001_requests_are_2_packages_or_1_001_by_the_contract():
    price = Decimal(1000)
    up = rate(usd("per_request", unit_price=price, rounding="up"), used(requests=1001))[0]
    exact = rate(usd("per_request", unit_price=price, rounding="exact"), used(requests=1001))[0]
    assert (up.amount_cents, exact.amount_cents) == (2_000_00, 1_001_00)
    assert said(up) == "1,001 requests, 2 packages of 1,000 at $1,000.00"
    assert said(exact) == "1,001 requests at $1,000.00 per 1,000"


def test_a_fine_price_is_shown_exactly_and_rounded_once():
    line = rate(usd("per_deed", unit_price=Decimal("0.019600000000")), used(deeds=1_234_567))[0]
    assert line.amount_cents == 24_197_51
    assert said(line) == "1,234,567 deeds at $0.0196"


def test_a_month_without_usage_says_so_and_owes_the_minimum():
    lines = rate(usd("per_deed", unit_price=Decimal("0.40"), minimum_cents=250_00), {})
    assert [(each.kind, each.quantity, each.amount_cents) for each in lines] == [
        ("usage", 0, 0),
        ("minimum", 1, 250_00),
    ]
    assert said(lines[1]) == "Agreed: $250.00, reached: $0.00"


def test_a_broken_month_prorates_the_fee_and_shows_the_days():
    line = rate(usd("flat", monthly_fee_cents=500_00), {}, FROM_THE_15TH)[0]
    assert line.amount_cents == 274_19
    assert said(line) == "$500.00 a month, 17 of 31 days"


def test_both_halves_of_a_month_are_the_full_fee():
    terms = usd("flat", monthly_fee_cents=500_01)
    halves = [rate(terms, {}, part)[0].amount_cents for part in (UNTIL_THE_15TH, FROM_THE_15TH)]
    assert sum(halves) == 500_01


def test_a_broken_month_prorates_the_minimum_and_the_included_units():
    terms = usd("per_deed", unit_price=Decimal("0.40"), included=Decimal(100), minimum_cents=310_00)
    usage, minimum = rate(terms, used(deeds=100), FROM_THE_15TH)
    assert (usage.included, usage.quantity) == (55, 45)
    assert minimum.amount_cents == 170_00 - 18_00
    assert said(usage) == "100 deeds, 55 included for 17 of 31 days, 45 at $0.40"


def test_usage_after_the_end_of_a_contract_is_billed_without_fee():
    after = Proration.of(OCTOBER, date(2020, 1, 1), date(2026, 9, 1))
    terms = usd("hybrid", monthly_fee_cents=500_00, unit_price=Decimal("0.40"), included=Decimal(100))
    assert amounts(terms, used(deeds=10), after) == [("fee", 0), ("usage", 4_00)]


def test_a_yen_contract_counts_whole_yen():
    terms = terms_for(pricing_model="per_deed", currency="JPY", unit_price=Decimal("12.5"))
    assert rate(terms, used(deeds=1))[0].amount_cents == Money(13, "JPY").cents


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("flat", "a monthly fee"),
        ("per_deed", "a price per deed"),
        ("hybrid", "a monthly fee"),
        ("per_request", "a price per 1,000 requests"),
    ],
)
def test_a_contract_without_a_price_says_which_one_to_enter(model, missing):
    with pytest.raises(ContractWithoutPrice, match=f"A {model} contract cannot be billed without {missing}: enter it"):
        usd(model)


def test_a_hybrid_needs_its_unit_price_too():
    with pytest.raises(ContractWithoutPrice, match="a price per deed"):
        usd("hybrid", monthly_fee_cents=1_00)


def test_a_flat_contract_at_zero_has_no_price():
    with pytest.raises(ContractWithoutPrice):
        usd("flat", monthly_fee_cents=0)


def test_an_unknown_model_is_refused():
    with pytest.raises(UnknownPricingModel, match="choose flat, per_deed, hybrid or per_request"):
        usd("by_mood")


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit_price": Decimal(-1)},
        {"unit_price": Decimal("NaN")},
        {"unit_price": 0.4},
        {"unit_price": Decimal(1), "included": Decimal(-1)},
        {"unit_price": Decimal(1), "minimum_cents": -1},
        {"unit_price": Decimal(1), "package_size": 0},
    ],
    ids=str,
)
def test_terms_nobody_can_have_signed_are_refused(wrong):
    with pytest.raises(ImpossibleTerms):
        usd("per_request", **wrong)


def test_usage_on_a_meter_without_a_price_is_not_forgotten():
    with pytest.raises(UnknownMeter, match="'page'"):
        rate(usd("flat", monthly_fee_cents=1), {"page": Decimal(1)})


@pytest.mark.parametrize("deeds", [-1, "NaN", "Infinity"])
def test_usage_is_a_number_not_below_zero(deeds):
    with pytest.raises(NegativeUsage):
        rate(usd("flat", monthly_fee_cents=1), used(deeds=deeds))
