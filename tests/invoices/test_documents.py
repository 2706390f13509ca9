"""Documents: kept once, on disk and on S3, with the sha256 of what was written."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from time import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from billing_site.kit.models import JobRun
from invoices import tasks
from invoices.composing import NotPaid, canonical_of
from invoices.documents import (
    DocumentDamaged,
    DocumentLost,
    NoDocument,
    keep_document,
    open_document,
    paid_copy,
    preview_document,
)
from invoices.models import CreditNote, Document, Invoice
from invoices.services import CreditLine, issue_credit_note
from invoices.tasks import render_documents
from tests import ground
from tests.back_office import a_paid_invoice, signed_in, someone
from tests.books import NOW, TODAY, a_draft, an_invoice
from tests.stores import GivesNothing, stores_of

pytestmark = pytest.mark.django_db


def words_of(content: bytes) -> str:
    """What a reader sees, line by line, separated by single spaces."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    text = subprocess.run([tool, "-layout", "-", "-"], input=content, capture_output=True, check=True).stdout.decode()
    return " ".join(text.split())


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path) -> None:
    disk = {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": disk}


def test_a_document_is_kept_once_with_its_sha256():
    invoice = an_invoice("100.00")
    first, again = keep_document(paper=invoice), keep_document(paper=invoice)
    content = open_document(first)
    assert (first, content[:5]) == (again, b"%PDF-")
    assert (first.sha256, first.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))


def test_the_invoice_names_its_document():
    invoice = an_invoice("100.00")
    document = keep_document(paper=invoice)
    invoice.refresh_from_db()
    assert invoice.invoice_pdf_url == f"/admin/documents/{document.pk}/"


def test_a_draft_has_no_document():
    with pytest.raises(NoDocument):
        keep_document(paper=a_draft("100.00"))


def test_a_document_cannot_be_exchanged():
    document = keep_document(paper=an_invoice("100.00"))
    with pytest.raises(IntegrityError, match="added, never changed"), transaction.atomic():
        Document.objects.filter(pk=document.pk).update(sha256="0" * 64)


def test_a_damaged_file_is_not_handed_out():
    document = keep_document(paper=an_invoice("100.00"))
    with default_storage.open(document.file_name, "wb") as file:
        file.write(b"%PDF-1.7 another amount")
    with pytest.raises(DocumentDamaged, match="sha256"):
        open_document(document)


def test_a_lost_file_is_said_to_be_lost_and_not_drawn_again():
    invoice = an_invoice("100.00")
    document = keep_document(paper=invoice)
    default_storage.delete(document.file_name)
    with pytest.raises(DocumentLost, match="restore it from a backup"):
        open_document(document)
    render_documents()
    assert keep_document(paper=invoice) == document
    assert not default_storage.exists(document.file_name)


def test_the_sweep_renders_what_is_missing_and_says_when_nothing_is():
    an_invoice("100.00")
    a_draft("1.00")
    render_documents()
    render_documents()
    said = JobRun.objects.order_by("pk").values_list("state", "outcome")
    assert list(said) == [("done", "1 document kept, 0 failed."), ("nothing_to_do", "Nothing to do.")]
    assert not Invoice.objects.awaiting_document().exists()


def test_a_sweep_that_has_drawn_its_share_asks_for_the_next_and_lets_others_have_their_turn(monkeypatch):
    for price in ("100.00", "200.00", "300.00"):
        an_invoice(price)
    asked = []
    monkeypatch.setattr(tasks, "nudge", asked.append)
    render_documents(limit=2)
    assert (Document.objects.count(), asked) == (2, [render_documents])
    render_documents(limit=2)
    assert (Document.objects.count(), asked) == (3, [render_documents])


def test_an_invoice_that_another_worker_draws_is_left_to_it(settings):
    theirs, ours = an_invoice("100.00"), an_invoice("200.00")
    with ground.administrator(name=settings.TEST_DATABASE) as other_worker:
        other_worker.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"draw:Invoice:{theirs.pk}"])
        render_documents()
        assert list(Document.objects.values_list("invoice", flat=True)) == [ours.pk]
    render_documents()
    assert Document.objects.count() == 2


def test_documents_live_on_s3_by_one_setting(s3):
    document = keep_document(paper=an_invoice("100.00"))
    assert open_document(document).startswith(b"%PDF-")
    address = default_storage.url(document.file_name)
    assert address.startswith(s3.url)
    assert "X-Amz-Expires=300" in address or "Expires=" in address


def test_s3_keeps_the_first_of_two_files_of_one_name(s3):
    document = keep_document(paper=an_invoice("100.00"))
    again = default_storage.save(document.file_name, ContentFile(b"another"))
    assert again != document.file_name
    assert open_document(document).startswith(b"%PDF-")


def test_a_file_lost_or_changed_on_s3_is_said_to_be_so(s3):
    document = keep_document(paper=an_invoice("100.00"))
    s3.client.put_object(Bucket="papers", Key=document.file_name, Body=b"%PDF-1.7 another amount")
    auditor, address = signed_in(someone("Auditor")), reverse("document-file", args=[document.pk])
    assert (auditor.get(address).status_code, b"sha256" in auditor.get(address).content) == (500, True)
    s3.client.delete_object(Bucket="papers", Key=document.file_name)
    assert (auditor.get(address).status_code, b"backup" in auditor.get(address).content) == (404, True)


