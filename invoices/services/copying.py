"""Copies of what Stripe says: verbatim, compared before written, never recomputed or renumbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from billing_site.kit.copying import copy_row
from invoices.enums import Origin
from invoices.models import CreditNote, Customer, Invoice, InvoiceLine


@transaction.atomic(savepoint=False)
def copy_stripe_customer(*, stripe_customer_id: str, **fields: Any) -> tuple[Customer, bool]:
    """Make our customer say what Stripe's says; return it, and whether anything was new."""
    return copy_row(Customer, key={"stripe_customer_id": stripe_customer_id}, fields=fields)


@transaction.atomic(savepoint=False)
def add_stripe_customer(*, stripe_customer_id: str, **fields: Any) -> Customer:
    """Add a customer of Stripe's that we do not have; the caller holds its lock and has looked."""
    return Customer.objects.create(stripe_customer_id=stripe_customer_id, **fields)


@transaction.atomic(savepoint=False)
def copy_stripe_invoice(
    *, stripe_invoice_id: str, lines: Sequence[Mapping[str, Any]], **fields: Any
) -> tuple[Invoice, bool]:
    """Make our row and its lines say what Stripe's invoice says; return it, and whether anything was new."""
    invoice, changed = copy_row(
        Invoice, key={"stripe_invoice_id": stripe_invoice_id}, fields={"origin": Origin.STRIPE, **fields}
    )
    return invoice, _copy_lines(invoice, lines) or changed


@transaction.atomic(savepoint=False)
def copy_stripe_credit_note(*, stripe_credit_note_id: str, **fields: Any) -> tuple[CreditNote, bool]:
    """Make our row say what Stripe's credit note says; return it, and whether anything was new."""
    return copy_row(
        CreditNote, key={"stripe_credit_note_id": stripe_credit_note_id}, fields={"origin": Origin.STRIPE, **fields}
    )


def _copy_lines(invoice: Invoice, lines: Sequence[Mapping[str, Any]]) -> bool:
    wanted = [{"position": n, **line} for n, line in enumerate(lines, start=1)]
    present = list(invoice.lines.order_by("position"))
    if len(present) == len(wanted) and all(
        getattr(row, name) == value for row, line in zip(present, wanted, strict=True) for name, value in line.items()
    ):
        return False
    invoice.lines.all().delete()
    InvoiceLine.objects.bulk_create(InvoiceLine(invoice=invoice, **line) for line in wanted)
    return True
