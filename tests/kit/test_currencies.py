"""How currencies are counted by ISO 4217 and, at the door, by Stripe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.currencies import (
    CODES,
    UnknownCurrency,
    exponent,
    from_stripe,
    is_known,
    stripe_exponent,
    to_stripe,
)
from billing_site.kit.money import Money, TooPrecise


def test_every_currency_counts_none_two_or_three_digits():
    assert {exponent(code) for code in CODES} == {0, 2, 3}
    assert len(set(CODES)) == len(CODES)
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize(("code", "digits"), [("JPY", 0), ("ISK", 0), ("USD", 2), ("MGA", 2), ("KWD", 3), ("IQD", 3)])
def test_digits_follow_iso_4217(code, digits):
    assert exponent(code) == digits


@pytest.mark.parametrize("code", ["BGN", "HRK"])
def test_withdrawn_currencies_are_readable_but_not_offered(code):
    assert is_known(code)
    assert code not in CODES


@pytest.mark.parametrize("code", ["CLF", "UYW", "XAU", "XXX", "usd", ""])
def test_units_of_account_and_misspellings_are_unknown(code):
    assert not is_known(code)
    with pytest.raises(UnknownCurrency):
        exponent(code)
    with pytest.raises(UnknownCurrency):
        stripe_exponent(code)


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        (2999, "usd", Money(29_99, "USD")),
        (500, "jpy", Money(500, "JPY")),
        (500, "isk", Money(5, "ISK")),
        (500, "ugx", Money(5, "UGX")),
        (5, "mga", Money(5_00, "MGA")),
        (1_230, "kwd", Money(1_230, "KWD")),
        (1_050, "huf", Money(10_50, "HUF")),
        (-500, "isk", Money(-5, "ISK")),
    ],
)
def test_stripe_amounts_convert_at_the_door_and_back(amount, currency, money):
    assert from_stripe(amount, currency) == money
    assert to_stripe(money) == amount


def test_a_fraction_our_currency_does_not_have_is_refused():
    with pytest.raises(TooPrecise, match="550 ISK"):
        from_stripe(550, "isk")


@pytest.mark.parametrize("money", [Money(5_50, "MGA"), Money(1_234, "KWD")])
def test_a_fraction_stripe_does_not_take_is_refused(money):
    with pytest.raises(TooPrecise):
        to_stripe(money)


@given(st.integers(-(10**12), 10**12), st.sampled_from(CODES))
def test_what_goes_to_stripe_comes_back_the_same(units, code):
    money = Money(units * 1000, code)
    assert from_stripe(to_stripe(money), code.lower()) == money
