"""Issuing: the moment a draft becomes a claim, with its number, dates and a copy of both parties."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import prefetch_related_objects

from billing_site.kit.errors import Refused
from billing_site.kit.writing import insert_rows, update_rows
from invoices import numbering
from invoices.enums import DocumentKind, InvoiceStatus, TaxCategory
from invoices.models import Customer, Invoice, InvoiceLine, Seller
from invoices.services.drafting import WORKED_OUT, Draft, refuse_unless_draft, write_totals


class NothingToIssue(Refused):
    """An invoice needs a line and a seller before it can be issued."""


class TaxNotExplained(Refused):
    """Whoever charges no tax says why, and to whom."""


_BOTH_TAX_IDS = {TaxCategory.REVERSE_CHARGE, TaxCategory.WITHIN_EU}
_WRITTEN = (
    *("status", "invoice_number", "issue_date", "due_date", "issued_at", "bill_to", "sold_by", "metadata"),
    *("subtotal_cents", "discount_cents", "tax_cents", "total_cents", "amount_due_cents", "updated_at"),
)
_TAKE_BLOCK = """
INSERT INTO invoices_numberseries AS series (seller_id, kind, year, last_number) VALUES (%s, %s, %s, %s)
ON CONFLICT (seller_id, kind, year) DO UPDATE SET last_number = series.last_number + EXCLUDED.last_number
RETURNING last_number
"""


@transaction.atomic
def issue_invoice(*, invoice: Invoice, on: dt.date, now: dt.datetime, by: str) -> Invoice:
    """Issue one draft, dated `on`. Raises NotADraft, NothingToIssue."""
    return issue_invoices(invoices=[invoice], on=on, now=now, by=by)[0]


@transaction.atomic
def issue_invoices(*, invoices: Sequence[Invoice], on: dt.date, now: dt.datetime, by: str) -> list[Invoice]:
    """Issue drafts together, in the order in which they were made; the statements do not grow with the drafts.

    All of them or none: one block of numbers per seller is taken last, so that a refusal costs no number.
    """
    drafts = _locked(invoices)
    lines = _lines_of(drafts)
    for draft in drafts:
        _refuse_unissuable(draft, lines[draft.pk])
    _add_up_again(drafts, lines)
    _open_together(drafts, on=on, now=now, by=by)
    update_rows(Invoice, drafts, _WRITTEN)
    _settle_nothing_owed(drafts, now=now)
    return drafts


@transaction.atomic
def issue_begun(*, begun: Sequence[Draft], on: dt.date, now: dt.datetime, by: str) -> list[Invoice]:
    """Write invoices that were begun in this same transaction, issued: nobody else can have seen or changed them.

    Refuses what `issue_invoices` refuses; nothing is locked, read or added up a second time.
    """
    for one in begun:
        _refuse_unissuable(one.invoice, one.lines)
    invoices = [one.invoice for one in begun]
    _open_together(invoices, on=on, now=now, by=by)
    insert_rows(Invoice, invoices)
    _settle_nothing_owed(invoices, now=now)
    return invoices


def take_numbers(*, seller: Seller, kind: DocumentKind, year: int, count: int) -> list[str]:
    """Take `count` consecutive numbers; the counter's row stays locked until the transaction ends, so none is lost."""
    pattern = seller.invoice_number_pattern if kind == DocumentKind.INVOICE else seller.credit_note_number_pattern
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_BLOCK, [seller.pk, kind, numbering.year_of_series(pattern, year=year), count])
        last = cursor.fetchone()[0]
    return [numbering.number(pattern, year=year, seq=seq) for seq in range(last - count + 1, last + 1)]


def seller_of(invoice: Invoice) -> Seller:
    """Return who issues it. Raises NothingToIssue for a draft without a seller."""
    if invoice.seller is None:
        raise NothingToIssue(f"{invoice} has no seller; choose one before issuing it.")
    return invoice.seller


def bill_to_of(customer: Customer) -> dict[str, Any]:
    """Copy who is billed, as printed."""
    return {
        "name": customer.bill_to_name or customer.name,
        "address": customer.address.splitlines(),
        "country": customer.country,
        "email": customer.email,
        "tax_id": customer.tax_id,
    }


def sold_by_of(seller: Seller) -> dict[str, Any]:
    """Copy who sells, as printed."""
    kept = ("legal_name", "country", "email", "tax_id", "registration", "bank_name", "iban", "bic", "logo_svg")
    return {
        "name": seller.name,
        "address": seller.address.splitlines(),
        "bank_details": [list(row) for row in seller.bank_rows],
    } | {name: getattr(seller, name) for name in kept}


