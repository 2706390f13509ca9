"""Every movement of MRR is kept as a row, right for any order in which Stripe's versions arrive."""

from __future__ import annotations

import datetime as dt
from itertools import permutations
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from payments.models import MrrMovement, StripeEvent, StripeObject, Subscription, SubscriptionVersion
from payments.stripe.applying import apply_due_events
from payments.stripe.booking import book
from payments.stripe.booking.subscriptions import recount_worth
from payments.stripe.projections import facts_from_event, facts_from_object
from payments.stripe.replaying import replay
from payments.stripe.sim import Sim
from reporting.invariants import broken_invariants
from reporting.recurring import recurring_by_currency
from tests.payments.posting import keep
from tests.payments.stripe_story import START, live

pytestmark = pytest.mark.django_db

MONTH = 2_592_000
COUPON = {"id": "spring", "object": "coupon", "duration": "repeating", "percent_off": 20.0, "name": "Spring"}
DISCOUNT = {"id": "di_1", "object": "discount", "end": START + 3 * MONTH}


def price(cents: int, **terms: Any) -> dict[str, Any]:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    whole = {"id": f"price_{cents}", "object": "price", "currency": "usd", "product": "prod_1", "recurring": recurring}
    return whole | {"unit_amount": cents, "unit_amount_decimal": str(cents), "billing_scheme": "per_unit"} | terms


def subscription(cents: int = 1000, *, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    item = {"id": "si_1", "object": "subscription_item", "price": price(cents), "quantity": quantity, "discounts": []}
    whole = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "currency": "usd", "status": "active"}
    return whole | {"created": START, "items": {"data": [item]}, "discounts": []} | fields


def told(at: int, obj: dict[str, Any], verb: str = "updated") -> dict[str, Any]:
    envelope = {"id": f"evt_{at}", "object": "event", "livemode": False, "api_version": "2026-05-27.dahlia"}
    return envelope | {"type": f"customer.subscription.{verb}", "created": START + at, "data": {"object": obj}}


def tell(*events: dict[str, Any]) -> None:
    for one in events:
        book(facts_from_event(one))


def answer(at: int, obj: dict[str, Any]) -> None:
    book(facts_from_object(obj, seen_at=START + at, api_version="2026-05-27.dahlia"))


def movements() -> list[tuple[str, int, int, int]]:
    rows = MrrMovement.objects.order_by("occurred_at", "pk")
    return [(one.kind, int(one.occurred_at.timestamp()) - START, one.before_cents, one.after_cents) for one in rows]


LIFE = [
    told(0, subscription(status="trialing"), "created"),
    told(MONTH, subscription()),
    told(2 * MONTH, subscription(quantity=3)),
    told(3 * MONTH, subscription(2000, status="past_due")),
    told(4 * MONTH, subscription(2000, status="canceled"), "deleted"),
]
MOVED = [
    ("new", MONTH, 0, 1000),
    ("expansion", 2 * MONTH, 1000, 3000),
    ("contraction", 3 * MONTH, 3000, 2000),
    ("churn", 4 * MONTH, 2000, 0),
]


def test_a_life_from_trial_to_churn_is_five_versions_and_four_movements():
    tell(*LIFE)
    assert movements() == MOVED
    assert SubscriptionVersion.objects.count() == 5
    assert Subscription.objects.get().mrr_cents == 0


def test_all_orders_of_five_versions_give_equal_movements():
    for order in permutations(LIFE):
        with transaction.atomic():
            tell(*order)
            assert movements() == MOVED
            transaction.set_rollback(True)


def test_a_late_older_version_repairs_the_chain():
    first, _, grown, shrunk, _ = LIFE
    tell(first, grown, shrunk)
    assert movements() == [("new", 2 * MONTH, 0, 3000), ("contraction", 3 * MONTH, 3000, 2000)]
    tell(LIFE[1])
    assert movements() == MOVED[:3]
    assert Subscription.objects.get().mrr_cents == 2000


def test_a_version_told_twice_moves_nothing():
    tell(*LIFE)
    rows = list(MrrMovement.objects.order_by("pk").values_list("pk", flat=True))
    assert [sum(book(facts_from_event(one)).values()) for one in LIFE] == [0] * 5
    assert list(MrrMovement.objects.order_by("pk").values_list("pk", flat=True)) == rows


def test_who_comes_back_is_reactivated():
    tell(LIFE[1], told(2 * MONTH, subscription(status="paused"), "paused"))
    tell(told(3 * MONTH, subscription(1500), "resumed"))
    assert [one[0] for one in movements()] == ["new", "churn", "reactivation"]


def test_a_paused_collection_is_churn_until_it_goes_on():
    tell(LIFE[1], told(2 * MONTH, subscription(pause_collection={"behavior": "void"})))
    row = Subscription.objects.get()
    assert (row.status, row.is_paused, row.mrr_cents) == ("active", True, 0)
    assert movements()[-1] == ("churn", 2 * MONTH, 1000, 0)


def test_a_wish_to_cancel_moves_nothing_until_the_end():
    tell(LIFE[1], told(2 * MONTH, subscription(cancel_at_period_end=True)))
    assert (Subscription.objects.get().cancel_at_period_end, movements()) == (True, MOVED[:1])


def test_of_two_versions_of_one_second_only_the_last_state_is_a_movement():
    tell(told(0, subscription(), "updated"), told(0, subscription(status="incomplete"), "created"))
    assert movements() == [("new", 0, 0, 1000)]


