"""Owns the booking of the lines of invoices and credit notes: verbatim, and never fewer than Stripe has told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from invoices.services import copy_stripe_lines
from payments.models import AppliedVersion
from payments.stripe.booking.books import Books, NotYetKnown, day_of, fitted
from payments.stripe.facts import (
    CreditNoteFacts,
    CreditNoteLineFacts,
    InvoiceFacts,
    InvoiceLineFacts,
    InvoiceLinesFacts,
)


def book_invoice_lines(books: Books, facts: InvoiceLinesFacts) -> None:
    """Copy all lines of an invoice. Raises NotYetKnown before the invoice."""
    invoice = books.invoices.get(facts.invoice_id) or Invoice.objects.filter(stripe_invoice_id=facts.invoice_id).first()
    if invoice is None:
        raise NotYetKnown(f"Lines of invoice {facts.invoice_id} were fetched, and the invoice has not arrived.")
    _copy(books, invoice, facts.lines)


def book_first_lines(books: Books, invoice: Invoice, facts: InvoiceFacts) -> None:
    """Copy the lines that a long invoice is told with, until all of them are known."""
    if not AppliedVersion.objects.filter(pk=f"{facts.stripe_id}/lines").exists():
        _copy(books, invoice, facts.lines)


def book_credit_lines(books: Books, note: CreditNote, facts: CreditNoteFacts) -> None:
    """Copy the lines of a credit note; those of a void one stay."""
    credited = {line.invoice_line_id for line in facts.lines} - {""}
    found = InvoiceLine.objects.filter(invoice_id=note.invoice_id, stripe_line_id__in=credited) if credited else ()
    ids = {line.stripe_line_id: line.pk for line in found}
    lines = [fitted(CreditNoteLine, _credit_line(line, ids.get(line.invoice_line_id))) for line in facts.lines]
    books.count(CreditNoteLine, copy_stripe_lines(of=note, lines=lines, are_all=facts.lines_are_complete))


def _copy(books: Books, invoice: Invoice, told: tuple[InvoiceLineFacts, ...]) -> None:
    lines = [fitted(InvoiceLine, _invoice_line(line, position)) for position, line in enumerate(told, start=1)]
    books.count(InvoiceLine, copy_stripe_lines(of=invoice, lines=lines))


def _invoice_line(line: InvoiceLineFacts, position: int) -> dict[str, Any]:
    return {
        "position": position,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price if line.unit_price is not None else Decimal(0),
        "service_period_start": day_of(line.service_starts_at),
        "service_period_end": day_of(line.service_ends_at),
        "discount_cents": line.discount_cents,
        "tax_rate": _fraction(line.tax_percent),
        "tax_cents": line.tax_cents,
        "amount_cents": line.amount_cents,
        "stripe_line_id": line.stripe_id,
        "metadata": dict(line.metadata),
    }


def _credit_line(line: CreditNoteLineFacts, invoice_line: int | None) -> dict[str, Any]:
    return {
        "invoice_line_id": invoice_line,
        "description": line.description,
        "amount_cents": line.amount_cents,
        "tax_rate": _fraction(line.tax_percent),
        "tax_cents": line.tax_cents,
        "stripe_line_id": line.stripe_id,
    }


def _fraction(percent: Decimal | None) -> Decimal:
    """Return 19 % as 0.19; a rate that is not told, or no rate of tax at all, is 0, as the amount tells the tax."""
    return percent / 100 if percent is not None and 0 <= percent < 100 else Decimal(0)  # noqa: PLR2004 - percent