def test_a_store_that_gives_no_file_is_told_in_words_and_may_be_asked_again(settings):
    document = keep_document(paper=an_invoice("100.00"))
    settings.STORAGES = stores_of(GivesNothing, kept=settings.STORAGES)
    answer = signed_in(someone("Auditor")).get(reverse("document-file", args=[document.pk]))
    failed = f"The store of files failed: Access to {document.file_name} is denied."
    told = f"{failed} The document is as it was: try again in a moment."
    assert (answer.status_code, answer.content.decode()) == (503, told)


def test_s3_serves_a_file_by_an_address_that_expires(s3):
    document = keep_document(paper=an_invoice("100.00"))
    auditor, address = signed_in(someone("Auditor")), reverse("document-file", args=[document.pk])
    answer = auditor.get(address)
    assert answer.status_code == 302
    assert answer.url.startswith(f"{s3.url}/papers/invoices/")
    asked = parse_qs(urlsplit(answer.url).query)
    lives = int(asked["X-Amz-Expires"][0]) if "X-Amz-Expires" in asked else int(asked["Expires"][0]) - int(time())
    assert 0 < lives <= 300
    assert requests.get(answer.url, timeout=5).content == open_document(document)
    assert auditor.get(address, {"embed": "1"}).content == open_document(document)
    assert signed_in(someone()).get(address).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_four_workers_keep_one_document():
    invoice = an_invoice("100.00")

    def keep(_: int) -> str:
        try:
            return keep_document(paper=Invoice.objects.get(pk=invoice.pk)).sha256
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        assert len(set(workers.map(keep, range(4)))) == 1
    folder = default_storage.listdir(f"invoices/{invoice.issue_date:%Y/%m}")[1]
    assert len(folder) == Document.objects.count() == 1


# --- Credit notes, and copies of what was paid -------------------------------------------------------------------


def a_credit_note(cents: int = 10000, tax_rate: str = "0.19") -> CreditNote:
    invoice = an_invoice("100.00", tax_rate=Decimal(tax_rate), notes="Thank you.")
    line = CreditLine(
        description="Item 1", amount_cents=cents, tax_rate=Decimal(tax_rate), invoice_line=invoice.lines.get()
    )
    return issue_credit_note(invoice=invoice, lines=[line], reason="Wrong price", on=TODAY, now=NOW, by="ada")


def test_a_credit_note_is_kept_as_its_invoice_is():
    note = a_credit_note(5000)
    document = keep_document(paper=note)
    assert keep_document(paper=note) == document
    assert (document.kind, document.credit_note, document.invoice) == ("credit_note", note, None)
    text = words_of(open_document(document))
    assert "Credit note CN-2026-000001" in text
    assert f"For invoice {note.invoice.invoice_number}" in text
    assert "VAT 19% on €50.00 €9.50 Total credit €59.50" in text
    assert f"Off invoice {note.invoice.invoice_number} €59.50" in text
    assert "Wrong price" in text


def test_the_sweep_keeps_credit_notes_too():
    note = a_credit_note()
    render_documents()
    assert JobRun.objects.get().outcome == "2 documents kept, 0 failed."
    assert note.documents.count() == note.invoice.documents.count() == 1
    assert not CreditNote.objects.awaiting_document().exists()


def test_a_paid_copy_leaves_the_kept_original_as_it_is():
    invoice = a_paid_invoice()
    document = keep_document(paper=invoice)
    original = open_document(document)
    text = words_of(paid_copy(invoice=invoice))
    assert f"{invoice.invoice_number} · Copy" in text
    assert "Paid on 1 November 2026" in text
    assert "Already paid \u2212€119.00 Amount due €0.00" in text
    assert "IBAN" not in text
    assert "IBAN" in words_of(original)
    assert open_document(document) == original
    assert Document.objects.get() == document


def test_what_is_not_paid_has_no_paid_copy():
    for unpaid in (an_invoice("100.00"), a_draft("100.00")):
        with pytest.raises(NotPaid, match="no paid copy"):
            paid_copy(invoice=unpaid)


def test_what_is_zero_rated_tells_of_no_tax():
    assert canonical_of(an_invoice("100.00")).taxes == ()


def test_reverse_charge_is_told_with_its_reason():
    invoice = a_draft("100.00", tax_note="Article 196 of Directive 2006/112/EC")
    invoice.lines.update(tax_category="AE")
    text = words_of(preview_document(invoice=invoice))
    assert "Reverse charge on €100.00 €0.00" in text
    assert "Article 196" in text


def test_a_credit_note_names_the_law_its_invoice_named():
    note = a_credit_note(tax_rate="0")
    note.invoice.tax_note = "Article 132 of Directive 2006/112/EC"
    assert canonical_of(note).terms == "Article 132 of Directive 2006/112/EC"
