"""What was counted by mistake is taken back whole, once, and the day's sums go down with it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from partners.metering import InvalidUsage, NewUsage, Reversal, read_event
from partners.models import ApiUsage, UsageConflict, UsageEvent
from partners.services import record_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 10, 15, 12, tzinfo=dt.UTC)
DEED = NewUsage("k-1", "deed", NOON, Decimal(3), "usr_1", "pk_1", "/v2/deeds", "deed_7", {"case": 7})
UNDO = Reversal("undo-1", "k-1")


def told(partner, *events):
    return [
        (item.fate, item.sentence) for item in record_usage(partner=partner, events=events, now=AFTER_OCTOBER).items
    ]


def fates(partner, *events):
    return [fate for fate, _ in told(partner, *events)]


def counted(partner):
    rows = ApiUsage.objects.filter(partner=partner).order_by("day", "event_type", "endpoint")
    return [(f"{row.day:%m-%d}", row.event_type, row.requests, row.quantity) for row in rows]


def test_a_reversal_copies_its_event_and_counts_the_other_way():
    partner = a_partner()
    fates(partner, DEED)
    assert fates(partner, UNDO) == ["recorded"]
    event, undo = UsageEvent.objects.order_by("-quantity")
    copied = ("event_type", "occurred_at", "endpoint", "api_key_prefix", "resource_id", "user_id")
    assert [getattr(undo, name) for name in copied] == [getattr(event, name) for name in copied]
    assert (undo.quantity, undo.reverses) == (-3, event.pk)
    assert counted(partner) == [("10-15", "deed", 0, 0)]


def test_requests_are_taken_back_by_number():
    partner = a_partner()
    calls = [DEED._replace(idempotency_key=key, event_type="request", quantity=Decimal(25)) for key in "ab"]
    fates(partner, *calls, Reversal("undo", "a"))
    assert counted(partner) == [("10-15", "request", 25, 25)]


def test_an_event_and_its_reversal_may_come_in_one_call_in_any_order():
    partner = a_partner()
    assert fates(partner, UNDO, DEED) == ["recorded", "recorded"]
    assert counted(partner) == [("10-15", "deed", 0, 0)]


def test_a_reversal_sent_again_takes_nothing_twice():
    partner = a_partner()
    fates(partner, DEED, DEED._replace(idempotency_key="k-2"), UNDO)
    assert fates(partner, UNDO, UNDO) == ["repeated", "repeated"]
    assert fates(partner, DEED) == ["repeated"]
    assert counted(partner) == [("10-15", "deed", 1, 3)]


def test_an_event_is_taken_back_once_whatever_the_key():
    partner = a_partner()
    fates(partner, DEED)
    assert told(partner, UNDO, Reversal("undo-2", "k-1")) == [
        ("recorded", ""),
        ("refused", "This event was taken back already, by the key undo-1."),
    ]
    assert fates(partner, Reversal("undo-3", "k-1")) == ["refused"]


def test_what_is_not_there_cannot_be_taken_back():
    ours, theirs = a_partner(), a_partner()
    fates(theirs, DEED)
    unknown = ("refused", "No event of yours has this key, or it is archived; nothing was taken back.")
    assert told(ours, UNDO) == [unknown]
    fates(ours, DEED, UNDO)
    of_a_reversal = "This key is a reversal itself; send the event again under a new key instead."
    assert told(ours, Reversal("redo", "undo-1")) == [("refused", of_a_reversal)]


def test_a_refused_reversal_may_be_sent_again_when_its_event_has_come():
    partner = a_partner()
    assert fates(partner, UNDO) == ["refused"]
    fates(partner, DEED)
    assert fates(partner, UNDO) == ["recorded"]


def test_a_key_is_either_an_event_or_a_reversal():
    partner = a_partner()
    fates(partner, DEED, DEED._replace(idempotency_key="k-2"), UNDO)
    assert fates(partner, Reversal("k-2", "k-1"), DEED._replace(idempotency_key="undo-1")) == ["conflict", "conflict"]
    assert UsageConflict.objects.count() == 2
    assert counted(partner) == [("10-15", "deed", 1, 3)]


def test_the_same_reversal_key_for_another_event_is_a_conflict():
    partner = a_partner()
    fates(partner, DEED, DEED._replace(idempotency_key="k-2"), UNDO)
    assert fates(partner, UNDO._replace(reverses="k-2")) == ["conflict"]


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"idempotency_key": "u", "reverses": "k", "quantity": 1}, {"quantity"}),
        ({"idempotency_key": "u", "reverses": ""}, {"reverses"}),
        ({"idempotency_key": "u", "reverses": None}, {"reverses"}),
        ({"reverses": "k"}, {"idempotency_key"}),
        ({"idempotency_key": "k", "reverses": "k"}, {"idempotency_key"}),
    ],
)
def test_a_reversal_names_two_keys_and_nothing_else(sent, wrong):
    with pytest.raises(InvalidUsage) as refusal:
        read_event(sent, now=AFTER_OCTOBER)
    assert refusal.value.errors.keys() == wrong
