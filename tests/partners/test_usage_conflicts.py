"""A key that comes with another body is on record: once for each body, counted up, and nothing of it is billed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from partners.metering import CountsBatch, NewUsage, RequestCount
from partners.models import UsageConflict
from partners.services import record_counts, record_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db

DEED = NewUsage("k-1", "deed", dt.datetime(2026, 10, 15, 12, tzinfo=dt.UTC), Decimal(3))
FOUR, FIVE = DEED._replace(quantity=Decimal(4)), DEED._replace(quantity=Decimal("5.50"))
LATER = AFTER_OCTOBER + dt.timedelta(hours=1)


def on_record():
    rows = UsageConflict.objects.order_by("id")
    return [(row.idempotency_key, row.sent["quantity"], row.times, row.first_at, row.last_at) for row in rows]


def test_each_other_body_is_kept_once_and_counted_up():
    partner = a_partner()
    record_usage(partner=partner, events=[DEED, FOUR, FOUR], now=AFTER_OCTOBER)
    record_usage(partner=partner, events=[FIVE, FOUR, DEED], now=LATER)
    assert on_record() == [
        ("k-1", "4", 3, AFTER_OCTOBER, LATER),
        ("k-1", "5.5", 1, LATER, LATER),
    ]
    assert {str(row.kept_id) for row in UsageConflict.objects.all()} == {
        item.id for item in record_usage(partner=partner, events=[DEED], now=LATER).items
    }


def test_a_batch_of_counts_with_another_body_is_on_record_too():
    partner, day = a_partner(), dt.date(2026, 10, 15)
    batch = CountsBatch("b-1", (RequestCount(day, 75, "pk_1", "/a"),))
    other = CountsBatch("b-1", (RequestCount(day, 76, "pk_1", "/a"),))
    told = [record_counts(partner=partner, batch=sent, now=AFTER_OCTOBER).fate for sent in (batch, other, batch, other)]
    assert told == ["recorded", "conflict", "repeated", "conflict"]
    row = UsageConflict.objects.get()
    assert (row.idempotency_key, row.times, row.sent["counts"][0]["requests"]) == ("b-1", 2, 76)


AT = dt.datetime(2026, 10, 15, 12, tzinfo=dt.UTC)


def met(partner, event: NewUsage, reported_by: str | None = None) -> str:
    return record_usage(partner=partner, events=[event], now=AFTER_OCTOBER, reported_by=reported_by).items[0].fate


def test_an_event_sent_again_with_the_next_key_is_a_repeat_and_with_another_prefix_written_a_conflict():
    partner = a_partner()
    event = NewUsage("k", "deed", AT, api_key_prefix="old")
    assert met(partner, event, "old") == "recorded"
    assert met(partner, event._replace(api_key_prefix="new"), "new") == "repeated"
    assert met(partner, event._replace(api_key_prefix="other"), "new") == "conflict"
    assert met(partner, event._replace(api_key_prefix="new", quantity=Decimal(2)), "new") == "conflict"


def test_a_batch_sent_again_with_the_next_key_is_a_repeat_and_with_another_prefix_written_a_conflict():
    partner = a_partner()

    def sent(prefix: str, reported_by: str, requests: int = 5) -> tuple[str, int]:
        counts = (RequestCount(AT.date(), requests, prefix, "/deeds"), RequestCount(AT.date(), 7, "app", "/deeds"))
        batch = CountsBatch("b", counts)
        outcome = record_counts(partner=partner, batch=batch, now=AFTER_OCTOBER, reported_by=reported_by)
        return outcome.fate, outcome.requests

    assert sent("old", "old") == ("recorded", 12)
    assert sent("new", "new") == ("repeated", 12)
    assert sent("other", "new") == ("conflict", 0)
    assert sent("new", "new", requests=6) == ("conflict", 0)


@pytest.mark.parametrize("number", [1e23, 12345678901234567890.5, 1e16, 1e300, 5e-324, 0.1, -1e23, 2.5e22])
def test_a_number_in_metadata_counts_by_its_value_however_it_is_written(number):
    partner = a_partner()
    event = NewUsage("k", "deed", AT, metadata={"n": number, "of": [{"n": number}]})
    assert [met(partner, event), met(partner, event)] == ["recorded", "repeated"]
    assert met(partner, event._replace(metadata={"n": number * 3, "of": [{"n": number}]})) == "conflict"
