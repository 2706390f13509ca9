"""Of two versions the greater is shown, whichever came first; where time cannot tell, Stripe is to be asked."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pytest
from django.db import transaction

from payments.models import AppliedVersion
from payments.stripe.applying import apply_due_events
from payments.stripe.booking import book
from payments.stripe.projections import facts_from_event, facts_from_object
from payments.stripe.versions import fingerprint
from tests.payments.posting import keep
from tests.payments.stripe_payloads import CHARGE, SUBSCRIPTION, event
from tests.payments.stripe_story import books

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SECOND = 1_600_000_000
AT = dt.datetime.fromtimestamp(SECOND, tz=dt.UTC)
CUSTOMER = {"id": "cus_1", "object": "customer", "created": SECOND, "name": "Acorn", "email": "a@acorn.example"}


def told(event_type: str, obj: dict, *, created: int = SECOND, event_id: str = "evt_1") -> dict:
    return {**event(event_type, obj, created=created), "id": event_id}


def subscription_updates() -> list[dict]:
    states = [("active", 2), ("past_due", 2), ("active", 5), ("unpaid", 2)]
    item = SUBSCRIPTION["items"]["data"][0]
    return [
        told(
            "customer.subscription.updated",
            {**SUBSCRIPTION, "status": status, "items": {"data": [{**item, "quantity": quantity}]}},
            event_id=f"evt_{n}",
        )
        for n, (status, quantity) in enumerate(states)
    ]


def facts_of(*events: dict) -> list:
    return [one for told in events for one in facts_from_event(told)]


def version_of(stripe_id: str) -> AppliedVersion:
    return AppliedVersion.objects.get(pk=stripe_id)


def test_four_updates_of_one_second_leave_the_same_rows_in_every_order():
    found = []
    for order in permutations(subscription_updates()):
        with transaction.atomic():
            for one in order:
                book(facts_of(one))
            found.append((books(), AppliedVersion.objects.filter(pk="sub_1").values().get()))
            transaction.set_rollback(True)
    assert all(one == found[0] for one in found)
    assert found[0][1]["doubted_at"] == AT
    assert found[0][0]["Subscription"][0]["status"] == "unpaid"


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_later_second_ends_the_doubt(newest_first):
    tied = subscription_updates()[:2]
    later = told("customer.subscription.updated", SUBSCRIPTION, created=SECOND + 1, event_id="evt_later")
    for one in [later, *tied] if newest_first else [*tied, later]:
        book(facts_of(one))
    assert (version_of("sub_1").seen_created, version_of("sub_1").doubted_at) == (SECOND + 1, None)


def test_what_stripe_answers_in_the_same_second_leaves_the_doubt():
    book(facts_of(*subscription_updates()[:1]))
    book(facts_of(*subscription_updates()[1:2]))
    answered = {**SUBSCRIPTION, "status": "past_due"}
    book(facts_from_object(answered, seen_at=SECOND, api_version="2020-08-27"))
    assert list(AppliedVersion.objects.doubted().values_list("pk", "object_type")) == [("sub_1", "subscription")]
    book(facts_from_object(answered, seen_at=SECOND + 1, api_version="2020-08-27"))
    assert not AppliedVersion.objects.doubted().exists()


def test_the_same_said_twice_is_one_version():
    same = [told("customer.created", CUSTOMER), told("customer.updated", CUSTOMER, event_id="evt_2")]
    keep(same, now=NOW)
    apply_due_events(now=NOW)
    assert version_of("cus_1").doubted_at is None


def test_a_customer_changed_within_its_first_second_is_in_doubt():
    keep([told("customer.created", CUSTOMER)], now=NOW)
    keep([told("customer.updated", {**CUSTOMER, "name": "Acorn Holding"}, event_id="evt_2")], now=NOW)
    apply_due_events(now=NOW)
    assert version_of("cus_1").doubted_at == AT


def test_intent_and_charge_tell_one_payment_without_a_doubt():
    intent = {
        "id": "pi_1", "object": "payment_intent", "amount": 5000, "amount_received": 5000, "created": SECOND,
        "currency": "usd", "customer": "cus_1", "latest_charge": "ch_1", "status": "succeeded",
    }  # fmt: skip
    in_order, found = [told("charge.succeeded", CHARGE), told("payment_intent.succeeded", intent)], []
    for order in (in_order, in_order[::-1]):
        with transaction.atomic():
            for one in order:
                book(facts_of(one))
            found.append(books()["Payment"])
            transaction.set_rollback(True)
    assert found[0] == found[1]
    assert not AppliedVersion.objects.doubted().exists()


def test_a_fingerprint_knows_nothing_of_the_event():
    early, late = (facts_of(told("customer.created", CUSTOMER, created=at))[0] for at in (SECOND, SECOND + 9))
    other = facts_of(told("customer.created", {**CUSTOMER, "name": "Oak"}))[0]
    assert fingerprint(early) == fingerprint(late)
    assert fingerprint(early) != fingerprint(other)
    assert len(fingerprint(early)) == 64
