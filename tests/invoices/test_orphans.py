"""Files that no row names: found a day after a kill, removed when asked for, and never another's."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from invoices import documents
from invoices.documents import keep_document, open_document
from invoices.models import Document
from invoices.orphans import RemovalAtWork, orphans, remove_orphans
from tests.books import an_invoice
from tests.payments.storm import alone

pytestmark = pytest.mark.django_db
TOMORROW = dt.timedelta(days=1, minutes=1)


@pytest.fixture(params=["disk", "s3"])
def store(request, settings, tmp_path):
    """The same on disk and in a bucket."""
    if request.param == "s3":
        return request.getfixturevalue("s3")
    disk = {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": disk}
    return tmp_path


def killed_before_its_row(monkeypatch) -> str:
    """Keep the document of an invoice, die on the way, and have another worker keep it; name the file left."""
    invoice = an_invoice("100.00")
    with monkeypatch.context() as patched:
        patched.setattr(documents, "_write_row", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            keep_document(paper=invoice)
    left = f"invoices/{invoice.issue_date:%Y/%m}/{invoice.seller_id}-{invoice.invoice_number}.pdf"
    assert keep_document(paper=invoice).file_name != left
    return left


def test_what_a_kill_left_is_an_orphan_a_day_later(store, monkeypatch):
    left, now = killed_before_its_row(monkeypatch), timezone.now()
    assert (orphans(now=now), orphans(now=now + TOMORROW)) == ([], [left])


def test_only_orphans_of_papers_are_removed(store, monkeypatch):
    left, upload = killed_before_its_row(monkeypatch), default_storage.save("usage/imports/a.csv", ContentFile(b"a"))
    assert remove_orphans(now=timezone.now() + TOMORROW) == [left]
    assert (default_storage.exists(left), default_storage.exists(upload)) == (False, True)
    assert open_document(Document.objects.get()).startswith(b"%PDF-")
    assert remove_orphans(now=timezone.now() + TOMORROW) == []


@pytest.mark.django_db(transaction=True)
def test_orphans_are_removed_by_one_at_a_time():
    remove = partial(remove_orphans, now=timezone.now())
    with ThreadPoolExecutor(1) as other, transaction.atomic():
        assert remove() == []
        with pytest.raises(RemovalAtWork, match="Somebody else removes orphans at this moment"):
            other.submit(alone, remove).result()
    assert remove() == []


def test_the_store_of_another_database_is_left_alone(store, monkeypatch, capsys):
    for name in ("invoices/2026/11/1-A.pdf", "credit_notes/2026/11/1-B.pdf"):
        default_storage.save(name, ContentFile(b"%PDF-"))
    keep_document(paper=an_invoice("100.00"))
    monkeypatch.setattr("invoices.orphans.MAY_STILL_BE_NAMED", -TOMORROW)
    with pytest.raises(CommandError, match="Rows name 1 files and 2 are orphans: this looks like the store of an"):
        call_command("list_orphans", "--remove")
    assert default_storage.exists("invoices/2026/11/1-A.pdf")


def test_the_command_says_what_it_did_also_when_that_was_nothing(store, monkeypatch, capsys):
    call_command("list_orphans")
    assert capsys.readouterr().out == "Every file older than a day is named by a row: nothing to remove.\n"
    left = killed_before_its_row(monkeypatch)
    monkeypatch.setattr("invoices.orphans.MAY_STILL_BE_NAMED", -TOMORROW)
    call_command("list_orphans")
    told = f"{left}\n1 file that no row names"
    assert capsys.readouterr().out == f"{told}. Nothing was changed: --remove removes them.\n"
    call_command("list_orphans", "--remove")
    assert (capsys.readouterr().out, default_storage.exists(left)) == (f"{told}: removed.\n", False)


def test_a_store_that_fails_is_told_in_words(s3):
    s3.client.delete_bucket(Bucket="papers")
    with pytest.raises(CommandError, match=r"The store of files failed: .*NoSuchBucket.* No file .* was touched"):
        call_command("list_orphans")
