"""Owns how a paper reads on its page: an invoice's facts, lines and totals, formatted, and the PDF beside them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from billing_site.kit.admin import badge, link_to
from billing_site.kit.admin.words import count_text, day_text, percent_text, price_text, span_text
from billing_site.kit.money import Money
from billing_site.kit.wording import counted
from invoices.admin.columns import is_overdue, number, status_badge
from invoices.enums import CreditNoteStatus, Origin
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine


@dataclass(frozen=True, slots=True)
class PaperLine:
    """One line, as text."""

    description: str
    detail: str
    period: str
    quantity: str
    unit_price: str
    tax: str
    amount: str


@dataclass(frozen=True, slots=True)
class Sum:
    """One row of the totals; `is_strong` ones are what people look for."""

    label: str
    amount: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A PDF in a frame of the page, or a sentence why there is none."""

    title: str
    url: str = ""
    frame_url: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything the page of an issued paper shows above its form."""

    number: str
    status: Any
    between: str
    facts: list[tuple[str, Any]]
    lines: list[PaperLine]
    sums: list[Sum]
    document: ShownDocument
    headline: str
    figure: str
    remark: str
    is_overdue: bool = False
    shows_price: bool = True


def paper_of(invoice: Invoice, *, on: dt.date) -> Paper:
    """Gather one invoice's page; three queries."""
    return Paper(
        number=number(invoice),
        status=status_badge(invoice, on=on),
        between=_between(invoice),
        facts=_facts(invoice),
        lines=[_line(line, invoice.currency) for line in invoice.lines.all()],
        sums=_sums(invoice),
        document=kept_document(invoice),
        headline="Amount due",
        figure=invoice.amount_due.format(),
        remark=_due_note(invoice, on),
        is_overdue=is_overdue(invoice, on=on),
    )


def paper_of_note(note: CreditNote) -> Paper:
    """Gather one credit note's page; two queries."""
    return Paper(
        number=str(note),
        status=badge(note.get_status_display(), "success" if note.status == CreditNoteStatus.ISSUED else ""),
        between=_between(note.invoice),
        facts=[
            ("Issued", day_text(note.issue_date)),
            ("For invoice", link_to(note.invoice)),
            ("Issued by", note.issued_by),
            ("Reason", note.reason),
        ],
        lines=[_credited(line, note.currency) for line in note.lines.order_by("pk")],
        sums=_credited_sums(note),
        document=kept_document(note),
        headline="Total credit",
        figure=Money(note.total_cents, note.currency).format(),
        remark="",
        shows_price=False,
    )


def kept_document(paper: Invoice | CreditNote) -> ShownDocument:
    """Show the document that is kept; one query."""
    kept = paper.documents.first()
    if kept is not None:
        url = reverse("document-file", args=[kept.pk])
        return ShownDocument("Document", url, f"{url}?embed=1")
    whose = "this credit note" if isinstance(paper, CreditNote) else "this invoice"
    if paper.origin == Origin.STRIPE:
        return ShownDocument("Document", missing=f"Stripe keeps the document of {whose}.")
    return ShownDocument("Document", missing="The PDF is being drawn; it appears here within some minutes.")


def drawn_document(draft: Invoice) -> ShownDocument:
    """Show a draft as it would be printed, as it was last saved."""
    url = reverse("admin:invoices_invoice_preview", args=[draft.pk])
    return ShownDocument("As it will be printed, once saved", url, url)


def _between(invoice: Invoice) -> str:
    return f"{invoice.customer} · from {invoice.seller}" if invoice.seller else str(invoice.customer)


def _facts(invoice: Invoice) -> list[tuple[str, Any]]:
    found = [
        ("Issued", invoice.issue_date and day_text(invoice.issue_date)),
        ("Due", invoice.due_date and day_text(invoice.due_date)),
        ("Service period", _period(invoice.billing_period_start, invoice.billing_period_end)),
        ("Purchase order", invoice.purchase_order),
        ("Contract", invoice.contract_reference),
    ]
    return [(label, value) for label, value in found if value]


def _line(line: InvoiceLine, currency: str) -> PaperLine:
    price = price_text(line.unit_price, currency) if line.unit_price else ""
    return PaperLine(
        description=line.description,
        detail=line.detail,
        period=_period(line.service_period_start, line.service_period_end),
        quantity=count_text(line.quantity),
        unit_price=f"{price} / {line.package_size:,}" if price and line.package_size > 1 else price,
        tax=percent_text(line.tax_rate) if line.tax_rate else "",
        amount=Money(line.amount_cents, currency).format(),
    )


def _credited(line: CreditNoteLine, currency: str) -> PaperLine:
    return PaperLine(
        description=line.description,
        detail="",
        period="",
        quantity="",
        unit_price="",
        tax=percent_text(line.tax_rate) if line.tax_rate else "",
        amount=Money(line.amount_cents, currency).format(),
    )


def _credited_sums(note: CreditNote) -> list[Sum]:
    goes_to = [
        ("Off the invoice", note.reduces_due_cents),
        ("Becomes a credit", note.to_credit_cents),
        ("To be refunded", note.to_refund_cents),
    ]
    rows = [
        ("Subtotal", note.subtotal_cents),
        ("Tax", note.tax_cents),
        ("Total", note.total_cents),
        *((label, cents) for label, cents in goes_to if cents),
    ]
    return [Sum(label, Money(cents, note.currency).format(), label == "Total") for label, cents in rows]


def _sums(invoice: Invoice) -> list[Sum]:
    def row(label: str, cents: int, *, is_strong: bool = False) -> Sum:
        return Sum(label, Money(cents, invoice.currency).format(), is_strong)

    taken_off = [
        ("Paid", invoice.amount_paid_cents),
        ("Credit notes", invoice.credited_cents),
        ("Written off", invoice.written_off_cents),
    ]
    return [
        row("Subtotal", invoice.subtotal_cents),
        *([row("Discount", -invoice.discount_cents)] if invoice.discount_cents else []),
        row("Tax", invoice.tax_cents),
        row("Total", invoice.total_cents, is_strong=True),
        *(row(label, -cents) for label, cents in taken_off if cents),
        row("Due", invoice.amount_due_cents, is_strong=True),
    ]


def _due_note(invoice: Invoice, on: dt.date) -> str:
    if is_overdue(invoice, on=on) and invoice.due_date:
        days = (on - invoice.due_date).days
        return f"{counted(days, 'day')} overdue"
    if invoice.paid_at and invoice.status == "paid":
        return f"Paid on {day_text(invoice.paid_at)}"
    if invoice.voided_at:
        return f"Voided on {day_text(invoice.voided_at)}"
    return f"Due on {day_text(invoice.due_date)}" if invoice.due_date else ""


def _period(start: dt.date | None, end: dt.date | None) -> str:
    return span_text(start, end) if start and end else ""
