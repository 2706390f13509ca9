"""Corrections of issued invoices: void, write-off and credit notes. Nothing issued is ever changed or deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from invoices.enums import CreditNoteStatus, DocumentKind, InvoiceStatus, Origin
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from invoices.services.drafting import rounding_of
from invoices.services.issuing import seller_of, take_numbers
from invoices.services.settling import close_or_reopen
from invoices.totals import InvoiceTotals, LineDraft, total_invoice


class NotOpen(Refused):
    """Only an open invoice can be voided or written off."""


class SomethingWasPaid(Refused):
    """An invoice on which money was received is corrected by a credit note, not voided."""


class CreditExceedsInvoice(Refused):
    """Credit notes can take back what an invoice asked for, and no minor unit more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """What is taken back: minor units before tax, and the tax rate it was billed with."""

    description: str
    amount_cents: int
    tax_rate: Decimal = Decimal(0)
    invoice_line: InvoiceLine | None = None


_keepers: list[Callable[..., object]] = []


def let_keep_the_rest(keep: Callable[..., object]) -> None:
    """Name who keeps what a credit note leaves beyond the amount due: `keep(note=, by=)`, in the same transaction.

    The floor that holds balances registers at start-up; this one never hears of it.
    """
    if keep not in _keepers:
        _keepers.append(keep)


@transaction.atomic
def void_invoice(*, invoice: Invoice, now: dt.datetime, by: str, reason: str) -> Invoice:
    """Annul an unpaid invoice; it keeps its number. Raises NotOpen, SomethingWasPaid."""
    invoice = _open_native(invoice)
    if invoice.amount_paid_cents or invoice.credited_cents:
        raise SomethingWasPaid(
            f"Something was paid or credited on {invoice}; write a credit note instead of voiding it."
        )
    invoice.status, invoice.voided_at, invoice.amount_due_cents = InvoiceStatus.VOID, now, 0
    invoice.metadata = {**invoice.metadata, "voided_by": by, "void_reason": reason}
    invoice.save(update_fields=["status", "voided_at", "amount_due_cents", "metadata", "updated_at"])
    return invoice


@transaction.atomic
def write_off_invoice(*, invoice: Invoice, now: dt.datetime, by: str, reason: str) -> Invoice:
    """Give up what is still due. Raises NotOpen."""
    invoice = _open_native(invoice)
    invoice.written_off_cents += invoice.amount_due_cents
    invoice.amount_due_cents, invoice.status = 0, InvoiceStatus.UNCOLLECTIBLE
    invoice.metadata = {
        **invoice.metadata,
        "written_off_by": by,
        "written_off_at": now.isoformat(),
        "write_off_reason": reason,
    }
    invoice.save(update_fields=["written_off_cents", "amount_due_cents", "status", "metadata", "updated_at"])
    return invoice


@transaction.atomic
def issue_credit_note(
    *,
    invoice: Invoice,
    lines: Sequence[CreditLine],
    reason: str,
    on: dt.date,
    now: dt.datetime,
    by: str,
    refund_rest: bool = False,
) -> CreditNote:
    """Take back part of an invoice: first off what is due, the rest becomes a credit, or a refund if `refund_rest`.

    Raises CreditExceedsInvoice when all its credit notes together would exceed what it asked for.
    """
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("seller").get(pk=invoice.pk)
    totals = _credited(invoice, lines)
    _refuse_more_than_invoiced(invoice, totals.total_cents)
    reduces_due = min(totals.total_cents, invoice.amount_due_cents)
    rest = totals.total_cents - reduces_due
    note = CreditNote.objects.create(
        invoice=invoice,
        number=take_numbers(seller=seller_of(invoice), kind=DocumentKind.CREDIT_NOTE, year=on.year, count=1)[0],
        currency=invoice.currency,
        subtotal_cents=totals.subtotal_cents,
        tax_cents=totals.tax_cents,
        total_cents=totals.total_cents,
        reduces_due_cents=reduces_due,
        to_credit_cents=0 if refund_rest else rest,
        to_refund_cents=rest if refund_rest else 0,
        reason=reason,
        issue_date=on,
        issued_by=by,
    )
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=note,
            invoice_line=line.invoice_line,
            description=line.description,
            amount_cents=line.amount_cents,
            tax_rate=line.tax_rate,
            tax_cents=worked_out.tax_cents,
        )
        for line, worked_out in zip(lines, totals.lines, strict=True)
    )
    _reduce_due(invoice, reduces_due, now=now)
    for keep in _keepers:
        keep(note=note, by=by)
    return note


def _open_native(invoice: Invoice) -> Invoice:
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.origin != Origin.NATIVE or invoice.status != InvoiceStatus.OPEN:
        status = invoice.get_status_display().lower()
        raise NotOpen(f"Invoice {invoice} is {status}; only an open invoice of ours can be voided or written off.")
    return invoice


def _credited(invoice: Invoice, lines: Sequence[CreditLine]) -> InvoiceTotals:
    drafts = [
        LineDraft(Decimal(1), Money(line.amount_cents, invoice.currency).major, tax_rate=line.tax_rate)
        for line in lines
    ]
    return total_invoice(drafts, currency=invoice.currency, rounding=rounding_of(invoice))


def _refuse_more_than_invoiced(invoice: Invoice, credited_cents: int) -> None:
    earlier = invoice.credit_notes.filter(status=CreditNoteStatus.ISSUED).aggregate(sum=Sum("total_cents"))["sum"] or 0
    if invoice.origin != Origin.NATIVE or invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
        raise CreditExceedsInvoice(f"{invoice} is {invoice.get_status_display().lower()}: there is nothing to credit.")
    if credited_cents <= 0 or earlier + credited_cents > invoice.total_cents:
        left = Money(invoice.total_cents - earlier, invoice.currency).format()
        raise CreditExceedsInvoice(f"Credit more than nothing and at most {left} on {invoice}.")


def _reduce_due(invoice: Invoice, amount_cents: int, *, now: dt.datetime) -> None:
    invoice.credited_cents += amount_cents
    invoice.amount_due_cents -= amount_cents
    close_or_reopen(invoice, now=now)
    invoice.save(update_fields=["credited_cents", "amount_due_cents", "status", "paid_at", "updated_at"])
