"""A sentence about one invoice does not speak of 1 invoices."""

from __future__ import annotations

import pytest

from billing_site.kit.wording import counted, listed


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("invoice",), "0 invoices"),
        (1, ("invoice",), "1 invoice"),
        (1240, ("invoice",), "1,240 invoices"),
        (1, ("contract is", "contracts are"), "1 contract is"),
        (2, ("contract is", "contracts are"), "2 contracts are"),
    ],
)
def test_a_count_agrees_with_its_noun(number, words, said):
    assert counted(number, *words) == said


@pytest.mark.parametrize(
    ("words", "said"), [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b, c and d")]
)
def test_a_list_ends_with_and(words, said):
    assert listed(words) == said
