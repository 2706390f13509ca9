"""Documents: kept once, on disk and on S3, with the sha256 of what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from moto.server import ThreadedMotoServer

from billing_site.kit.models import JobRun
from invoices.documents import DocumentDamaged, NoDocument, keep_document, open_document
from invoices.models import Document, Invoice
from invoices.tasks import render_documents
from tests.books import a_draft, an_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path) -> None:
    disk = {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": disk}


@pytest.fixture
def s3(settings, monkeypatch) -> Iterator[str]:
    """Serve S3's protocol on loopback and keep documents there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="papers")
    options = {"bucket_name": "papers", "endpoint_url": endpoint, "region_name": "us-east-1", "file_overwrite": False}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**options, "querystring_expire": 300}},
    }
    yield endpoint
    server.stop()


def test_a_document_is_kept_once_with_its_sha256():
    invoice = an_invoice("100.00")
    first, again = keep_document(invoice=invoice), keep_document(invoice=invoice)
    content = open_document(first)
    assert (first, content[:5]) == (again, b"%PDF-")
    assert (first.sha256, first.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))


def test_the_invoice_names_its_document():
    invoice = an_invoice("100.00")
    document = keep_document(invoice=invoice)
    invoice.refresh_from_db()
    assert invoice.invoice_pdf_url == f"/admin/documents/{document.pk}/"


def test_a_draft_has_no_document():
    with pytest.raises(NoDocument):
        keep_document(invoice=a_draft("100.00"))


def test_a_document_cannot_be_exchanged():
    document = keep_document(invoice=an_invoice("100.00"))
    with pytest.raises(IntegrityError, match="added, never changed"), transaction.atomic():
        Document.objects.filter(pk=document.pk).update(sha256="0" * 64)


def test_a_damaged_file_is_not_handed_out():
    document = keep_document(invoice=an_invoice("100.00"))
    with default_storage.open(document.file_name, "wb") as file:
        file.write(b"%PDF-1.7 another amount")
    with pytest.raises(DocumentDamaged, match="sha256"):
        open_document(document)


def test_the_sweep_renders_what_is_missing_and_says_when_nothing_is():
    an_invoice("100.00")
    a_draft("1.00")
    render_documents()
    render_documents()
    said = JobRun.objects.order_by("pk").values_list("state", "outcome")
    assert list(said) == [("done", "1 documents kept, 0 failed."), ("nothing_to_do", "Nothing to do.")]
    assert not Invoice.objects.awaiting_document().exists()


def test_documents_live_on_s3_by_one_setting(s3):
    document = keep_document(invoice=an_invoice("100.00"))
    assert open_document(document).startswith(b"%PDF-")
    address = default_storage.url(document.file_name)
    assert address.startswith(s3)
    assert "X-Amz-Expires=300" in address or "Expires=" in address


@pytest.mark.django_db(transaction=True)
def test_four_workers_keep_one_document():
    invoice = an_invoice("100.00")

    def keep(_: int) -> str:
        try:
            return keep_document(invoice=Invoice.objects.get(pk=invoice.pk)).sha256
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        assert len(set(workers.map(keep, range(4)))) == 1
    folder = default_storage.listdir(f"invoices/{invoice.issue_date:%Y/%m}")[1]
    assert len(folder) == Document.objects.count() == 1
