"""The papers of issued invoices: made from the frozen copy, kept once, and never written over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from billing_site.kit.errors import Refused
from invoices import pdf
from invoices.annexes import annexes_for
from invoices.canonical import BankAccount, CanonicalInvoice, CanonicalLine, Language, Party, TaxSum
from invoices.enums import DocumentKind, InvoiceStatus, Origin
from invoices.models import Document, Invoice, InvoiceLine
from invoices.services.drafting import totals_of
from invoices.services.issuing import bill_to_of, sold_by_of


class NoDocument(Refused):
    """Only issued invoices of ours have a document here; Stripe keeps its own."""


class DocumentDamaged(Exception):
    """A kept file is not the one that was written; restore it from a backup."""


def keep_document(*, invoice: Invoice) -> Document:
    """Render an issued invoice and keep it; return the document that is kept already, if there is one.

    The file comes first and its row last: a row means a file. A crash between the two leaves a file nobody names.
    """
    kept = invoice.documents.filter(kind=DocumentKind.INVOICE).first()
    if kept is not None:
        return kept
    if invoice.origin != Origin.NATIVE or invoice.status == InvoiceStatus.DRAFT:
        raise NoDocument(f"{invoice} has no document here: it is not an issued invoice of ours.")
    content = pdf.render(canonical_of(invoice))
    name = default_storage.save(_file_name(invoice), ContentFile(content))
    try:
        return _write_row(invoice, name, content)
    except IntegrityError:  # another worker kept it while this one rendered
        default_storage.delete(name)
        return invoice.documents.get(kind=DocumentKind.INVOICE)


def preview_document(*, invoice: Invoice) -> bytes:
    """Render an invoice as it stands, a draft too; nothing is kept."""
    return pdf.render(canonical_of(invoice))


def open_document(document: Document) -> bytes:
    """Read a kept file. Raises DocumentDamaged when it is not the file that was written."""
    with default_storage.open(document.file_name) as file:
        content: bytes = file.read()
    if pdf.fingerprint(content) != document.sha256:
        raise DocumentDamaged(f"{document.file_name} does not have the sha256 it was written with.")
    return content


def canonical_of(invoice: Invoice) -> CanonicalInvoice:
    """Gather everything an invoice prints, from its own copies once it is issued."""
    lines = list(invoice.lines.order_by("position"))
    return CanonicalInvoice(
        number=invoice.invoice_number or "",
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        currency=invoice.currency,
        language=cast("Language", invoice.language),
        seller=_seller(invoice),
        buyer=_party(invoice.bill_to or bill_to_of(invoice.customer)),
        lines=tuple(_line(line) for line in lines),
        subtotal_cents=invoice.subtotal_cents,
        discount_cents=invoice.discount_cents,
        taxes=_taxes(invoice, lines),
        tax_cents=invoice.tax_cents,
        total_cents=invoice.total_cents,
        amount_paid_cents=0,
        amount_due_cents=invoice.total_cents,  # the paper says what was asked for; what happened since is a statement's
        period_start=invoice.billing_period_start,
        period_end=invoice.billing_period_end,
        purchase_order=invoice.purchase_order,
        contract_reference=invoice.contract_reference,
        notes=invoice.notes,
        annexes=annexes_for(invoice),
    )


@transaction.atomic
def _write_row(invoice: Invoice, name: str, content: bytes) -> Document:
    document = Document.objects.create(
        kind=DocumentKind.INVOICE,
        invoice=invoice,
        file_name=name,
        sha256=pdf.fingerprint(content),
        size_bytes=len(content),
    )
    Invoice.objects.filter(pk=invoice.pk).update(invoice_pdf_url=f"/admin/documents/{document.pk}/")
    return document


def _file_name(invoice: Invoice) -> str:
    return f"invoices/{invoice.issue_date:%Y/%m}/{invoice.seller_id}-{invoice.invoice_number}.pdf"


def _seller(invoice: Invoice) -> Party:
    copied = invoice.sold_by or (sold_by_of(invoice.seller) if invoice.seller else {"name": "", "address": []})
    bank = None
    if copied.get("iban"):
        holder = copied["legal_name"]
        bank = BankAccount(holder=holder, iban=copied["iban"], bic=copied["bic"], bank_name=copied["bank_name"])
    return _party(copied | {"name": copied.get("legal_name") or copied["name"]}, bank=bank)


def _party(copied: dict[str, Any], *, bank: BankAccount | None = None) -> Party:
    return Party(
        name=copied["name"],
        address_lines=tuple(copied["address"]),
        email=copied.get("email", ""),
        tax_id=copied.get("tax_id", ""),
        registration=copied.get("registration", ""),
        logo_svg=copied.get("logo_svg", ""),
        bank=bank,
    )


def _line(line: InvoiceLine) -> CanonicalLine:
    return CanonicalLine(
        description=line.description,
        detail=line.detail,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount_cents=line.amount_cents,
        service_start=line.service_period_start,
        service_end=line.service_period_end,
        unit_label=line.unit_label,
        package_size=line.package_size,
        tax_rate=line.tax_rate,
    )


def _taxes(invoice: Invoice, lines: list[InvoiceLine]) -> tuple[TaxSum, ...]:
    if invoice.origin == Origin.STRIPE:
        return ()
    return tuple(TaxSum(Decimal(tax.rate), tax.net_cents, tax.tax_cents) for tax in totals_of(invoice, lines).taxes)
