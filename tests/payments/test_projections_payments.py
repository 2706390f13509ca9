"""Money moved tells the same facts in old and new shapes, and in currencies without two decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from payments.stripe.facts import BalanceTransactionFacts, DisputeFacts, PaymentFacts, RefundFacts
from payments.stripe.projections import facts_from_event
from tests.payments.stripe_payloads import (
    CHARGE,
    LEDGER,
    at,
    event,
    fetched,
    only,
    said,
)


def test_an_old_charge_names_its_invoice_and_nests_its_refunds() -> None:
    refunds = {
        "data": [
            {"id": "re_2", "object": "refund", "amount": 500, "created": 1_600_000_900, "reason": "duplicate"},
            {"id": "re_1", "object": "refund", "amount": 1500, "created": 1_600_000_500, "status": "succeeded"},
        ]
    }
    payment, second, first = facts_from_event(
        event("charge.refunded", {**CHARGE, "amount_refunded": 2000, "refunds": refunds})
    )
    assert type(payment) is PaymentFacts
    assert type(second) is RefundFacts
    assert said(
        payment, "stripe_id", "invoice_id", "status", "refund_amount_cents", "refunded_at", "refund_reason"
    ) == {
        "stripe_id": "pi_1",
        "invoice_id": "in_1",
        "status": "partially_refunded",
        "refund_amount_cents": 2000,
        "refunded_at": at("2020-09-13T12:41:40"),
        "refund_reason": "duplicate",
    }
    assert [(one.stripe_id, one.charge_id, one.payment_intent_id, one.currency) for one in (second, first)] == [
        ("re_2", "ch_1", "pi_1", "USD"),
        ("re_1", "ch_1", "pi_1", "USD"),
    ]


def test_a_charge_without_intent_is_its_own_payment() -> None:
    assert only("charge.succeeded", CHARGE, payment_intent=None).stripe_id == "ch_1"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "succeeded"),
        ({"amount_refunded": 1}, "partially_refunded"),
        ({"amount_refunded": 5000, "refunded": True}, "refunded"),
        ({"captured": False}, "pending"),
        ({"captured": False, "amount_refunded": 5000, "refunded": True}, "canceled"),
        ({"amount_captured": 3000, "amount_refunded": 2000}, "succeeded"),
        ({"amount_captured": 3000, "amount_refunded": 2500}, "partially_refunded"),
        ({"amount_captured": 3000, "amount_refunded": 5000}, "refunded"),
        ({"status": "pending"}, "pending"),
        ({"status": "failed", "captured": False}, "failed"),
        ({"status": None, "paid": True}, "succeeded"),
    ],
)
def test_the_state_of_a_charge(changes: dict[str, Any], status: str) -> None:
    assert only("charge.updated", CHARGE, **changes).status == status


@pytest.mark.parametrize(
    ("event_type", "told", "error", "status"),
    [
        ("payment_intent.succeeded", "succeeded", None, "succeeded"),
        ("payment_intent.canceled", "canceled", {"code": "card_declined"}, "canceled"),
        ("payment_intent.payment_failed", "requires_payment_method", {"code": "card_declined"}, "failed"),
        ("payment_intent.payment_failed", "requires_source", None, "failed"),
        ("", "requires_payment_method", {"code": "card_declined"}, "failed"),
        ("", "requires_payment_method", None, "pending"),
        ("", "requires_action", None, "pending"),
        ("", "requires_capture", None, "pending"),
        ("", "processing", {"code": "card_declined"}, "pending"),
    ],
)
def test_the_state_of_an_intent(event_type: str, told: str, error: dict | None, status: str) -> None:
    intent = {"id": "pi_1", "object": "payment_intent", "amount": 500, "currency": "jpy", "status": told}
    intent["last_payment_error"] = error
    payment = only(event_type, intent) if event_type else fetched(intent)[0]
    assert (payment.status, payment.amount_cents, payment.currency) == (status, 500, "JPY")


def test_an_intent_tells_fee_and_net_when_its_charge_came_along() -> None:
    charge = {**CHARGE, "amount": 10000, "currency": "eur", "balance_transaction": LEDGER}
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 10000,
        "amount_received": 10000,
        "currency": "eur",
        "latest_charge": charge,
        "status": "succeeded",
    }
    payment, movement = fetched(intent)
    expected = {
        "currency": "EUR",
        "amount_cents": 10000,
        "charge_id": "ch_1",
        "stripe_fee_cents": 617,
        "net_amount_cents": 10233,
        "settlement_currency": "USD",
        "settlement_amount_cents": 10850,
        "exchange_rate": Decimal("1.085"),
    }
    assert said(payment, *expected) == expected
    assert type(movement) is BalanceTransactionFacts
    assert (movement.reporting_category, movement.livemode) == ("charge", None)


def test_an_old_intent_lists_its_charges() -> None:
    charges = {"data": [{**CHARGE, "failure_code": "card_declined", "status": "failed", "captured": False}]}
    payment = only(
        "payment_intent.payment_failed",
        {
            "id": "pi_1",
            "object": "payment_intent",
            "amount": 5000,
            "currency": "usd",
            "status": "requires_payment_method",
            "charges": charges,
        },
    )
    assert (payment.charge_id, payment.failure_code) == ("ch_1", "card_declined")


def test_an_old_card_is_a_source() -> None:
    source = {"object": "card", "brand": "Visa", "last4": "4242"}
    payment = only("charge.succeeded", CHARGE, source=source)
    assert (payment.payment_method, payment.card_brand, payment.card_last4) == ("card", "visa", "4242")


def test_the_oldest_disputes_have_no_id_but_their_charge() -> None:
    dispute = {"object": "dispute", "charge": "ch_1", "amount": 100, "currency": "usd", "status": "won"}
    facts = only("charge.dispute.funds_reinstated", dispute)
    assert type(facts) is DisputeFacts
    assert (facts.stripe_id, facts.funds_reinstated_at) == ("ch_1", at("2020-09-13T12:26:40"))


@pytest.mark.parametrize(
    ("amount", "currency", "cents"),
    [
        (500, "jpy", 500),
        (1230, "kwd", 1230),
        (12345, "usd", 12345),
        (50000, "ugx", 500),  # Stripe counts two digits that are always zero
        (50000, "isk", 500),
        (500, "krw", 500),
    ],
)
def test_amounts_are_in_our_minor_units(amount: int, currency: str, cents: int) -> None:
    payment = only("charge.succeeded", CHARGE, amount=amount, currency=currency)
    assert (payment.amount_cents, payment.currency) == (cents, currency.upper())


def test_a_refund_of_300_yen_of_500_leaves_200() -> None:
    payment = only("charge.refunded", CHARGE, amount=500, currency="jpy", amount_refunded=300)
    assert (payment.status, payment.received_cents - payment.refund_amount_cents) == ("partially_refunded", 200)
