"""What a subscription is worth per month."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.stripe.recurring import (
    Coupon,
    RecurringItem,
    RecurringPrice,
    Tier,
    billing_cycle,
    is_counted,
    mrr_by_item,
)

NOW = 1_790_000_000


def price(amount: str = "2999", **terms: object) -> RecurringPrice:
    return RecurringPrice(**{"currency": "USD", "unit_amount": Decimal(amount), **terms})


def worth(item: RecurringItem, *coupons: Coupon) -> int:
    return mrr_by_item([item], coupons, at=NOW)[0]


def percent(off: str, **terms: object) -> Coupon:
    return Coupon(**{"duration": "forever", "percent_off": Decimal(off), **terms})


def amount(off_cents: int, **terms: object) -> Coupon:
    return Coupon(**{"duration": "forever", "amount_off_cents": off_cents, "currency": "USD", **terms})


@pytest.mark.parametrize(
    ("interval", "count", "cents", "expected"),
    [
        ("month", 1, "2999", 2999),
        ("month", 3, "9000", 3000),
        ("month", 3, "10000", 3333),
        ("month", 6, "10003", 1667),
        ("year", 1, "30000", 2500),
        ("year", 1, "29990", 2499),
        ("year", 1, "30006", 2501),  # 2500.5 rounds up
        ("year", 2, "60000", 2500),
        ("week", 1, "1000", 4333),
        ("week", 2, "1000", 2167),
        ("day", 1, "100", 3042),
    ],
)
def test_every_interval_is_brought_to_a_month(interval: str, count: int, cents: str, expected: int) -> None:
    assert worth(RecurringItem(price=price(cents, interval=interval, interval_count=count))) == expected


@pytest.mark.parametrize(
    ("terms", "quantity", "expected"),
    [
        ({}, 3, 8997),
        ({}, 0, 0),
        ({"unit_amount": Decimal("0.5")}, 3, 2),  # 1.5 cents: rounded once, on the item
        ({"unit_amount": Decimal("1.96")}, 1234, 2419),
        ({"package_size": 10, "unit_amount": Decimal(500)}, 21, 1500),
        ({"package_size": 10, "package_rounding": "down", "unit_amount": Decimal(500)}, 29, 1000),
        ({"metered": True}, 5, 0),
    ],
)
def test_quantity_packages_and_fractions_of_a_cent(terms: dict, quantity: int, expected: int) -> None:
    assert worth(RecurringItem(price=price(**terms), quantity=quantity)) == expected


TIERS = (
    Tier(up_to=10, unit_amount=Decimal(100), flat_amount=Decimal(500)),
    Tier(up_to=20, unit_amount=Decimal(80)),
    Tier(up_to=None, unit_amount=Decimal(50), flat_amount=Decimal(300)),
)


@pytest.mark.parametrize(
    ("mode", "quantity", "expected"),
    [
        ("graduated", 0, 500),
        ("graduated", 9, 1400),
        ("graduated", 10, 1500),
        ("graduated", 11, 1580),
        ("graduated", 20, 2300),
        ("graduated", 21, 2650),
        ("volume", 0, 500),
        ("volume", 10, 1500),
        ("volume", 11, 880),
        ("volume", 20, 1600),
        ("volume", 21, 1350),
    ],
)
def test_tier_edges(mode: str, quantity: int, expected: int) -> None:
    assert worth(RecurringItem(price=price(tiers=TIERS, tiers_mode=mode), quantity=quantity)) == expected


@pytest.mark.parametrize(
    ("coupons", "expected"),
    [
        ([percent("20")], 2399),  # 2399.2
        ([percent("25.5")], 2234),
        ([percent("100")], 0),
        ([percent("20", duration="repeating", ends_at=NOW + 1)], 2399),
        ([percent("20", duration="repeating", ends_at=NOW)], 2999),
        ([percent("20", duration="once")], 2999),
        ([amount(999)], 2000),
        ([amount(5000)], 0),
        ([amount(999, currency="EUR")], 2999),
        ([percent("50"), amount(500)], 1000),
        ([amount(500), percent("50")], 1250),
        ([percent("20", product_ids=frozenset({"prod_other"}))], 2999),
        ([percent("20", product_ids=frozenset({"prod_1"}))], 2399),
    ],
)
def test_coupons_that_come_back_reduce_the_month(coupons: list[Coupon], expected: int) -> None:
    assert worth(RecurringItem(price=price(), product_id="prod_1"), *coupons) == expected


def test_an_amount_off_a_yearly_plan_is_off_the_year() -> None:
    assert worth(RecurringItem(price=price("12000", interval="year")), amount(1200)) == 900


def test_an_amount_off_is_split_over_the_items_without_losing_a_cent() -> None:
    items = [RecurringItem(price=price("1000"))] * 3
    assert sum(mrr_by_item(items, [amount(100)], at=NOW)) == 2900


def test_an_items_own_coupon_comes_before_the_subscriptions() -> None:
    item = RecurringItem(price=price("10000"), coupons=(amount(1000),))
    assert worth(item, percent("50")) == 4500


def test_a_coupon_on_free_items_takes_nothing() -> None:
    assert mrr_by_item([RecurringItem(price=price("0"))], [amount(100)], at=NOW) == (0,)


@pytest.mark.parametrize(
    ("code", "yearly", "expected"),
    [
        ("USD", ["10000", "10000"], (833, 833)),  # 833.33 each; together they would be 1666.67
        ("JPY", ["10000", "10006"], (833, 834)),  # 833.83 yen is 834
        ("KWD", ["10000", "10006"], (833, 834)),  # 0.834 dinar
        ("ISK", ["10000"], (833,)),
    ],
)
def test_each_item_is_rounded_for_itself_in_the_minor_units_of_its_currency(code, yearly, expected) -> None:
    items = [RecurringItem(price=price(one, currency=code, interval="year")) for one in yearly]
    assert mrr_by_item(items, at=NOW) == expected


def test_usage_beside_a_licence_adds_nothing() -> None:
    items = [RecurringItem(price=price()), RecurringItem(price=price("5", metered=True), quantity=1000)]
    assert mrr_by_item(items, at=NOW) == (2999, 0)


def test_tax_inside_the_price_is_not_recurring_revenue() -> None:
    item = RecurringItem(price=price("11900"), inclusive_tax_percent=Decimal(19))
    assert worth(item) == 10000


@pytest.mark.parametrize(
    ("status", "paused", "expected"),
    [
        ("active", False, True),
        ("past_due", False, True),
        ("active", True, False),
        *[(status, False, False) for status in ("trialing", "paused", "unpaid", "canceled", "incomplete")],
    ],
)
def test_only_active_and_past_due_count(status: str, paused: bool, expected: bool) -> None:  # noqa: FBT001
    assert is_counted(status, paused=paused) is expected


@pytest.mark.parametrize(
    ("rhythms", "expected"),
    [
        ([("month", 1)], "monthly"),
        ([("month", 3)], "quarterly"),
        ([("month", 12)], "yearly"),
        ([("year", 1), ("year", 1)], "yearly"),
        ([("week", 1)], "weekly"),
        ([("month", 2)], "every_2_months"),
        ([("month", 1), ("year", 1)], "mixed"),
        ([], ""),
    ],
)
def test_the_billing_cycle_has_a_name(rhythms: list[tuple[str, int]], expected: str) -> None:
    assert billing_cycle(price(interval=interval, interval_count=count) for interval, count in rhythms) == expected


@given(
    amounts=st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    off_cents=st.integers(0, 10**10),
    share=st.integers(0, 100),
)
def test_coupons_never_pay_the_customer(amounts: list[int], off_cents: int, share: int) -> None:
    items = [RecurringItem(price=price(str(one))) for one in amounts]
    reduced = mrr_by_item(items, [amount(off_cents), percent(str(share))], at=NOW)
    assert all(0 <= less <= full for less, full in zip(reduced, amounts, strict=True))
    assert sum(mrr_by_item(items, [amount(off_cents)], at=NOW)) == max(sum(amounts) - off_cents, 0)
