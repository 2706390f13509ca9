"""Six events of one life, told in all 720 orders: the books end the same each time."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from payments.models import Payment, Subscription
from payments.stripe.booking import book
from payments.stripe.projections import facts_from_event
from payments.stripe.sim import Sim
from tests.payments.stripe_story import DAY, START, books

pytestmark = pytest.mark.django_db


def a_payment(sim) -> list[str]:
    """Paid and partly refunded: all of the payment happens within one second."""
    subscription = sim.subscribe(sim.customer("Acorn", at=START), sim.price(29_00, at=START), at=START + 60)
    paid = sim.store.newest_first("charge")[0]
    sim.refund(paid, 10_00, at=START + DAY)
    assert subscription["status"] == "active"
    return [
        "payment_intent.succeeded",
        "charge.succeeded",
        "invoice.paid",
        "invoice_payment.paid",
        "charge.refunded",
        "refund.created",
    ]


def a_second_try(sim) -> list[str]:
    """Declined, then paid by another charge of the same intent, its fee told later, and disputed."""
    intent = sim.begin_payment(29_00, customer=sim.customer("Acorn", at=START), at=START)
    sim.confirm_payment(intent, at=START + 60, decline="insufficient_funds")
    paid = sim.confirm_payment(intent, at=START + DAY, settled=False)
    sim.dispute(sim.settle(paid, at=START + 2 * DAY), at=START + 3 * DAY)
    return [
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "charge.dispute.created",
    ]


def a_subscription(sim) -> list[str]:
    """Begun, past due, active again, about to end, kept after all, ended."""
    begun = sim.subscribe(sim.customer("Acorn", at=START), sim.price(29_00, at=START), at=START + 60)
    sim.pay(sim.renew(begun, at=START + 31 * DAY, decline="card_declined"), at=START + 34 * DAY)
    sim.change_subscription(begun, cancel_at_period_end=True, at=START + 35 * DAY)
    sim.cancel(begun, at=START + 36 * DAY)
    return ["customer.subscription.created", *["customer.subscription.updated"] * 4, "customer.subscription.deleted"]


def facts_of(life) -> tuple[list[Any], dict[str, Any]]:
    """Return what tells of the customer, and the six events of the life by place and type, in their order."""
    sim = Sim(seed=life.__name__)
    types = life(sim)
    told = [event for event in sim.events() if event["type"] in types]
    assert sorted(event["type"] for event in told) == sorted(types)
    customer = [facts_from_event(event) for event in sim.events() if event["type"] == "customer.created"]
    return customer, {f"{place} {event['type']}": facts_from_event(event) for place, event in enumerate(told)}


def every_order(told, facts, right) -> int:
    """Book what is left in every order, forgetting each branch before the next; return how many orders there were."""
    if not facts:
        assert books() == right, f"Not so in the order {told}"
        return 1
    count = 0
    for name in facts:
        with transaction.atomic():
            book(facts[name])
            rest = {key: value for key, value in facts.items() if key != name}
            count += every_order([*told, name], rest, right)
            transaction.set_rollback(True)
    return count


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("life", [a_payment, a_second_try, a_subscription])
def test_all_720_orders_of_a_life_lead_to_the_same_books(life, first):
    customer, facts = facts_of(life)
    for one in customer:
        book(one)
    with transaction.atomic():
        for one in facts.values():
            book(one)
        right = books()
        transaction.set_rollback(True)
    begun = list(facts)[first]
    book(facts.pop(begun))
    assert every_order([begun], facts, right) == 120


def test_the_lives_end_as_they_should():
    for life in (a_payment, a_second_try, a_subscription):
        for one in facts_of(life)[1].values():
            book(one)
    refunded = Payment.objects.get(refund_amount_cents=10_00)
    disputed = Payment.objects.get(refund_amount_cents=0)
    assert (refunded.status, refunded.invoice.status) == ("partially_refunded", "paid")
    assert (disputed.status, disputed.failure_code, disputed.disputes.count()) == ("succeeded", "", 1)
    assert Subscription.objects.get().status == "canceled"
