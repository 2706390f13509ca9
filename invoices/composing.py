"""Gathers what a paper prints, from its own frozen copies: an invoice, a paid copy of it, a credit note."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from invoices.annexes import annexes_for
from invoices.canonical import BankAccount, CanonicalInvoice, CanonicalLine, Language, Party, TaxSum
from invoices.enums import InvoiceStatus, Origin
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from invoices.services.drafting import totals_of
from invoices.services.issuing import bill_to_of, sold_by_of
from invoices.totals import usual_category


class NotPaid(Refused):
    """Only an invoice of ours that is paid has a copy that says so."""


def canonical_of(paper: Invoice | CreditNote) -> CanonicalInvoice:
    """Gather everything a paper prints, from its own copies once it is issued."""
    return _of_invoice(paper) if isinstance(paper, Invoice) else _of_note(paper)


def paid_copy_of(invoice: Invoice) -> CanonicalInvoice:
    """Gather the same paper with what was paid. Raises NotPaid.

    Its annexes and notes stay with the original: usage may have come late since, and notes may be of another time.
    """
    if invoice.origin != Origin.NATIVE or invoice.status != InvoiceStatus.PAID:
        raise NotPaid(f"{invoice} is not a paid invoice of ours, so there is no paid copy of it.")
    return replace(
        _of_invoice(invoice, with_annexes=False),
        is_copy=True,
        notes="",
        amount_paid_cents=invoice.amount_paid_cents,
        credited_cents=invoice.credited_cents,
        amount_due_cents=invoice.amount_due_cents,
        paid_at=invoice.paid_at,
    )


def _of_invoice(invoice: Invoice, *, with_annexes: bool = True) -> CanonicalInvoice:
    lines = list(invoice.lines.order_by("position"))
    return CanonicalInvoice(
        number=invoice.invoice_number or "",
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        currency=invoice.currency,
        language=cast("Language", invoice.language),
        seller=_seller(invoice),
        buyer=_buyer(invoice),
        lines=tuple(_line(line) for line in lines),
        subtotal_cents=invoice.subtotal_cents,
        discount_cents=invoice.discount_cents,
        taxes=_taxes(invoice, lines),
        tax_cents=invoice.tax_cents,
        total_cents=invoice.total_cents,
        amount_due_cents=invoice.total_cents,  # the paper says what was asked for; what happened since is a statement's
        period_start=invoice.billing_period_start,
        period_end=invoice.billing_period_end,
        purchase_order=invoice.purchase_order,
        contract_reference=invoice.contract_reference,
        notes=invoice.notes,
        terms=invoice.tax_note,
        annexes=annexes_for(invoice) if with_annexes else (),
    )


def _of_note(note: CreditNote) -> CanonicalInvoice:
    lines = list(note.lines.order_by("pk"))
    return CanonicalInvoice(
        kind="credit_note",
        number=note.number,
        corrects=str(note.invoice),
        issue_date=note.issue_date,
        currency=note.currency,
        language=cast("Language", note.invoice.language),
        seller=_seller(note.invoice),
        buyer=_buyer(note.invoice),
        lines=tuple(_credited_line(line, note.currency) for line in lines),
        subtotal_cents=note.subtotal_cents,
        taxes=_credited_taxes(lines),
        tax_cents=note.tax_cents,
        total_cents=note.total_cents,
        amount_due_cents=0,
        reduces_due_cents=note.reduces_due_cents,
        to_credit_cents=note.to_credit_cents,
        to_refund_cents=note.to_refund_cents,
        purchase_order=note.invoice.purchase_order,
        contract_reference=note.invoice.contract_reference,
        notes=note.reason,
        terms=note.invoice.tax_note,
    )


def _seller(invoice: Invoice) -> Party:
    copied = invoice.sold_by or (sold_by_of(invoice.seller) if invoice.seller else {"name": "", "address": []})
    legal_name = copied.get("legal_name") or copied["name"]
    return _party(copied | {"name": legal_name, "brand": copied["name"]}, bank=_bank(copied, holder=legal_name))


def _bank(copied: dict[str, Any], *, holder: str) -> BankAccount | None:
    details = tuple((label, value) for label, value in copied.get("bank_details", ()))
    if not (copied.get("iban") or details):
        return None
    return BankAccount(holder, copied["iban"], copied["bic"], copied["bank_name"], details)


def _buyer(invoice: Invoice) -> Party:
    return _party(invoice.bill_to or bill_to_of(invoice.customer))


def _party(copied: dict[str, Any], *, bank: BankAccount | None = None) -> Party:
    return Party(
        name=copied["name"],
        brand=copied.get("brand", ""),
        address_lines=tuple(copied["address"]),
        country=copied.get("country", ""),
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
        discount_rate=line.discount_rate,
        discount_cents=line.discount_given_cents,
    )


def _credited_line(line: CreditNoteLine, currency: str) -> CanonicalLine:
    return CanonicalLine(
        description=line.description,
        quantity=Decimal(1),
        unit_price=Money(line.amount_cents, currency).major,
        amount_cents=line.amount_cents,
        tax_rate=line.tax_rate,
    )


def _taxes(invoice: Invoice, lines: list[InvoiceLine]) -> tuple[TaxSum, ...]:
    if invoice.origin == Origin.STRIPE:
        return ()
    taxes = totals_of(invoice, lines).taxes
    return _told(TaxSum(tax.rate, tax.net_cents, tax.tax_cents, tax.category) for tax in taxes)


def _credited_taxes(lines: Iterable[CreditNoteLine]) -> tuple[TaxSum, ...]:
    sums: dict[tuple[str, Decimal], TaxSum] = {}
    for line in lines:
        group = (line.tax_category or usual_category(line.tax_rate), line.tax_rate)
        tax = sums.get(group, TaxSum(line.tax_rate, 0, 0))
        sums[group] = TaxSum(line.tax_rate, tax.net_cents + line.amount_cents, tax.tax_cents + line.tax_cents, group[0])
    return _told(sums.values())


def _told(taxes: Iterable[TaxSum]) -> tuple[TaxSum, ...]:
    """Tell the highest rate first; a paper on which all is zero rated knows no tax to tell of."""
    found = sorted(taxes, key=lambda tax: (-tax.rate, tax.category))
    return () if all(tax.category == "Z" for tax in found) else tuple(found)
