"""The pages of usage: what came in, what contradicts it, side by side."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from partners.metering import CountsBatch, CountsReversal, NewUsage, RequestCount, Reversal
from partners.models import RequestBatch, UsageConflict
from partners.services import kept_body, record_counts, record_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner

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
    page = admin_client.get(reverse("admin:partners_usageconflict_change", args=[conflict.pk])).content.decode()
    assert "<mark>  &quot;quantity&quot;: &quot;3&quot;,</mark>" in page
    assert "<mark>  &quot;quantity&quot;: &quot;4&quot;,</mark>" in page
    assert "&lt;7&gt;" in page


def test_the_lists_of_conflicts_and_batches_can_be_read(admin_client):
    contradict(a_partner())
    for name in ("usageconflict", "requestbatch", "usageevent", "apiusage"):
        assert admin_client.get(reverse(f"admin:partners_{name}_changelist")).status_code == 200
    batch = RequestBatch.objects.order_by("idempotency_key")[0]
    assert "75" in admin_client.get(reverse("admin:partners_requestbatch_change", args=[batch.pk])).content.decode()
