"""Laws of money: whole units, one currency, one rounding, nothing lost in a split."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.currencies import CODES, UnknownCurrency, exponent
from billing_site.kit.money import (
    CurrencyMismatch,
    Money,
    NothingToAllocateOver,
    NotMinorUnits,
    TooPrecise,
    plain,
    round_half_up,
    total,
)

units = st.integers(min_value=-(10**15), max_value=10**15)
moneys = st.builds(Money, units, st.sampled_from(CODES))
whole_weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=100).filter(any)
fine_weights = st.lists(
    st.decimals(min_value=0, max_value=10**6, places=6, allow_nan=False), min_size=1, max_size=30
).filter(any)
numbers = st.decimals(min_value=-(10**12), max_value=10**12, places=12, allow_nan=False)


@given(moneys, whole_weights | fine_weights)
def test_a_split_adds_up_to_the_whole(money, weights):
    assert total(money.allocate(weights), money.currency) == money


@given(moneys, st.integers(min_value=1, max_value=200))
def test_equal_weights_differ_by_at_most_one_unit(money, count):
    parts = [part.cents for part in money.allocate([1] * count)]
    assert max(parts) - min(parts) <= 1


@given(moneys, whole_weights, st.randoms())
def test_the_order_of_the_weights_changes_nobodys_share(money, weights, random):
    shuffled = random.sample(weights, len(weights))
    before = sorted(zip(weights, money.allocate(weights), strict=True), key=str)
    assert sorted(zip(shuffled, money.allocate(shuffled), strict=True), key=str) == before


@given(moneys, whole_weights)
def test_no_part_strays_a_whole_unit_from_its_exact_share(money, weights):
    exact = [Fraction(money.cents * weight, sum(weights)) for weight in weights]
    assert all(abs(part.cents - share) < 1 for part, share in zip(money.allocate(weights), exact, strict=True))


@given(moneys, whole_weights)
def test_a_credit_is_split_as_its_invoice_was(money, weights):
    assert (-money).allocate(weights) == [-part for part in money.allocate(weights)]


def test_a_dollar_in_three_is_34_33_33():
    assert [part.cents for part in Money(100, "USD").allocate([1, 1, 1])] == [34, 33, 33]


@pytest.mark.parametrize(("weights", "shares"), [([1, 3], [0, 2]), ([3, 1], [2, 0])])
def test_among_equal_remainders_the_heavier_part_gains(weights, shares):
    assert [part.cents for part in Money(2, "USD").allocate(weights)] == shares


def test_a_part_without_weight_gets_nothing():
    assert [part.cents for part in Money(-101, "EUR").allocate([0, 1, 1])] == [0, -51, -50]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [Decimal(-1)]])
def test_weights_that_carry_nothing_are_refused(weights):
    with pytest.raises(NothingToAllocateOver):
        Money(100, "USD").allocate(weights)


@given(numbers)
def test_rounding_moves_by_at_most_half_and_mirrors(value):
    rounded = round_half_up(value)
    assert abs(Fraction(value) - rounded) <= Fraction(1, 2)
    assert round_half_up(-value) == -rounded


@pytest.mark.parametrize(
    ("value", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("0.4999999999999", 0), ("-0.4", 0)]
)
def test_halves_go_away_from_zero(value, rounded):
    assert round_half_up(Decimal(value)) == rounded


def test_a_long_product_is_rounded_once_and_not_before():
    # A Decimal product is cut at 28 digits: it would first become 123456.5, and then a yen too much.
    just_below_half = Decimal("123456.499999999999999999999999999999")
    assert Money.priced(just_below_half, Decimal(1), "JPY") == Money(123_456, "JPY")


def test_a_fine_price_rounds_once_on_the_line():
    assert Money.priced(Decimal(1_234_567), Decimal("0.0196"), "USD") == Money(24_197_51, "USD")


def test_a_package_price_counts_the_broken_package():
    assert Money.priced(Decimal(1001), Decimal("2.00"), "USD", package_size=1000) == Money(2_00, "USD")
    assert Money.priced(Decimal(1500), Decimal("2.00"), "USD", package_size=1000) == Money(3_00, "USD")


@given(moneys)
def test_major_units_there_and_back_are_the_same_money(money):
    assert Money.from_major(money.major, money.currency) == money
    assert -money.major.as_tuple().exponent == exponent(money.currency)


@pytest.mark.parametrize(("amount", "currency"), [("12.505", "USD"), ("0.5", "JPY"), ("1.2345", "KWD")])
def test_more_digits_than_the_currency_has_are_refused(amount, currency):
    with pytest.raises(TooPrecise, match=f"{amount} has more digits than {currency}"):
        Money.from_major(Decimal(amount), currency)


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_endless_amounts_are_refused(amount):
    with pytest.raises(TooPrecise):
        Money.from_major(Decimal(amount), "USD")


@pytest.mark.parametrize("cents", [12.5, 12.0, True, Decimal(12), "12", None])
def test_only_whole_units_are_money(cents):
    with pytest.raises(NotMinorUnits):
        Money(cents, "USD")


def test_a_float_price_is_refused():
    with pytest.raises(NotMinorUnits):
        Money.priced(Decimal(1), 0.1, "USD")


@pytest.mark.parametrize("code", ["usd", "", "XXX", "CLF", "DOLLAR", None])
def test_only_known_currencies_are_money(code):
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        Money(1, code)


@pytest.mark.parametrize("mix", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_neither_add_nor_compare(mix):
    with pytest.raises(CurrencyMismatch, match=r"USD 1\.00 and EUR 1\.00"):
        getattr(Money(1_00, "USD"), mix)(Money(1_00, "EUR"))


def test_equal_cents_of_two_currencies_are_not_equal():
    assert Money(1, "USD") != Money(1, "EUR")


def test_a_mixed_total_is_refused():
    with pytest.raises(CurrencyMismatch):
        total([Money(1, "USD"), Money(1, "EUR")], "USD")


@given(units, units, st.integers(-1000, 1000))
def test_money_adds_as_its_units_do(a, b, times):
    one, other = Money(a, "USD"), Money(b, "USD")
    assert (one + other).cents == a + b
    assert (one - other).cents == a - b
    assert (one * times).cents == (times * one).cents == a * times
    assert abs(-one).cents == abs(a)
    assert (one < other, one <= other, one > other, one >= other) == (a < b, a <= b, a > b, a >= b)


@pytest.mark.parametrize("factor", [0.5, Decimal("0.19"), True])
def test_a_rate_is_never_multiplied_in(factor):
    with pytest.raises(TypeError):
        Money(100, "USD") * factor


@pytest.mark.parametrize("stranger", [0, 1.5, "USD 1.00"])
def test_money_and_numbers_do_not_mix(stranger):
    with pytest.raises(TypeError):
        Money(100, "USD") + stranger
    with pytest.raises(TypeError):
        Money(100, "USD") - stranger


def test_nothing_is_false_and_an_empty_total_is_nothing():
    assert not Money.zero("JPY")
    assert Money(-1, "JPY")
    assert total([], "JPY") == Money.zero("JPY")


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(12_50, "USD"), "en", "$12.50"),
        (Money(-12_50, "USD"), "en", "-$12.50"),
        (Money(500, "JPY"), "en", "¥500"),
        (Money(1_234, "KWD"), "en", "KWD 1.234"),
        (Money(12_34, "RSD"), "en", "RSD 12.34"),
        (Money(1_234_567_89, "EUR"), "de", "1.234.567,89 €"),
        (Money(12_50, "EUR"), "fr-FR", "12,50 €"),
        (Money(500, "JPY"), "ja_JP", "\uffe5500"),
    ],
)
def test_people_read_it_in_their_locale_with_the_currencys_digits(money, locale, text):
    assert money.format(locale) == text


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money(12_50, "USD"), "USD 12.50"), (Money(-5, "USD"), "USD -0.05"), (Money(500, "JPY"), "JPY 500")],
)
def test_logs_read_the_code_and_the_amount(money, text):
    assert str(money) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.019600000000", "0.0196"),
        ("100", "100"),
        ("1E+2", "100"),
        ("-0.00", "0"),
        ("-1.50", "-1.5"),
        ("123456789012345678901234567890.100", "123456789012345678901234567890.1"),
    ],
)
def test_a_number_is_written_exactly_and_briefly(number, text):
    assert plain(Decimal(number)) == text


def test_money_travels_between_processes():
    assert pickle.loads(pickle.dumps(Money(1, "USD"))) == Money(1, "USD")  # noqa: S301 - our own bytes
