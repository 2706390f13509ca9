"""Every shipped payload is one Stripe could send, and turns into exactly these facts."""

from __future__ import annotations

import pytest

from payments.stripe.facts import BalanceTransactionFacts
from payments.stripe.handled import HANDLED_EVENT_TYPES, handles
from payments.stripe.projections import facts_from_event, facts_from_object
from payments.stripe.sim.schema import validate
from tests.payments.expected_facts import EXPECTED
from tests.payments.stripe_payloads import FIXTURES, said, shipped


def test_there_is_a_payload_and_an_expectation_for_every_handled_type() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == HANDLED_EVENT_TYPES
    assert set(EXPECTED) == HANDLED_EVENT_TYPES


@pytest.mark.parametrize("event_type", sorted(EXPECTED))
def test_stripe_could_have_sent_it(event_type: str) -> None:
    event = shipped(event_type)
    assert (event["type"], event["api_version"]) == (event_type, "2026-05-27.dahlia")
    validate(event)
    validate(event["data"]["object"])


@pytest.mark.parametrize("event_type", sorted(EXPECTED))
def test_it_becomes_these_facts(event_type: str) -> None:
    kind, expected = EXPECTED[event_type]
    event = shipped(event_type)
    facts = facts_from_event(event)[0]
    assert type(facts) is kind
    assert said(facts, *expected) == expected
    assert (facts.livemode, facts.api_version) == (False, "2026-05-27.dahlia")
    assert facts.order.created == event["created"]


@pytest.mark.parametrize("event_type", sorted(EXPECTED))
def test_a_fetched_object_says_the_same_as_its_event(event_type: str) -> None:
    event = shipped(event_type)
    fetched = facts_from_object(
        event["data"]["object"], seen_at=event["created"], api_version=event["api_version"], livemode=False
    )
    told_by_event_alone = {"customer.deleted", "charge.refunded"}
    if event_type not in told_by_event_alone:
        assert fetched == facts_from_event(event)


def test_a_dispute_brings_its_movements_with_their_fee() -> None:
    _, taken, given_back = facts_from_event(shipped("charge.dispute.funds_reinstated"))
    assert type(taken) is type(given_back) is BalanceTransactionFacts
    assert (taken.amount_cents, taken.fee_cents, taken.net_cents) == (-1999, 1500, -3499)
    assert (given_back.amount_cents, given_back.fee_cents, given_back.net_cents) == (1999, 0, 1999)
    assert [(part.kind, part.amount_cents) for part in taken.fee_details] == [("stripe_fee", 1500)]
    assert [one.reporting_category for one in (taken, given_back)] == ["dispute", "dispute_reversal"]


def test_the_line_of_an_invoice_keeps_its_period_price_and_ties() -> None:
    (line,) = facts_from_event(shipped("invoice.paid"))[0].lines
    assert said(line, "amount_cents", "price_id", "product_id", "subscription_id", "subscription_item_id") == {
        "amount_cents": 2999,
        "price_id": "price_RegistryPro01",
        "product_id": "prod_Registry000001",
        "subscription_id": "sub_Meridian000001",
        "subscription_item_id": "si_Meridian000001",
    }
    assert str(line.unit_price) == "29.99"


def test_a_dinar_has_three_decimals_and_a_yen_none() -> None:
    (dinars,) = facts_from_event(shipped("invoice.voided"))[0].lines
    (yen,) = facts_from_event(shipped("invoice.payment_failed"))[0].lines
    assert (str(dinars.unit_price), str(dinars.quantity), dinars.amount_cents) == ("11.280", "4", 45120)
    assert (str(yen.unit_price), yen.amount_cents) == ("12000", 12000)


def test_states_order_the_events_of_one_second() -> None:
    types = ["invoice.created", "invoice.finalized", "invoice.paid"]
    keys = [facts_from_event({**shipped(event_type), "created": 1})[0].order for event_type in types]
    assert keys == sorted(set(keys))


def test_other_types_of_event_say_nothing() -> None:
    event = {**shipped("invoice.paid"), "type": "invoice.upcoming"}
    assert not handles("invoice.upcoming")
    assert facts_from_event(event) == ()
    assert facts_from_event({"type": "thin.event.without.anything"}) == ()
