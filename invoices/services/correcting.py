"""Corrections of issued invoices: void, write-off and credit notes. Nothing issued is ever changed or deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Sum

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from billing_site.kit.writing import next_id
from invoices.crediting import Part, TakesBackTooMuch, net_left, taxes_taken_back
from invoices.enums import DocumentKind, InvoiceStatus, Origin
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from invoices.services.drafting import group_of
from invoices.services.issuing import seller_of, take_numbers
from invoices.services.settling import close_or_reopen


class NotOpen(Refused):
    """Only an open invoice can be voided or written off."""


class SomethingWasPaid(Refused):
    """An invoice on which money was received is corrected by a credit note, not voided."""


class CreditExceedsInvoice(Refused):
    """Credit notes can take back what an invoice asked for, and no minor unit more."""


class CreditedMeanwhile(Refused):
    """Who writes a credit note knows of those before it."""


class MoreThanWasPaid(Refused):
    """What is given back as credit or refund was received before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """What is taken back, in minor units before tax: of a line, or of all that was taxed at this rate."""

    description: str
    amount_cents: int
    tax_rate: Decimal = Decimal(0)
    tax_category: str = ""
    invoice_line: InvoiceLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What becomes of a credit note's total: off what is due (as much as is, when None), refunded, else a credit."""

    off_due_cents: int | None = None
    refund_cents: int = 0
    refunds_rest: bool = False


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
    split: Split | None = None,
    notes_seen: int | None = None,
) -> CreditNote:
    """Take back part of an invoice: off what it asks for, as a credit, and as a refund to be sent, as `split` says.

    `notes_seen` is how many credit notes of it the writer knew of: a second click, or another writer, is refused.
    Raises CreditedMeanwhile; CreditExceedsInvoice when its credit notes together would exceed what it asked for, in
    all, on a line or of a tax; and MoreThanWasPaid when they would give back more than was received.
    """
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("seller").get(pk=invoice.pk)
    _refuse_unseen(invoice, notes_seen)
    rows = _worked_out(invoice, lines)
    net_cents, tax_cents = sum(row.amount_cents for row in rows), sum(row.tax_cents for row in rows)
    _refuse_more_than_invoiced(invoice, net_cents + tax_cents)
    off, refund = _parts(invoice, net_cents + tax_cents, split or Split())
    note = CreditNote(
        pk=next_id(CreditNote),
        invoice=invoice,
        seller=seller_of(invoice),
        number=take_numbers(seller=seller_of(invoice), kind=DocumentKind.CREDIT_NOTE, year=on.year, count=1)[0],
        currency=invoice.currency,
        subtotal_cents=net_cents,
        tax_cents=tax_cents,
        total_cents=net_cents + tax_cents,
        reduces_due_cents=off,
        to_credit_cents=net_cents + tax_cents - off - refund,
        to_refund_cents=refund,
        reason=reason,
        issue_date=on,
        issued_by=by,
    )
    _write(note, rows)
    _reduce_claim(invoice, off, now=now)
    for keep in _keepers:
        keep(note=note, by=by)
    return note


def _refuse_unseen(invoice: Invoice, notes_seen: int | None) -> None:
    notes = list(invoice.credit_notes.order_by("pk"))
    if notes_seen is not None and len(notes) != notes_seen:
        raise CreditedMeanwhile(
            f"{notes[-1] if notes else 'Nothing'} was issued on {invoice} since this form was opened: look at it first,"
            " then open the form again if more is to be taken back."
        )


def left_to_credit(*, invoice: Invoice) -> list[tuple[InvoiceLine, int]]:
    """Return the lines of which something can still be taken back, and how much, before tax."""
    lines = list(invoice.lines.order_by("position"))
    left = net_left(billed=[_billed(line) for line in lines], earlier=_earlier(invoice))
    return [(line, left[line.pk]) for line in lines if left[line.pk]]


def _write(note: CreditNote, rows: Sequence[CreditNoteLine]) -> None:
    """Write the lines first: a credit note is final from its first moment, and so are its lines from then on."""
    for row in rows:
        row.credit_note_id = note.pk
    CreditNoteLine.objects.bulk_create(rows)
    note.save(force_insert=True)


