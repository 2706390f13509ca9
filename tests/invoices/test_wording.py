"""Numbers are written in full and exactly in every language, however large a column lets them be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.money import Money
from invoices.pdf.wording import Wording

_POINTS = {"en": ".", "de": ",", "fr": ",", "es": ",", "ja": "."}
languages = st.sampled_from(sorted(_POINTS))


def read(text: str, language: str) -> Decimal:
    """Read what was written, whatever separates its thousands."""
    point = _POINTS[language]
    kept = "".join(letter for letter in text.replace("\u2212", "-") if letter.isdigit() or letter in f"-{point}")
    return Decimal(kept.replace(point, "."))


@given(st.decimals(-(10**30), 10**30, places=12), languages)
def test_a_number_of_any_column_is_written_exactly(number, language):
    assert read(Wording(language, "EUR").number(number), language) == number


@given(st.decimals(-(10**24), 10**24, places=12), languages)
def test_a_price_of_any_size_is_written_exactly(price, language):
    assert read(Wording(language, "EUR").price(price), language) == price


@given(st.integers(-(10**40), 10**40), languages)
def test_an_amount_beyond_the_books_is_written_exactly(cents, language):
    written = Wording(language, "EUR").money(cents)
    assert read(written, language) == Money(cents, "EUR").major


@pytest.mark.parametrize("number", [Decimal("999999999999999999.999999"), Decimal(10) ** 24])
def test_what_a_days_sum_holds_is_written_in_full(number):
    assert Wording("en", "USD").number(number) == f"{number:,f}"
