"""The papers of issued invoices and credit notes: made from the frozen copy, kept once, and never written over."""

from __future__ import annotations

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from billing_site.kit.errors import Refused
from invoices import pdf
from invoices.composing import canonical_of, paid_copy_of
from invoices.enums import CreditNoteStatus, DocumentKind, InvoiceStatus, Origin
from invoices.models import CreditNote, Document, Invoice

FOLDERS = "invoices", "credit_notes"


class NoDocument(Refused):
    """Only issued invoices and credit notes of ours have a document here; Stripe keeps its own."""


class DocumentDamaged(Exception):
    """A kept file is not the one that was written; restore it from a backup."""


class DocumentLost(DocumentDamaged):
    """A kept file is gone; restore it from a backup. It is never drawn again by itself."""


def keep_document(*, paper: Invoice | CreditNote) -> Document:
    """Render an issued paper and keep it; return the document that is kept already, if there is one.

    The file comes first and its row last: a row means a file. A crash between the two leaves an orphan.
    """
    kept = paper.documents.first()
    if kept is not None:
        return kept
    if not _has_document(paper):
        raise NoDocument(f"{paper} has no document here: it is not an issued invoice or credit note of ours.")
    content = pdf.render(canonical_of(paper))
    name = default_storage.save(_file_name(paper), ContentFile(content))
    try:
        return _write_row(paper, name, content)
    except IntegrityError:  # another worker kept it while this one rendered
        default_storage.delete(name)
        return paper.documents.get()


def preview_document(*, invoice: Invoice) -> bytes:
    """Render an invoice as it stands, a draft too; nothing is kept."""
    return pdf.render(canonical_of(invoice))


def paid_copy(*, invoice: Invoice) -> bytes:
    """Render a paid invoice again with what was paid, stamped, as a copy; nothing is kept. Raises NotPaid."""
    return pdf.render(paid_copy_of(invoice))


def open_document(document: Document) -> bytes:
    """Read a kept file. Raises DocumentLost when it is gone, DocumentDamaged when it is not the one written."""
    try:
        with default_storage.open(document.file_name) as file:
            content: bytes = file.read()
    except FileNotFoundError as error:
        raise DocumentLost(f"{document.file_name} is not in the store; restore it from a backup.") from error
    if pdf.fingerprint(content) != document.sha256:
        raise DocumentDamaged(
            f"{document.file_name} does not have the sha256 it was written with; restore it from a backup."
        )
    return content


def _has_document(paper: Invoice | CreditNote) -> bool:
    unissued = InvoiceStatus.DRAFT if isinstance(paper, Invoice) else CreditNoteStatus.VOID
    return paper.origin == Origin.NATIVE and paper.status != unissued


@transaction.atomic
def _write_row(paper: Invoice | CreditNote, name: str, content: bytes) -> Document:
    document = Document.objects.create(
        kind=DocumentKind.INVOICE if isinstance(paper, Invoice) else DocumentKind.CREDIT_NOTE,
        invoice=paper if isinstance(paper, Invoice) else None,
        credit_note=paper if isinstance(paper, CreditNote) else None,
        file_name=name,
        sha256=pdf.fingerprint(content),
        size_bytes=len(content),
    )
    if isinstance(paper, Invoice):
        Invoice.objects.filter(pk=paper.pk).update(invoice_pdf_url=f"/admin/documents/{document.pk}/")
    return document


def _file_name(paper: Invoice | CreditNote) -> str:
    invoices, credit_notes = FOLDERS
    if isinstance(paper, Invoice):
        return f"{invoices}/{paper.issue_date:%Y/%m}/{paper.seller_id}-{paper.invoice_number}.pdf"
    return f"{credit_notes}/{paper.issue_date:%Y/%m}/{paper.invoice.seller_id}-{paper.number}.pdf"
