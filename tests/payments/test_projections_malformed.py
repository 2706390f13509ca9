"""Broken objects are refused by the path that is wrong, and nothing crashes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from payments.stripe.projections import MalformedStripeObject, facts_from_event
from tests.payments.stripe_payloads import (
    CHARGE,
    LEDGER,
    only,
    shipped,
)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": None}, "event.data.object.id"),
        ({"amount": "5000"}, "event.data.object.amount"),
        ({"amount": 50.0}, "event.data.object.amount"),
        ({"amount": True}, "event.data.object.amount"),
        ({"amount": 2**63}, "event.data.object.amount"),
        ({"currency": "xyz"}, "event.data.object.currency"),
        ({"currency": "ugx", "amount": 5050}, "event.data.object.amount"),
        ({"created": "yesterday"}, "event.data.object.created"),
        ({"status": "levitating"}, "event.data.object.status"),
        ({"description": "a\x00b"}, "event.data.object.description"),
        ({"refunds": {"data": [{"id": "re_1"}]}}, "event.data.object.refunds.data[0].created"),
        ({"balance_transaction": {**LEDGER, "fee": None}}, "event.data.object.balance_transaction.fee"),
        ({"metadata": {"user_id": 7}}, "event.data.object.metadata.user_id"),
    ],
)
def test_a_broken_object_is_refused_by_the_path_that_is_wrong(change: dict[str, Any], path: str) -> None:
    with pytest.raises(MalformedStripeObject) as refused:
        only("charge.succeeded", CHARGE, **change)
    assert refused.value.path == path
    assert str(refused.value).startswith(f"Stripe's {path} ")


@pytest.mark.parametrize("broken", [None, 5, "text", [], {}, {"type": 3}, {"type": "charge.succeeded"}])
def test_what_is_no_event_is_refused(broken: Any) -> None:
    with pytest.raises(MalformedStripeObject, match="Stripe's event"):
        facts_from_event(broken)


JUNK: list[Any] = [None, "", "x", 0, -1, 2**70, 1.5, float("nan"), True, [], {}, [3], {"data": 3}, "\x00", "\ud800"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    branches = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in branches:
        yield (*path, key)
        yield from places(below, (*path, key))


def with_junk(payload: dict[str, Any], path: tuple[Any, ...], junk: Any) -> dict[str, Any]:
    changed = copy.deepcopy(payload)
    parent: Any = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = junk
    return changed


@pytest.mark.parametrize(
    "event_type",
    [
        "charge.dispute.funds_withdrawn",
        "charge.refunded",
        "checkout.session.completed",
        "credit_note.created",
        "customer.subscription.updated",
        "customer.updated",
        "invoice.paid",
        "invoice_payment.paid",
        "payment_intent.payment_failed",
        "payout.failed",
        "refund.failed",
    ],
)
def test_junk_anywhere_is_read_or_refused_and_never_crashes(event_type: str) -> None:
    payload = shipped(event_type)
    for path in places(payload):
        for junk in JUNK:
            try:
                facts_from_event(with_junk(payload, path, junk))
            except MalformedStripeObject as refused:
                assert refused.path.startswith("event")  # noqa: PT017