def _worked_out(invoice: Invoice, lines: Sequence[CreditLine]) -> list[CreditNoteLine]:
    billed = [_billed(line) for line in invoice.lines.all()]
    wanted = [_wanted(line) for line in lines]
    try:
        taxes = taxes_taken_back(billed=billed, earlier=_earlier(invoice), wanted=wanted, currency=invoice.currency)
    except TakesBackTooMuch as error:
        raise CreditExceedsInvoice(str(error)) from error
    return [
        CreditNoteLine(
            invoice_line=line.invoice_line,
            description=line.description,
            amount_cents=line.amount_cents,
            tax_category=part.group.category,
            tax_rate=part.group.rate,
            tax_cents=tax_cents,
        )
        for line, part, tax_cents in zip(lines, wanted, taxes, strict=True)
    ]


def _billed(line: InvoiceLine) -> Part:
    return Part(line.pk, group_of(line), line.amount_cents - line.discount_cents, line.tax_cents)


def _earlier(invoice: Invoice) -> list[Part]:
    taken = CreditNoteLine.objects.of_issued_notes(invoice)
    return [Part(line.invoice_line_id, group_of(line), line.amount_cents, line.tax_cents) for line in taken]


def _wanted(line: CreditLine) -> Part:
    taxed_as = group_of(line.invoice_line or line)
    return Part(line.invoice_line.pk if line.invoice_line else None, taxed_as, line.amount_cents)


def _parts(invoice: Invoice, total_cents: int, split: Split) -> tuple[int, int]:
    """Return what is taken off the invoice's claim, and what is to be refunded; the rest becomes a credit."""
    claim = invoice.amount_due_cents + invoice.written_off_cents
    off = min(total_cents, claim) if split.off_due_cents is None else split.off_due_cents
    rest = total_cents - off
    refund = rest if split.refunds_rest else split.refund_cents
    if not 0 <= off <= min(claim, total_cents) or not 0 <= refund <= rest:
        raise CreditExceedsInvoice(
            f"Take at most {Money(min(claim, total_cents), invoice.currency).format()} off {invoice}, and refund at"
            f" most the rest of {Money(total_cents, invoice.currency).format()}."
        )
    _refuse_more_than_paid(invoice, rest)
    return off, refund


def _refuse_more_than_paid(invoice: Invoice, back_cents: int) -> None:
    given = invoice.credit_notes.issued().aggregate(sum=Sum(F("to_credit_cents") + F("to_refund_cents")))["sum"] or 0
    if back_cents > invoice.amount_paid_cents - given:
        left = Money(invoice.amount_paid_cents - given, invoice.currency).format()
        raise MoreThanWasPaid(f"Only {left} paid on {invoice} can be given back; take the rest off what is due.")


def _open_native(invoice: Invoice) -> Invoice:
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.origin != Origin.NATIVE or invoice.status != InvoiceStatus.OPEN:
        status = invoice.get_status_display().lower()
        raise NotOpen(f"Invoice {invoice} is {status}; only an open invoice of ours can be voided or written off.")
    return invoice


def _refuse_more_than_invoiced(invoice: Invoice, credited_cents: int) -> None:
    earlier = invoice.credit_notes.issued().aggregate(sum=Sum("total_cents"))["sum"] or 0
    if invoice.origin != Origin.NATIVE or invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
        raise CreditExceedsInvoice(f"{invoice} is {invoice.get_status_display().lower()}: there is nothing to credit.")
    if credited_cents <= 0 or earlier + credited_cents > invoice.total_cents:
        left = Money(invoice.total_cents - earlier, invoice.currency).format()
        raise CreditExceedsInvoice(f"Credit more than nothing and at most {left} on {invoice}.")


def _reduce_claim(invoice: Invoice, amount_cents: int, *, now: dt.datetime) -> None:
    """Take it off what is due, then off what was given up: a claim that never was cannot have been lost."""
    off_due = min(amount_cents, invoice.amount_due_cents)
    invoice.credited_cents += amount_cents
    invoice.amount_due_cents -= off_due
    invoice.written_off_cents -= amount_cents - off_due
    close_or_reopen(invoice, now=now)
    changed = ["credited_cents", "amount_due_cents", "written_off_cents", "status", "paid_at", "updated_at"]
    invoice.save(update_fields=changed)