def test_another_currency_is_churn_and_a_new_beginning():
    euro = {"id": "si_1", "price": price(900, currency="eur"), "quantity": 1}
    tell(LIFE[1], told(2 * MONTH, subscription(currency="eur", items={"data": [euro]})))
    assert list(MrrMovement.objects.order_by("pk").values_list("kind", "change_cents", "currency")) == [
        ("new", 1000, "USD"),
        ("churn", -1000, "USD"),
        ("reactivation", 900, "EUR"),
    ]
    assert broken_invariants() == []


def test_a_coupon_named_only_by_id_is_counted_in_every_version_once_it_is_known():
    tell(told(0, subscription(discounts=["di_1"]), "created"), told(MONTH, subscription(2000, discounts=["di_1"])))
    assert movements() == [("new", 0, 0, 1000), ("expansion", MONTH, 1000, 2000)]
    whole = {**DISCOUNT, "source": {"type": "coupon", "coupon": COUPON}}
    answer(MONTH + 5, subscription(2000, discounts=[whole]))
    assert movements() == [("new", 0, 0, 800), ("expansion", MONTH, 800, 1600)]
    row = Subscription.objects.get()
    assert (row.mrr_cents, row.discount) == (1600, "Spring")


def test_tiers_that_were_left_out_are_counted_in_every_version_once_they_are_known():
    tiers = [{"up_to": 5, "unit_amount": 100}, {"up_to": None, "unit_amount": 50}]
    tiered = price(0, unit_amount=None, unit_amount_decimal=None, billing_scheme="tiered", tiers_mode="graduated")

    def of(quantity: int, **terms: Any) -> dict[str, Any]:
        item = {"id": "si_1", "price": tiered | terms, "quantity": quantity, "discounts": []}
        return subscription(items={"data": [item]})

    tell(told(0, of(4), "created"), told(MONTH, of(10)))
    answer(MONTH + 5, of(10, tiers=tiers))
    assert movements() == [("new", 0, 0, 400), ("expansion", MONTH, 400, 750)]


def discounted() -> dict[str, Any]:
    return subscription(discounts=[{**DISCOUNT, "coupon": COUPON}])


def test_a_coupon_that_ends_between_two_versions_is_an_expansion_on_the_day_it_ends():
    tell(told(0, discounted(), "created"), told(5 * MONTH, subscription()))
    assert movements() == [("new", 0, 0, 800), ("expansion", 3 * MONTH, 800, 1000)]


def test_a_coupon_that_ends_while_nothing_is_told_is_found_by_the_sweep():
    tell(told(0, discounted(), "created"))
    ends = dt.datetime.fromtimestamp(START + 3 * MONTH, tz=dt.UTC)
    assert Subscription.objects.get().mrr_changes_at == ends
    assert not recount_worth(now=ends - dt.timedelta(seconds=1))
    assert recount_worth(now=ends + dt.timedelta(days=3)) == {"subscriptions": 1, "mrr_movements": 1}
    row = Subscription.objects.get()
    assert (row.mrr_cents, row.mrr_changes_at) == (1000, None)
    assert movements() == [("new", 0, 0, 800), ("expansion", 3 * MONTH, 800, 1000)]
    assert not recount_worth(now=ends + dt.timedelta(days=4))


def test_a_replay_after_the_sweep_changes_nothing():
    tell(told(0, discounted(), "created"))
    recount_worth(now=dt.datetime.fromtimestamp(START + 9 * MONTH, tz=dt.UTC))
    assert not book(facts_from_event(told(0, discounted(), "created")))
    assert Subscription.objects.get().mrr_cents == 1000


def test_the_movements_of_every_currency_add_up_to_its_mrr():
    sim = Sim()
    live(sim)
    for code, cents in (("jpy", 12_000), ("kwd", 11_280), ("usd", 99_00)):
        buyer = sim.customer(f"Buyer in {code}", at=START)
        sim.subscribe(buyer, sim.price(cents, code, product="Solo", interval="year", at=START), at=START)
    keep(sim.events(), now=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    apply_due_events(now=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    summed = MrrMovement.objects.values_list("currency").annotate(Sum("change_cents"))
    assert dict(summed) == {code: one.mrr_cents for code, one in recurring_by_currency().items()}
    assert dict(summed) == {"JPY": 1000, "KWD": 940, "USD": 825}


def test_a_replay_rebuilds_movements_that_were_lost():
    sim = Sim()
    live(sim)
    keep(sim.events(), now=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    apply_due_events(now=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    before = movements()
    MrrMovement.objects.all().delete()
    SubscriptionVersion.objects.all().delete()
    replay(events=StripeEvent.objects.all(), objects=StripeObject.objects.all())
    assert before
    assert movements() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"change_cents": 1},
        {"kind": "expansion"},
        {"before_cents": 500, "change_cents": 500},
        {"kind": "churn"},
        {"kind": "upsell"},
    ],
)
def test_the_database_refuses_a_movement_that_does_not_add_up(wrong):
    tell(LIFE[1])
    with pytest.raises(IntegrityError), transaction.atomic():
        MrrMovement.objects.update(**wrong)


@pytest.mark.django_db(transaction=True)
def test_a_worth_its_movements_do_not_lead_to_breaks_an_invariant():
    tell(LIFE[1])
    with transaction.atomic():
        Subscription.objects.update(mrr_cents=999)
        assert [one.name for one in broken_invariants()] == ["mrr_equals_its_movements"]
        transaction.set_rollback(True)