def _locked(invoices: Sequence[Invoice]) -> list[Invoice]:
    """Lock the drafts in one order for everybody; from then on their lines stay as they are."""
    rows = Invoice.objects.select_for_update(of=("self",)).filter(pk__in={invoice.pk for invoice in invoices})
    drafts = list(rows.order_by("pk"))
    prefetch_related_objects(drafts, "seller", "customer")
    return drafts


def _open_together(drafts: list[Invoice], *, on: dt.date, now: dt.datetime, by: str) -> None:
    sold_by = {seller.pk: sold_by_of(seller) for seller in map(seller_of, drafts)}
    for draft in drafts:
        _open(draft, on=on, now=now, by=by)
        draft.sold_by = sold_by[seller_of(draft).pk]
    _number(drafts, year=on.year)


def _lines_of(drafts: Sequence[Invoice]) -> dict[int, list[InvoiceLine]]:
    lines: dict[int, list[InvoiceLine]] = {draft.pk: [] for draft in drafts}
    for line in InvoiceLine.objects.filter(invoice__in=drafts).order_by("invoice_id", "position"):
        lines[line.invoice_id].append(line)
    return lines


def _refuse_unissuable(draft: Invoice, lines: Sequence[InvoiceLine]) -> None:
    refuse_unless_draft(draft)
    seller_of(draft)
    if not lines:
        raise NothingToIssue(f"{draft} has no lines; add one before issuing it.")
    _refuse_unexplained_tax(draft, lines)


def _refuse_unexplained_tax(draft: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """Ask for what EN 16931 wants beside a category; what is taxed at a rate needs nothing."""
    categories = {line.tax_category for line in lines} - {"", TaxCategory.STANDARD}
    if not categories:
        return
    if categories & _BOTH_TAX_IDS and not (draft.customer.tax_id and seller_of(draft).tax_id):
        raise TaxNotExplained(
            f"{draft} has lines under reverse charge or within the EU: {draft.customer} and"
            f" {draft.seller} both need a tax id."
        )
    if TaxCategory.EXEMPT in categories and not draft.tax_note:
        raise TaxNotExplained(f"{draft} has exempt lines: write into its tax note which law exempts them.")
    if TaxCategory.OUTSIDE in categories and {line.tax_category for line in lines} != {TaxCategory.OUTSIDE}:
        raise TaxNotExplained(f"{draft} mixes lines outside the scope of tax with others; bill them apart.")


def _add_up_again(drafts: Sequence[Invoice], lines: Mapping[int, list[InvoiceLine]]) -> None:
    """Work the totals out once more; lines that say what they said are not written."""
    changed = [line for draft in drafts for line in write_totals(draft, lines[draft.pk])]
    if changed:
        update_rows(InvoiceLine, changed, WORKED_OUT)


def _open(invoice: Invoice, *, on: dt.date, now: dt.datetime, by: str) -> None:
    invoice.status = InvoiceStatus.OPEN
    invoice.issue_date, invoice.issued_at, invoice.updated_at = on, now, now
    invoice.due_date = invoice.due_date or on + dt.timedelta(days=invoice.payment_terms_days)
    invoice.bill_to = bill_to_of(invoice.customer)
    invoice.metadata = {**invoice.metadata, "issued_by": by}


def _number(invoices: Sequence[Invoice], *, year: int) -> None:
    by_seller: dict[Seller, list[Invoice]] = {}
    for invoice in invoices:
        by_seller.setdefault(seller_of(invoice), []).append(invoice)
    for seller in sorted(by_seller, key=lambda seller: seller.pk):  # one order of locks for everybody
        numbered = by_seller[seller]
        numbers = take_numbers(seller=seller, kind=DocumentKind.INVOICE, year=year, count=len(numbered))
        for invoice, number in zip(numbered, numbers, strict=True):
            invoice.invoice_number = number


def _settle_nothing_owed(invoices: Sequence[Invoice], *, now: dt.datetime) -> None:
    """Let what asks for nothing be paid at once: an invoice is open for a moment before it can be."""
    settled = [invoice for invoice in invoices if invoice.amount_due_cents == 0]
    for invoice in settled:
        invoice.status, invoice.paid_at = InvoiceStatus.PAID, now
    if settled:
        update_rows(Invoice, settled, ("status", "paid_at"))
