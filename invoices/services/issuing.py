"""Issuing: the moment a draft becomes a claim, with its number, dates and a copy of both parties."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from billing_site.kit.errors import Refused
from invoices.enums import DocumentKind, InvoiceStatus
from invoices.models import Customer, Invoice, NumberSeries, Seller
from invoices.services.drafting import recalculate_draft, refuse_unless_draft


class NothingToIssue(Refused):
    """An invoice needs a line and a seller before it can be issued."""


@transaction.atomic
def issue_invoice(*, invoice: Invoice, on: dt.date, now: dt.datetime, by: str) -> Invoice:
    """Issue one draft, dated `on`. Raises NotADraft, NothingToIssue."""
    return issue_invoices(invoices=[invoice], on=on, now=now, by=by)[0]


@transaction.atomic
def issue_invoices(*, invoices: Sequence[Invoice], on: dt.date, now: dt.datetime, by: str) -> list[Invoice]:
    """Issue drafts together: one block of numbers per seller, taken last, so that a refusal costs no number."""
    ids = sorted(invoice.pk for invoice in invoices)
    locked = list(
        Invoice.objects.select_for_update(of=("self",))
        .select_related("seller", "customer")
        .filter(pk__in=ids)
        .order_by("pk")
    )
    for draft in locked:
        _refuse_unissuable(draft)
    ready = [_with_copies(recalculate_draft(invoice=draft), on=on, now=now, by=by) for draft in locked]
    _number(ready, year=on.year)
    for invoice in ready:
        invoice.save()
    for invoice in ready:
        if invoice.amount_due_cents == 0:
            invoice.status, invoice.paid_at = InvoiceStatus.PAID, now
            invoice.save(update_fields=["status", "paid_at", "updated_at"])
    return ready


def take_numbers(*, seller: Seller, kind: DocumentKind, year: int, count: int) -> list[str]:
    """Take `count` consecutive numbers; the counter's row stays locked until the transaction ends, so none is lost."""
    series, _ = NumberSeries.objects.get_or_create(seller=seller, kind=kind, year=year)
    NumberSeries.objects.filter(pk=series.pk).update(last_number=F("last_number") + count)
    last = NumberSeries.objects.values_list("last_number", flat=True).get(pk=series.pk)
    pattern = seller.invoice_number_pattern if kind == DocumentKind.INVOICE else seller.credit_note_number_pattern
    return [pattern.format(year=year, seq=number) for number in range(last - count + 1, last + 1)]


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
    return {"name": seller.name, "address": seller.address.splitlines()} | {
        name: getattr(seller, name) for name in kept
    }


def _refuse_unissuable(draft: Invoice) -> None:
    refuse_unless_draft(draft)
    seller_of(draft)
    if not draft.lines.exists():
        raise NothingToIssue(f"{draft} has no lines; add one before issuing it.")


def _with_copies(invoice: Invoice, *, on: dt.date, now: dt.datetime, by: str) -> Invoice:
    invoice.status = InvoiceStatus.OPEN
    invoice.issue_date, invoice.issued_at = on, now
    invoice.due_date = invoice.due_date or on + dt.timedelta(days=invoice.payment_terms_days)
    invoice.bill_to, invoice.sold_by = bill_to_of(invoice.customer), sold_by_of(seller_of(invoice))
    invoice.metadata = {**invoice.metadata, "issued_by": by}
    return invoice


def _number(invoices: Sequence[Invoice], *, year: int) -> None:
    by_seller: dict[Seller, list[Invoice]] = {}
    for invoice in invoices:
        by_seller.setdefault(seller_of(invoice), []).append(invoice)
    for seller in sorted(by_seller, key=lambda seller: seller.pk):  # one order of locks for everybody
        numbered = by_seller[seller]
        numbers = take_numbers(seller=seller, kind=DocumentKind.INVOICE, year=year, count=len(numbered))
        for invoice, number in zip(numbered, numbers, strict=True):
            invoice.invoice_number = number
