"""Discount, minimum and maximum, in this order, before tax; and all of them in a month that is split."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.money import round_half_up
from invoices.totals import LineDraft, total_invoice
from partners.pricing import (
    Flat,
    Hybrid,
    ImpossibleTerms,
    PerDeed,
    PerRequest,
    Proration,
    Tier,
    net_cents,
    rate,
    terms_for,
)
from tests.partners.signed import agreed, all_terms, broken_months, fees, usages

HALF_A_MONTH = Proration(15, 15, 30)


def usd(model="hybrid", **terms):
    given = {"monthly_fee_cents": 100_00, "unit_price": Decimal("0.40")}
    return terms_for(pricing_model=model, currency="USD", **given | terms)


def billed(terms, deeds=0, *proration):
    return [(line.kind, line.net_cents) for line in rate(terms, {"deed": Decimal(deeds)}, *proration)]


@pytest.mark.parametrize(
    ("terms", "deeds", "lines"),
    [
        ({"discount_rate": Decimal("0.1")}, 100, [("fee", 90_00), ("usage", 36_00)]),
        ({"discount_rate": Decimal(1)}, 100, [("fee", 0), ("usage", 0)]),
        ({"minimum_cents": 150_00}, 100, [("fee", 100_00), ("usage", 40_00), ("minimum", 10_00)]),
        ({"minimum_cents": 140_00}, 100, [("fee", 100_00), ("usage", 40_00)]),
        ({"minimum_cents": 139_99}, 100, [("fee", 100_00), ("usage", 40_00)]),
        ({"minimum_cents": 140_01}, 100, [("fee", 100_00), ("usage", 40_00), ("minimum", 1)]),
        ({"maximum_cents": 120_00}, 100, [("fee", 100_00), ("usage", 40_00), ("maximum", -20_00)]),
        ({"maximum_cents": 140_00}, 100, [("fee", 100_00), ("usage", 40_00)]),
        ({"maximum_cents": 139_99}, 100, [("fee", 100_00), ("usage", 40_00), ("maximum", -1)]),
        ({"maximum_cents": 140_01}, 100, [("fee", 100_00), ("usage", 40_00)]),
        (
            {"discount_rate": Decimal("0.5"), "minimum_cents": 100_00},
            100,
            [("fee", 50_00), ("usage", 20_00), ("minimum", 30_00)],
        ),
        (
            {"discount_rate": Decimal("0.1"), "maximum_cents": 120_00},
            100,
            [("fee", 90_00), ("usage", 36_00), ("maximum", -6_00)],
        ),
        (
            {"minimum_cents": 200_00, "maximum_cents": 200_00},
            0,
            [("fee", 100_00), ("usage", 0), ("minimum", 100_00)],
        ),
        (
            {"minimum_cents": 200_00, "maximum_cents": 200_00},
            500,
            [("fee", 100_00), ("usage", 200_00), ("maximum", -100_00)],
        ),
    ],
)
def test_discount_then_minimum_then_maximum(terms, deeds, lines):
    assert billed(usd(**terms), deeds) == lines


@pytest.mark.parametrize("model", ["flat", "per_deed", "hybrid", "per_request"])
def test_every_model_has_discount_minimum_and_maximum(model):
    usage = {"deed": Decimal(100), "request": Decimal(100_000)}

    def total(**options):
        return net_cents(rate(usd(model, **options), usage))

    whole = total()
    assert total(discount_rate=Decimal("0.25")) * 4 == whole * 3
    assert total(minimum_cents=whole + 1) == whole + 1
    assert total(maximum_cents=whole - 1) == whole - 1
    assert total(minimum_cents=whole, maximum_cents=whole) == whole


def test_a_split_month_has_its_share_of_everything():
    terms = usd(included=Decimal(100), minimum_cents=300_00, maximum_cents=400_00)
    assert billed(terms, 0, HALF_A_MONTH) == [("fee", 50_00), ("usage", 0), ("minimum", 100_00)]
    assert billed(terms, 150, HALF_A_MONTH) == [("fee", 50_00), ("usage", 40_00), ("minimum", 60_00)]
    assert billed(terms, 10_050, HALF_A_MONTH) == [("fee", 50_00), ("usage", 4_000_00), ("maximum", -3_850_00)]


@given(all_terms, usages, broken_months)
def test_a_month_stays_between_its_minimum_and_its_maximum(terms, usage, proration):
    total = net_cents(rate(terms, usage, proration))
    ceiling = total if terms.maximum_cents is None else proration.share(terms.maximum_cents)
    assert min(proration.share(terms.minimum_cents), ceiling) <= total <= ceiling


# Two cents a day apart, or not at all: of less, rounding may turn the order of two shares around on a single day.
apart = st.just(0) | st.integers(2 * 31, 10**8)


@given(st.integers(0, 10**8), apart, st.lists(st.integers(1, 30), max_size=5, unique=True))
def test_fee_minimum_and_maximum_of_a_split_month_add_up_to_the_whole(fee, more, cuts):
    parts = [Proration(a, b - a, 31) for a, b in pairwise([0, *sorted(cuts), 31])]
    at_least = Flat(currency="USD", monthly_fee_cents=fee, minimum_cents=fee + more)
    at_most = Flat(currency="USD", monthly_fee_cents=fee + more, maximum_cents=fee or 1)
    assert sum(net_cents(rate(at_least, {}, part)) for part in parts) == fee + more
    assert sum(net_cents(rate(at_most, {}, part)) for part in parts) == min(fee + more, fee or 1)


@given(st.integers(0, 10**8), st.decimals(0, 1, places=6), st.lists(st.integers(1, 30), max_size=5, unique=True))
def test_the_papers_of_a_split_month_are_each_off_its_discount_by_half_a_cent_at_most(fee, discount_rate, cuts):
    parts = [Proration(a, b - a, 31) for a, b in pairwise([0, *sorted(cuts), 31])]
    terms = Flat(currency="USD", monthly_fee_cents=fee, discount_rate=discount_rate)
    given_in_parts = sum(rate(terms, {}, part)[0].discount_cents for part in parts)
    assert abs(given_in_parts - Fraction(discount_rate) * fee) <= Fraction(len(parts), 2)


@given(agreed(), fees, usages)
def test_a_discount_takes_its_rate_of_fee_and_usage_and_of_nothing_else(common, fee, usage):
    lines = rate(Hybrid(**common, monthly_fee_cents=fee, unit_price=Decimal("0.4")), usage)
    for line in lines:
        is_discounted = line.kind in ("fee", "usage")
        assert line.discount_rate == (common["discount_rate"] if is_discounted else 0)
        assert line.discount_cents == round_half_up(Fraction(line.discount_rate) * line.amount_cents)


@pytest.mark.parametrize(
    "wrong",
    [
        {"discount_rate": Decimal("1.01")},
        {"discount_rate": Decimal("-0.1")},
        {"discount_rate": Decimal("NaN")},
        {"discount_rate": 10},
        {"maximum_cents": 0},
        {"maximum_cents": -1},
        {"minimum_cents": 2, "maximum_cents": 1},
    ],
    ids=str,
)
def test_discounts_and_bounds_nobody_can_have_signed_are_refused(wrong):
    with pytest.raises(ImpossibleTerms):
        usd(**wrong)


@pytest.mark.parametrize(
    ("model", "wrong", "said"),
    [
        ("flat", {"monthly_fee_cents": -12_50}, "Monthly fee is -$12.50"),
        ("hybrid", {"monthly_fee_cents": 1, "unit_price": Decimal("-0.5")}, "Price per deed is -0.5"),
        ("per_request", {"unit_price": Decimal(-1)}, "Price per 1,000 requests is -1"),
        ("per_deed", {"unit_price": Decimal(1), "included": Decimal(-1)}, "Included deeds is -1"),
        ("per_request", {"unit_price": Decimal(1), "included": Decimal(-1)}, "Included requests is -1"),
        ("flat", {"monthly_fee_cents": 1, "minimum_cents": -1}, "Minimum commitment is -$0.01"),
        ("flat", {"monthly_fee_cents": 1, "maximum_cents": -1}, "Maximum of a month is -$0.01"),
    ],
)
def test_what_is_below_zero_is_named_as_on_the_form(model, wrong, said):
    with pytest.raises(ImpossibleTerms) as refusal:
        terms_for(pricing_model=model, currency="USD", **wrong)
    assert str(refusal.value) == f"{said}: write an exact number, not below zero."


def test_10_000_random_contracts_come_to_the_total_of_their_invoice():
    """The total of the invoice is worked out again from its lines; the tax once, from what is left of all of them."""
    luck = random.Random(10_000)  # noqa: S311
    for _ in range(10_000):
        terms, usage, proration = _random_terms(luck), _random_usage(luck), _random_days(luck)
        lines = rate(terms, usage, proration)
        tax_rate = luck.choice([Decimal(0), Decimal("0.07"), Decimal("0.19"), Decimal("0.081")])
        drafts = [
            LineDraft(each.quantity, each.unit_price, each.package_size, tax_rate, discount_rate=each.discount_rate)
            for each in lines
        ]
        totals = total_invoice(drafts, currency=terms.currency, rounding="document")
        net = net_cents(lines)
        assert totals.total_cents == net + round_half_up(Fraction(tax_rate) * net)
        assert net == sum(each.net_cents for each in totals.lines) >= 0


def _random_terms(luck):
    minimum = luck.choice([0, 0, luck.randint(0, 10**6)])
    common = {
        "currency": luck.choice(["USD", "EUR", "JPY", "KWD"]),
        "discount_rate": luck.choice([Decimal(0), Decimal(luck.randint(0, 10**6)) / 10**6]),
        "minimum_cents": minimum,
        "maximum_cents": luck.choice([None, max(minimum, 1) + luck.randint(0, 10**6)]),
    }
    model = luck.choice([Flat, PerDeed, Hybrid, PerRequest])
    rounding = luck.choice(["up", "exact"])
    if model in (Flat, Hybrid):
        common["monthly_fee_cents"] = luck.randint(0, 10**6)
    if model is PerRequest:
        common["rounding"] = rounding
    if model is not Flat:
        step = 1000 if model is PerRequest and rounding == "up" else 1
        common |= _random_prices(luck, step) | {"included": Decimal(luck.choice([0, 99, 100, 101, 5_000]))}
    return model(**common)


def _random_prices(luck, step):
    def price():
        return Decimal(luck.randint(0, 10**7)) / 10 ** luck.randint(3, 9)

    bounds = sorted(luck.sample(range(1, 200), luck.randint(0, 4)))
    if not bounds and luck.random() < 0.5:
        return {"unit_price": price()}
    tiers = [Tier(bound * step, price()) for bound in bounds]
    return {"tiers": (*tiers, Tier(None, price())), "tier_mode": luck.choice(["graduated", "volume"])}


def _random_usage(luck):
    return {meter: luck.choice([Decimal(0), Decimal(luck.randint(0, 10**6))]) for meter in ("deed", "request")}


def _random_days(luck):
    skipped = luck.choice([0, luck.randint(0, 30)])
    return Proration(skipped, luck.choice([31 - skipped, luck.randint(0, 31 - skipped)]), 31)
