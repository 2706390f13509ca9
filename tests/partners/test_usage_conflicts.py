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
