"""A billed month goes to a file when it is old: compared before anything is deleted, found again after a kill."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.urls import reverse

from billing_site.kit.models import JobRun
from billing_site.kit.periods import Period
from partners.metering import CountsBatch, NewUsage, RequestCount, Reversal
from partners.models import ApiUsage, UsageArchive, UsageConflict, UsageEvent
from partners.services import ArchivedMonth, kept_body, record_counts, record_usage
from partners.services.usage import archives
from partners.services.usage.archives import FileDiffers, NotYetBilled, TooYoung, archive_usage, months_to_archive
from partners.services.usage.proof import all_usage_differences
from partners.tasks import archive_old_usage
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, UTC, a_contract, bill

pytestmark = pytest.mark.django_db
LATER = dt.datetime(2028, 12, 15, tzinfo=dt.UTC)
BORDER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def hour(n: int) -> NewUsage:
    return NewUsage(
        f"h{n}", "deed", BORDER + dt.timedelta(hours=n), Decimal("1.5"), resource_id='a,"b"', metadata={"n": n}
    )


@pytest.fixture
def partner():
    """One whose October was billed: 20 deeds, one of them taken back, and counts by day; one deed of November."""
    contract = a_contract()
    events = [*(hour(-n) for n in range(1, 21)), hour(0), Reversal("undo", "h-3")]
    record_usage(partner=contract.partner, events=events, now=AFTER_OCTOBER)
    counts = CountsBatch("b", (RequestCount(dt.date(2026, 10, 31), 7),))
    record_counts(partner=contract.partner, batch=counts, now=AFTER_OCTOBER)
    bill()
    return contract.partner


def archive(partner, now: dt.datetime = LATER) -> UsageArchive:
    return archive_usage(partner=partner, month=OCTOBER, now=now)


def rows_of(row: UsageArchive) -> list[dict[str, str]]:
    with default_storage.open(row.file_name) as file, gzip.open(file, "rt", newline="") as text:
        return list(csv.DictReader(text))


def test_the_events_go_to_a_file_and_the_sums_stay(partner):
    before = list(ApiUsage.objects.order_by("pk").values())
    row = archive(partner)
    assert (row.events, row.sums) == (21, {"deed": {"requests": 19, "quantity": "28.5"}})
    with default_storage.open(row.file_name) as file:
        held = file.read()
    assert (len(held), hashlib.sha256(held).hexdigest()) == (row.size, row.sha256)
    told = rows_of(row)
    assert sum(Decimal(one["quantity"]) for one in told) == Decimal("28.5")
    assert {one["idempotency_key"] for one in told} == {*(f"h-{n}" for n in range(1, 21)), "undo"}
    assert told[0]["resource_id"] == 'a,"b"'
    assert [event.idempotency_key for event in UsageEvent.objects.all()] == ["h0"]
    assert list(ApiUsage.objects.order_by("pk").values()) == before
    assert all_usage_differences() == []


def test_a_second_call_finds_the_archive(partner):
    assert archive(partner) == archive(partner)
    assert UsageArchive.objects.count() == 1


def test_an_archived_month_takes_nothing_any_more(partner):
    archive(partner)
    event, undo = hour(-1)._replace(idempotency_key="new"), Reversal("late-undo", "h-5")
    told = record_usage(partner=partner, events=[event, hour(-1), undo], now=AFTER_OCTOBER).items
    closed = "2026-10 is archived: nothing can be added to it any more."
    unknown = "No event of yours has this key, or it is archived; nothing was taken back."
    assert [(item.fate, item.sentence) for item in told] == [
        ("refused", closed),
        ("refused", closed),
        ("refused", unknown),
    ]
    batch = CountsBatch("b-2", (RequestCount(dt.date(2026, 10, 5), 1),))
    with pytest.raises(ArchivedMonth, match="2026-10 is archived"):
        record_counts(partner=partner, batch=batch, now=AFTER_OCTOBER)
    assert all_usage_differences() == []


def test_only_what_is_archived_may_be_deleted(partner):
    with pytest.raises(IntegrityError, match="only what is archived may be deleted"), transaction.atomic():
        UsageEvent.objects.all().delete()


def test_a_month_stays_while_the_api_may_add_to_it_or_somebody_must_bill_it(partner):
    with pytest.raises(TooYoung, match="less than 400 days ago"):
        archive(partner, dt.datetime(2027, 12, 1, tzinfo=dt.UTC))
    november = OCTOBER.next_month()
    with pytest.raises(NotYetBilled, match=r"2026-11 of contract .* is not billed"):
        archive_usage(partner=partner, month=november, now=LATER)
    record_usage(partner=partner, events=[hour(-1)._replace(idempotency_key="late")], now=AFTER_OCTOBER)
    with pytest.raises(NotYetBilled, match="late usage"):
        archive(partner)
    september = hour(-24 * 40)
    record_usage(partner=partner, events=[september], now=AFTER_OCTOBER)
    with pytest.raises(NotYetBilled, match="usage without a contract"):
        archive_usage(partner=partner, month=Period.month(2026, 9, UTC), now=LATER)


def test_a_kill_before_the_rows_are_replaced_leaves_a_file_that_is_used_again(partner, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archives, "_replaced", killed)
        with pytest.raises(KeyboardInterrupt):
            archive(partner)
    assert (UsageEvent.objects.count(), UsageArchive.objects.count()) == (22, 0)
    left = default_storage.listdir(f"usage/{partner.pk}")[1]
    assert archive(partner).file_name == f"usage/{partner.pk}/{left[0]}"
    assert default_storage.listdir(f"usage/{partner.pk}")[1] == left


def test_a_file_that_a_kill_cut_short_is_not_believed(partner):
    with transaction.atomic():
        name = archive(partner).file_name
        transaction.set_rollback(True)
    with default_storage.open(name) as file:
        half = file.read()[:-20]
    default_storage.delete(name)
    default_storage.save(name, ContentFile(half))
    row = archive(partner)
    assert (row.file_name != name, len(rows_of(row))) == (True, 21)


def test_an_event_that_came_while_the_file_was_written_keeps_everything_where_it_is(partner, monkeypatch):
    read_back = archives.read_back

    def meanwhile(file: object) -> object:
        record_usage(partner=partner, events=[hour(-1)._replace(idempotency_key="x")], now=AFTER_OCTOBER)
        return read_back(file)

    monkeypatch.setattr(archives, "read_back", meanwhile)
    with pytest.raises(FileDiffers, match="holds 21 events, the database 22: nothing was deleted"):
        archive(partner)
    assert (UsageEvent.objects.count(), UsageArchive.objects.count()) == (23, 0)


def test_the_job_archives_what_is_old_enough(partner):
    assert list(months_to_archive(now=dt.datetime(2028, 10, 15, tzinfo=dt.UTC), kept_months=24)) == []
    due = list(months_to_archive(now=dt.datetime(2028, 11, 15, tzinfo=dt.UTC), kept_months=24))
    assert due == [(partner, OCTOBER)]
    assert archive_old_usage() == "no month is old enough"
    assert JobRun.objects.get().state == "nothing_to_do"


def test_a_conflict_whose_event_is_archived_says_so(partner, admin_client):
    record_usage(partner=partner, events=[hour(-1)._replace(quantity=Decimal(9))], now=AFTER_OCTOBER)
    archive(partner)
    conflict = UsageConflict.objects.get()
    assert kept_body(conflict) is None
    page = admin_client.get(reverse("admin:partners_usageconflict_change", args=[conflict.pk]))
    assert "The event is archived" in page.content.decode()


def test_the_file_is_downloaded_from_its_page(partner, admin_client):
    row = archive(partner)
    assert admin_client.get(reverse("admin:partners_usagearchive_changelist")).status_code == 200
    assert row.sha256 in admin_client.get(reverse("admin:partners_usagearchive_change", args=[row.pk])).content.decode()
    answer = admin_client.get(reverse("admin:partners_usagearchive_download", args=[row.pk]))
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == row.sha256
    assert answer["Content-Disposition"].startswith("attachment")
