"""The PDF on the pages: a draft as it will be printed, the kept document, a stamped copy, and who may frame them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from invoices.documents import keep_document
from invoices.models import Document
from tests.back_office import a_credit_note, a_document, a_paid_invoice, a_stripe_invoice, signed_in, someone
from tests.books import a_draft, an_invoice

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning")]


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


def page_of(row):
    return reverse(f"admin:invoices_{row._meta.model_name}_change", args=[row.pk])


def paper_of(row, name):
    return reverse(f"admin:invoices_invoice_{name}", args=[row.pk])


def test_a_draft_shows_what_will_be_printed(manager):
    draft = a_draft("10.00")
    assert f'src="{paper_of(draft, "preview")}#toolbar=0' in manager.get(page_of(draft)).content.decode()
    answer = manager.get(paper_of(draft, "preview"))
    assert answer.content.startswith(b"%PDF-")
    assert "no-store" in answer["Cache-Control"]


def test_a_credit_note_shows_its_document(manager):
    note = a_credit_note()
    assert "The PDF is being drawn" in manager.get(page_of(note)).content.decode()
    assert "0.000000" not in manager.get(page_of(note)).content.decode()  # its tax rate reads in per cent
    document = keep_document(paper=note)
    address = reverse("document-file", args=[document.pk])
    assert f'src="{address}?embed=1#toolbar=0' in manager.get(page_of(note)).content.decode()


def test_a_paid_invoice_offers_a_stamped_copy_that_is_not_kept(manager):
    paid = a_paid_invoice()
    assert paper_of(paid, "stamped") in manager.get(page_of(paid)).content.decode()
    answer = manager.get(paper_of(paid, "stamped"))
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
    assert answer["Content-Disposition"] == f'inline; filename="{paid}.pdf"'
    assert not Document.objects.exists()


def test_papers_that_do_not_exist_are_refused(manager):
    for row, name in ((an_invoice(), "stamped"), (an_invoice(), "preview"), (a_stripe_invoice(), "preview")):
        assert paper_of(row, name) not in manager.get(page_of(row)).content.decode()
        assert manager.get(paper_of(row, name)).status_code == 403
    assert signed_in(someone()).get(paper_of(a_draft("1.00"), "preview")).status_code in {302, 403}


def test_only_papers_may_stand_in_a_frame_and_only_in_ours(manager):
    document, draft = a_document(an_invoice("1.00")), a_draft("1.00")
    for framed in (reverse("document-file", args=[document.pk]), paper_of(draft, "preview")):
        answer = manager.get(framed)
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    for page in (page_of(draft), "/admin/", "/admin/login/"):
        answer = manager.get(page)
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
