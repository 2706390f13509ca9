from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.money import Money
from reporting.matching import Entry, Kind, Standing, differences, totals

DAY = dt.date(2026, 10, 14)
NEXT = DAY + dt.timedelta(days=1)


def entry(object_id="ch_1", amount=2999, *, fee=117, currency="USD", day=DAY, **fields):
    settled = Money(amount, currency)
    return Entry(
        **{
            "key": ("charge", object_id),
            "day": day,
            "paid": settled,
            "settled": settled,
            "fee": fee if fee is None else Money(fee, currency),
        }
        | fields
    )


def compare(ours, theirs):
    return differences(ours, theirs, start=DAY, end=NEXT)


def kinds(ours, theirs):
    return [(broken.kind, broken.amount) for broken in compare(ours, theirs).differences]


def test_equal_books_have_no_breaks():
    found = compare([entry()], [entry()])
    assert (found.differences, found.matched_count) == ((), 1)


def test_money_only_stripe_knows_is_missing_here():
    assert kinds([], [entry()]) == [(Kind.MISSING_HERE, Money(2999, "USD"))]


def test_money_only_we_know_is_missing_there():
    assert kinds([entry()], []) == [(Kind.MISSING_THERE, Money(-2999, "USD"))]


def test_another_amount_is_theirs_less_ours():
    assert kinds([entry(amount=2900)], [entry()]) == [(Kind.AMOUNT, Money(99, "USD"))]


def test_another_fee_is_theirs_less_ours():
    assert kinds([entry(fee=100)], [entry()]) == [(Kind.FEE, Money(17, "USD"))]


def test_a_fee_we_do_not_know_is_missing_whole():
    assert kinds([entry(fee=None)], [entry()]) == [(Kind.FEE, Money(117, "USD"))]


def test_a_fee_we_do_not_know_that_is_zero_is_no_break():
    assert kinds([entry(fee=None)], [entry(fee=0)]) == []


def test_another_currency_compares_nothing_else():
    assert kinds([entry(amount=2500, fee=1, currency="EUR")], [entry()]) == [(Kind.CURRENCY, Money(2999, "USD"))]


def test_money_we_call_failed_is_a_status_break():
    assert kinds([entry(standing=Standing.DENIED)], [entry()]) == [(Kind.STATUS, Money(2999, "USD"))]


def test_what_both_sides_deny_is_no_break():
    assert kinds([entry(standing=Standing.DENIED)], []) == []


def test_what_we_are_unsure_of_may_be_absent_there():
    assert kinds([entry(standing=Standing.UNSURE)], []) == []


def test_the_other_side_of_midnight_is_timing_only():
    assert kinds([entry(day=NEXT)], [entry()]) == [(Kind.TIMING, Money(0, "USD"))]


def test_other_days_are_not_judged():
    assert kinds([entry("ch_2", day=NEXT)], [entry("ch_3", day=NEXT)]) == []


def test_a_wrong_settlement_is_found_though_the_customer_paid_right():
    ours, theirs = entry(paid=Money(2500, "EUR")), entry(amount=2990, paid=Money(2500, "EUR"))
    assert kinds([ours], [theirs]) == [(Kind.AMOUNT, Money(-9, "USD"))]


def test_an_unknown_settlement_in_another_currency_is_left_alone():
    ours = entry(paid=Money(2500, "EUR"), settled=None, fee=None)
    assert kinds([ours], [entry(paid=Money(2500, "EUR"), fee=0)]) == []


def test_an_unknown_settlement_in_the_same_currency_is_compared():
    assert kinds([entry(settled=None)], [entry(amount=3000, paid=None)]) == [(Kind.AMOUNT, Money(1, "USD"))]


def test_movements_of_one_object_are_added_up():
    halves = [entry(amount=1499, fee=58), entry(amount=1500, fee=59)]
    assert kinds([entry()], halves) == []


def test_totals_never_cross_currencies():
    found = compare([entry(), entry("ch_2", 500, currency="JPY")], [entry()])
    assert totals(found) == {
        "JPY": {"theirs_cents": 0, "ours_cents": 500, "difference_cents": -500},
        "USD": {"theirs_cents": 2999, "ours_cents": 2999, "difference_cents": 0},
    }


BOOKS = st.lists(
    st.builds(entry, st.sampled_from(["ch_1", "ch_2", "ch_3"]), st.integers(1, 9), fee=st.integers(0, 2)),
    unique_by=lambda one: one.key,
)


@given(BOOKS, BOOKS)
def test_missing_and_differing_amounts_explain_the_whole_difference(ours, theirs):
    found = compare(ours, theirs)
    explained = sum(
        broken.amount.cents
        for kind in (Kind.MISSING_HERE, Kind.MISSING_THERE, Kind.AMOUNT)
        for broken in found.of(kind)
    )
    assert explained == sum(row["difference_cents"] for row in totals(found).values())


@given(BOOKS)
def test_any_book_agrees_with_itself(book):
    assert compare(book, book).differences == ()


def test_an_entry_without_an_amount_cannot_be_weighed():
    with pytest.raises(ValueError, match="no amount"):
        _ = entry(paid=None, settled=None).weight
