"""A billed month goes to a bucket over real HTTP and is read back as it was; where the bucket refuses, it stays."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
from collections import Counter
from decimal import Decimal

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from billing_site.kit.files import StoreFailed
from billing_site.kit.models import JobRun
from partners.metering import NewUsage
from partners.models import ApiUsage, UsageArchive, UsageEvent
from partners.services import record_usage
from partners.services.usage.archives import archive_usage
from partners.services.usage.proof import all_usage_differences
from partners.tasks import UsageNotArchived, archive_old_usage
from tests.back_office import signed_in, someone
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, a_contract, bill
from tests.s3_fixture import BUCKET

pytestmark = pytest.mark.django_db
LATER = dt.datetime(2028, 12, 15, tzinfo=dt.UTC)
DEEDS = 2_500
NOT_IMPORTED = "Nothing was imported: upload the file again in a moment."


@pytest.fixture
def partner():
    """One whose October was billed, a deed every quarter of an hour."""
    contract, start = a_contract(), dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    events = [
        NewUsage(f"d-{n}", "deed", start + dt.timedelta(minutes=15 * n), Decimal("1.5"), metadata={"n": n})
        for n in range(DEEDS)
    ]
    record_usage(partner=contract.partner, events=events, now=AFTER_OCTOBER)
    bill()
    return contract.partner


def held_in(s3, row: UsageArchive) -> bytes:
    """What the bucket holds, asked for past Django's storage."""
    content: bytes = s3.client.get_object(Bucket=BUCKET, Key=row.file_name)["Body"].read()
    return content


def test_a_month_is_read_back_from_the_bucket_as_it_was_billed(s3, partner, admin_client):
    kept = Counter(UsageEvent.objects.values_list("idempotency_key", "quantity"))
    days = list(ApiUsage.objects.order_by("pk").values())
    row = archive_usage(partner=partner, month=OCTOBER, now=LATER)
    content = held_in(s3, row)
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (row.sha256, row.size)
    told = list(csv.DictReader(gzip.decompress(content).decode().splitlines()))
    assert (len(told), row.events, UsageEvent.objects.count()) == (DEEDS, DEEDS, 0)
    assert Counter((one["idempotency_key"], Decimal(one["quantity"])) for one in told) == kept
    assert row.sums == {"deed": {"requests": DEEDS, "quantity": "3750"}}
    assert list(ApiUsage.objects.order_by("pk").values()) == days
    assert all_usage_differences() == []
    download = reverse("admin:partners_usagearchive_download", args=[row.pk])
    assert b"".join(admin_client.get(download).streaming_content) == content
    s3.client.delete_object(Bucket=BUCKET, Key=row.file_name)
    told = admin_client.get(download, follow=True).content.decode()
    assert f"{row.file_name} is not in the store; restore it from a backup." in told


def test_a_bucket_that_refuses_loses_nothing_and_is_told_in_words(s3, partner):
    s3.client.delete_bucket(Bucket=BUCKET)
    with pytest.raises(StoreFailed, match=r"NoSuchBucket.*\. Nothing was deleted; the next night tries again\."):
        archive_usage(partner=partner, month=OCTOBER, now=LATER)
    assert (UsageEvent.objects.count(), UsageArchive.objects.count()) == (DEEDS, 0)
    s3.client.create_bucket(Bucket=BUCKET)
    row = archive_usage(partner=partner, month=OCTOBER, now=LATER)
    assert (hashlib.sha256(held_in(s3, row)).hexdigest(), UsageEvent.objects.count()) == (row.sha256, 0)


def test_the_nightly_job_names_the_month_the_bucket_refused(s3, partner):
    s3.client.delete_bucket(Bucket=BUCKET)
    with time_machine.travel(LATER, tick=False), pytest.raises(UsageNotArchived):
        archive_old_usage()
    job = JobRun.objects.get()
    assert (job.state, job.outcome.startswith(f"{partner} 2026-10: The store of files failed: ")) == ("failed", True)
    assert UsageEvent.objects.count() == DEEDS


def test_an_upload_nobody_imported_is_forgotten_in_a_bucket_too(s3, partner):
    page, person = reverse("admin:partners_usageevent_import_usage"), someone("Partner manager")

    def look_at(key: str) -> set[str]:
        row = f"idempotency_key,event_type,occurred_at\n{key},deed,2026-10-15T12:00:00Z\n"
        upload = SimpleUploadedFile("may.csv", row.encode())
        assert signed_in(person).post(page, {"partner": partner.pk, "file": upload}).context["token"]
        return set(default_storage.listdir("usage/imports")[1])

    first = look_at("a")
    with time_machine.travel(timezone.now() + dt.timedelta(hours=13)):
        second = look_at("b")
    assert (len(first), len(second), first & second) == (1, 1, set())


def test_a_bucket_that_refuses_an_upload_is_told_on_the_page(s3, partner):
    page, manager = reverse("admin:partners_usageevent_import_usage"), signed_in(someone("Partner manager"))
    s3.client.delete_bucket(Bucket=BUCKET)
    row = b"idempotency_key,event_type,occurred_at\na,deed,2026-10-15T12:00:00Z\n"
    answer = manager.post(page, {"partner": partner.pk, "file": SimpleUploadedFile("may.csv", row)})
    (sentence,) = answer.context["form"].errors["file"]
    assert (sentence.startswith("The store of files failed: "), sentence.endswith(f". {NOT_IMPORTED}")) == (True, True)
    assert UsageEvent.objects.count() == DEEDS
