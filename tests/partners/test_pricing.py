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
from invoices.totals import LineDraft, total_invoice
from partners.pricing import (
    WHOLE_MONTH,
    ContractWithoutPrice,
    Flat,
    Hybrid,
    ImpossibleTerms,
    NegativeUsage,
    PerDeed,
    PerRequest,
    Proration,
    UnknownMeter,
    UnknownPricingModel,
    rate,
    terms_for,
)

OCTOBER = Period.month(2026, 10, ZoneInfo("Europe/Paris"))
FROM_THE_15TH = Proration.of(OCTOBER, date(2026, 10, 15), None)
UNTIL_THE_15TH = Proration.of(OCTOBER, date(2020, 1, 1), date(2026, 10, 15))

currencies = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
fees = st.integers(0, 10**8)
prices = st.decimals(0, 1000, places=12)
quantities = st.decimals(0, 10**9, places=3)
common = {"currency": currencies, "minimum_cents": fees}
priced = {"unit_price": prices, "included": st.integers(0, 10**5).map(Decimal)}
all_terms = st.one_of(
    st.builds(Flat, monthly_fee_cents=fees, **common),
    st.builds(PerDeed, **priced, **common),
    st.builds(Hybrid, monthly_fee_cents=fees, **priced, **common),
    st.builds(PerRequest, rounding=st.sampled_from(["up", "exact"]), **priced, **common),
)
usages = st.fixed_dictionaries({}, optional={"deed": quantities, "request": quantities})
broken_months = st.tuples(st.integers(0, 30), st.integers(0, 31)).map(
    lambda d: Proration(d[0], min(d[1], 31 - d[0]), 31)
)


def usd(model, **terms):
    return terms_for(pricing_model=model, currency="USD", **terms)


def used(deeds=0, requests=0):
    return {"deed": Decimal(deeds), "request": Decimal(requests)}


def amounts(terms, usage, proration=WHOLE_MONTH):
    return [(each.kind, each.amount_cents) for each in rate(terms, usage, proration)]


@given(all_terms, usages, broken_months | st.just(WHOLE_MONTH))
def test_the_invoice_works_out_every_rated_amount_again(terms, usage, proration):
    rated = rate(terms, usage, proration)
    drafts = [LineDraft(each.quantity, each.unit_price, each.package_size) for each in rated]
    totals = total_invoice(drafts, currency=terms.currency, rounding="document")
    assert [each.amount_cents for each in totals.lines] == [each.amount_cents for each in rated]


@given(all_terms, usages)
def test_a_month_never_bills_less_than_its_minimum(terms, usage):
    assert sum(each.amount_cents for each in rate(terms, usage)) >= terms.minimum_cents


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
    terms = usd(model, monthly_fee_cents=0, unit_price=Decimal("0.40"), included=Decimal(100))
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
    assert up.explanation == "1,001 requests, 2 packages of 1,000 at USD 1,000.00"
    assert exact.explanation == "1,001 requests, 1,001 at USD 1,000.00 per 1,000"


def test_a_fine_price_is_shown_exactly_and_rounded_once():
    line = rate(usd("per_deed", unit_price=Decimal("0.019600000000")), used(deeds=1_234_567))[0]
    assert line.amount_cents == 24_197_51
    assert line.explanation == "1,234,567 deeds, 1,234,567 at USD 0.0196"


def test_a_month_without_usage_says_so_and_owes_the_minimum():
    lines = rate(usd("per_deed", unit_price=Decimal("0.40"), minimum_cents=250_00), {})
    assert [(each.kind, each.quantity, each.amount_cents) for each in lines] == [
        ("usage", 0, 0),
        ("minimum", 1, 250_00),
    ]
    assert lines[1].explanation == "Minimum commitment of USD 250.00, USD 0.00 of it reached"


def test_a_broken_month_prorates_the_fee_and_shows_the_days():
    line = rate(usd("flat", monthly_fee_cents=500_00), {}, FROM_THE_15TH)[0]
    assert line.amount_cents == 274_19
    assert line.explanation == "Monthly fee, 17 of 31 days of USD 500.00"


def test_both_halves_of_a_month_are_the_full_fee():
    terms = usd("flat", monthly_fee_cents=500_01)
    halves = [rate(terms, {}, part)[0].amount_cents for part in (UNTIL_THE_15TH, FROM_THE_15TH)]
    assert sum(halves) == 500_01


def test_a_broken_month_prorates_the_minimum_and_the_included_units():
    terms = usd("per_deed", unit_price=Decimal("0.40"), included=Decimal(100), minimum_cents=310_00)
    usage, minimum = rate(terms, used(deeds=100), FROM_THE_15TH)
    assert (usage.included, usage.quantity) == (55, 45)
    assert minimum.amount_cents == 170_00 - 18_00
    assert usage.explanation == "100 deeds, 55 included for 17 of 31 days, 45 at USD 0.40"


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
