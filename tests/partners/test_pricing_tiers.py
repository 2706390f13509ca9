"""Tiers: edges, packages, continuity; each unit where it lies, or all units where they arrive."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.currencies import exponent
from partners.pricing import (
    ContractWithoutPrice,
    ImpossibleTerms,
    ImpossibleTiers,
    PerDeed,
    PerRequest,
    Proration,
    Tier,
    net_cents,
    rate,
    terms_for,
    tiers_from_json,
)
from tests.partners.signed import agreed, currencies, tiers

DEED_TIERS = (Tier(100, Decimal("0.50")), Tier(300, Decimal("0.40")), Tier(None, Decimal("0.30")))
REQUEST_TIERS = (Tier(2_000, Decimal(3)), Tier(5_000, Decimal(2)), Tier(None, Decimal(1)))
HALF_A_MONTH = Proration(0, 15, 30)


def usd(model, **terms):
    return terms_for(pricing_model=model, currency="USD", monthly_fee_cents=100_00, **terms)


def usage_lines(terms, meter, counted, *proration):
    lines = rate(terms, {meter: Decimal(counted)}, *proration)
    return [(line.quantity, line.unit_price, line.amount_cents) for line in lines if line.kind == "usage"]


@pytest.mark.parametrize("model", ["per_deed", "hybrid"])
@pytest.mark.parametrize("included", [0, 20])
@pytest.mark.parametrize(
    ("billed", "parts"),
    [
        (0, [(0, "0.50", 0)]),
        (1, [(1, "0.50", 50)]),
        (99, [(99, "0.50", 49_50)]),
        (100, [(100, "0.50", 50_00)]),
        (101, [(100, "0.50", 50_00), (1, "0.40", 40)]),
        (299, [(100, "0.50", 50_00), (199, "0.40", 79_60)]),
        (300, [(100, "0.50", 50_00), (200, "0.40", 80_00)]),
        (301, [(100, "0.50", 50_00), (200, "0.40", 80_00), (1, "0.30", 30)]),
    ],
)
def test_graduated_tiers_price_each_deed_where_it_lies(model, included, billed, parts):
    terms = usd(model, tiers=DEED_TIERS, included=Decimal(included))
    assert usage_lines(terms, "deed", billed + included) == [(q, Decimal(p), cents) for q, p, cents in parts]


@pytest.mark.parametrize("model", ["per_deed", "hybrid"])
@pytest.mark.parametrize("included", [0, 20])
@pytest.mark.parametrize(
    ("billed", "price", "cents"),
    [
        (0, "0.50", 0),
        (99, "0.50", 49_50),
        (100, "0.50", 50_00),
        (101, "0.40", 40_40),
        (300, "0.40", 120_00),
        (301, "0.30", 90_30),
    ],
)
def test_volume_tiers_price_all_deeds_where_they_arrive(model, included, billed, price, cents):
    terms = usd(model, tiers=DEED_TIERS, tier_mode="volume", included=Decimal(included))
    assert usage_lines(terms, "deed", billed + included) == [(billed, Decimal(price), cents)]


@pytest.mark.parametrize(
    ("rounding", "counted", "parts"),
    [
        ("up", 0, [(0, 3, 0)]),
        ("up", 1_999, [(2_000, 3, 6_00)]),
        ("up", 2_000, [(2_000, 3, 6_00)]),
        ("up", 2_001, [(2_000, 3, 6_00), (1_000, 2, 2_00)]),
        ("up", 5_001, [(2_000, 3, 6_00), (3_000, 2, 6_00), (1_000, 1, 1_00)]),
        ("exact", 1_999, [(1_999, 3, 6_00)]),
        ("exact", 2_000, [(2_000, 3, 6_00)]),
        ("exact", 2_001, [(2_000, 3, 6_00), (1, 2, 0)]),
        ("exact", 2_250, [(2_000, 3, 6_00), (250, 2, 50)]),
    ],
)
def test_packages_round_once_on_the_whole_and_then_fall_into_tiers(rounding, counted, parts):
    terms = usd("per_request", tiers=REQUEST_TIERS, rounding=rounding)
    assert usage_lines(terms, "request", counted) == parts


@pytest.mark.parametrize(("counted", "price", "cents"), [(2_000, 3, 6_00), (2_001, 2, 6_00), (5_001, 1, 6_00)])
def test_the_last_package_of_a_volume_decides_its_price(counted, price, cents):
    terms = usd("per_request", tiers=REQUEST_TIERS, tier_mode="volume", rounding="up")
    ((_, reached, amount),) = usage_lines(terms, "request", counted)
    assert (reached, amount) == (price, cents)


def test_half_a_month_reaches_its_tiers_at_half_their_bounds():
    terms = usd("per_deed", tiers=DEED_TIERS)
    assert usage_lines(terms, "deed", 151, HALF_A_MONTH) == [
        (50, Decimal("0.50"), 25_00),
        (100, Decimal("0.40"), 40_00),
        (1, Decimal("0.30"), 30),
    ]


def test_the_bounds_of_packages_stay_whole_packages_in_half_a_month():
    terms = usd("per_request", tiers=REQUEST_TIERS, rounding="up")
    quantities = [quantity for quantity, _, _ in usage_lines(terms, "request", 9_000, HALF_A_MONTH)]
    assert quantities == [
        1_000,
        2_000,
        6_000,
    ]  # half of 5,000 is rounded to 3 packages, of which 1 is in the first tier


@given(st.integers(1, 30), st.integers(1, 10**7), st.sampled_from([1, 1000]))
def test_the_bounds_of_a_split_month_add_up_to_the_whole(day, bound, step):
    parts = Proration(0, day, 31), Proration(day, 31 - day, 31)
    assert sum(part.share(bound * step, step=step) for part in parts) == bound * step


@given(tiers(), st.integers(0, 2_000), currencies)
def test_graduated_tiers_are_the_sum_of_their_units(prices, counted, currency):
    lines = rate(PerDeed(currency=currency, tiers=prices), {"deed": Decimal(counted)})
    one_by_one = sum(Fraction(_price_of(unit, prices)) for unit in range(1, counted + 1)) * 10 ** exponent(currency)
    assert sum(line.quantity for line in lines) == counted
    assert abs(net_cents(lines) - one_by_one) <= Fraction(len(lines), 2)


def _price_of(unit, prices):
    return next(tier.unit_price for tier in prices if tier.up_to is None or unit <= tier.up_to)


@given(agreed(), tiers(1000), st.sampled_from(["up", "exact"]), st.integers(0, 10**7), st.integers(0, 10**4))
def test_more_usage_never_costs_less_in_graduated_tiers(common, prices, rounding, counted, more):
    terms = PerRequest(**common, tiers=prices, rounding=rounding)
    less, most = (net_cents(rate(terms, {"request": Decimal(count)})) for count in (counted, counted + more))
    assert less <= most


@given(tiers(), st.data())
def test_graduated_tiers_are_continuous(prices, data):
    """One more deed costs its own price, to the cent of each line that rounds: no bound makes the bill jump."""
    bound = data.draw(st.sampled_from([tier.up_to or 1 for tier in prices]))
    before, after = (rate(PerDeed(currency="USD", tiers=prices), {"deed": Decimal(n)}) for n in (bound, bound + 1))
    step = Fraction(net_cents(after) - net_cents(before))
    assert abs(step - Fraction(_price_of(bound + 1, prices)) * 100) <= 1


@given(tiers(), st.integers(0, 10**6))
def test_one_open_tier_is_one_price(prices, counted):
    last = prices[-1]
    usage = {"deed": Decimal(counted)}
    tiered = rate(PerDeed(currency="USD", tiers=(last,)), usage)
    assert net_cents(tiered) == net_cents(rate(PerDeed(currency="USD", unit_price=last.unit_price), usage))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([Tier(100, Decimal(1))], "The last tier ends at 100, but usage may not: leave its end empty."),
        ([Tier(None, Decimal(1)), Tier(None, Decimal(1))], "Each tier but the last ends at a whole number above"),
        ([Tier(200, Decimal(1)), Tier(100, Decimal(1)), Tier(None, Decimal(1))], "above the end of the one before"),
        ([Tier(100, Decimal(1)), Tier(100, Decimal(1)), Tier(None, Decimal(1))], "above the end of the one before"),
        ([Tier(0, Decimal(1)), Tier(None, Decimal(1))], "Each tier but the last ends at a whole number above"),
        ([Tier(None, Decimal(-1))], "The price of a tier is -1"),
    ],
    ids=["no open end", "two open ends", "falling", "twice", "empty", "negative price"],
)
def test_tiers_nobody_can_have_signed_are_refused_in_words(wrong, sentence):
    with pytest.raises(ImpossibleTerms, match=sentence):
        usd("per_deed", tiers=wrong)


def test_packages_that_count_whole_fit_into_their_tiers():
    odd = [Tier(1_500, Decimal(1)), Tier(None, Decimal(1))]
    with pytest.raises(ImpossibleTiers, match="A tier ends at 1,500, inside a package of 1,000 that counts whole: "):
        usd("per_request", tiers=odd, rounding="up")
    assert usd("per_request", tiers=odd, rounding="exact").tiers == tuple(odd)


def test_usage_has_one_price_or_tiers_and_not_both():
    with pytest.raises(ImpossibleTerms, match="enter one of them and not both"):
        usd("per_deed", unit_price=Decimal(1), tiers=DEED_TIERS)
    with pytest.raises(ContractWithoutPrice):
        usd("per_deed")


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [1],
        ["up_to"],
        [{"up_to": 100}],
        [{"up_to": "100", "unit_price": "1"}],
        [{"up_to": 1.5, "unit_price": "1"}],
        [{"up_to": True, "unit_price": "1"}],
        [{"unit_price": 0.4}],
        [{"unit_price": "cheap"}],
        [{"unit_price": None}],
        [{"unit_price": "1", "price": "1"}],
    ],
    ids=str,
)
def test_rows_that_are_no_tiers_are_refused_in_words(rows):
    with pytest.raises(ImpossibleTiers, match="Each tier has an end"):
        tiers_from_json(rows)
