"""The pages of usage: what came in, what contradicts it, side by side."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.urls import reverse

from partners.admin.usage_days import PARTNER
from partners.metering import CountsBatch, CountsReversal, NewUsage, RequestCount, Reversal
from partners.models import RequestBatch, UsageConflict, UsageEvent
from partners.services import kept_body, record_counts, record_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner, use
from tests.partners.pages import page_of, words_of

pytestmark = pytest.mark.django_db

DEED = NewUsage("k-1", "deed", dt.datetime(2026, 10, 15, 12, tzinfo=dt.UTC), Decimal(3), metadata={"case": "<7>"})
COUNTS = CountsBatch("b-1", (RequestCount(dt.date(2026, 10, 15), 75),))


def contradict(partner) -> list[UsageConflict]:
    other = DEED._replace(quantity=Decimal(4))
    record_usage(
        partner=partner, events=[DEED, Reversal("u-1", "k-1"), other, Reversal("u-1", "k-9")], now=AFTER_OCTOBER
    )
    more = CountsBatch("b-1", (*COUNTS.counts, RequestCount(dt.date(2026, 10, 16), 1)))
    batches = [COUNTS, CountsReversal("b-2", "b-1"), more, CountsReversal("b-2", "b-3")]
    for batch in batches:
        record_counts(partner=partner, batch=batch, now=AFTER_OCTOBER)
    return list(UsageConflict.objects.order_by("id"))


def test_what_is_kept_reads_like_what_was_sent():
    conflicts = contradict(a_partner())
    kept = {row.idempotency_key: kept_body(row) for row in conflicts}
    assert kept == {
        "k-1": DEED.body,
        "u-1": Reversal("u-1", "k-1").body,
        "b-1": COUNTS.body,
        "b-2": CountsReversal("b-2", "b-1").body,
    }


def test_a_conflict_shows_both_bodies_with_what_differs_marked(admin_client):
    contradict(a_partner())
    conflict = UsageConflict.objects.get(idempotency_key="k-1")
    said = words_of(admin_client.get(page_of(conflict)))
    assert "Sent, and refused quantity 3 4 Differs" in said
    assert "What is kept Event , taken back by u-1" in said
    assert "metadata · case <7> <7>" in said


def test_a_long_batch_in_conflict_shows_what_differs_and_says_what_it_hides(admin_client):
    counts = [RequestCount(dt.date(2026, 10, 1 + number % 28), 75, f"pk_{number:03}") for number in range(200)]
    partner = a_partner()
    for batch in (counts, [RequestCount(counts[0].day, 76, counts[0].api_key_prefix), *counts[1:]]):
        record_counts(partner=partner, batch=CountsBatch("b-1", tuple(batch)), now=AFTER_OCTOBER)
    said = words_of(admin_client.get(page_of(UsageConflict.objects.get())))
    assert re.search(r"Sent, and refused counts · \d+ · requests 75 76 Differs", said)
    assert "1 field of 801 differ; 701 are not shown." in said


def test_an_event_stands_on_the_day_its_partner_is_billed_for(admin_client):
    partner = a_partner(zone="Asia/Tokyo")
    use(partner, 3, at="2026-10-31T15:30:00+00:00")
    said = words_of(admin_client.get(reverse("admin:partners_usageevent_changelist"), {PARTNER: partner.pk}))
    assert "31 Oct 2026, 15:30 1 Nov 2026" in said
    assert "Partner's day 1 Nov 2026" in words_of(admin_client.get(page_of(UsageEvent.objects.get())))


def test_the_lists_of_conflicts_and_batches_can_be_read(admin_client):
    contradict(a_partner())
    for name in ("usageconflict", "requestbatch", "usageevent", "apiusage"):
        assert admin_client.get(reverse(f"admin:partners_{name}_changelist")).status_code == 200
    batch = RequestBatch.objects.order_by("idempotency_key")[0]
    assert "75" in admin_client.get(reverse("admin:partners_requestbatch_change", args=[batch.pk])).content.decode()
