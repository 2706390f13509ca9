"""Owns how an invoice's state, number and origin look in a cell."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from billing_site.kit.admin import badge
from invoices.enums import InvoiceStatus
from invoices.models import Invoice

_TONES = {"draft": "", "open": "info", "paid": "success", "void": "", "uncollectible": "warning"}


def number(invoice: Invoice) -> str:
    """Name an invoice in a list: its number, Stripe's id where Stripe gave none, or that it is a draft."""
    return invoice.invoice_number or invoice.stripe_invoice_id or f"Draft {invoice.pk}"


number.short_description = "Number"  # type: ignore[attr-defined]
number.admin_order_field = "invoice_number"  # type: ignore[attr-defined]


def status_badge(invoice: Invoice, *, on: dt.date | None = None) -> Any:
    """Show the status; an open invoice past its due date says so."""
    if is_overdue(invoice, on=on or timezone.localdate()):
        return badge("Overdue", "danger")
    return badge(invoice.get_status_display(), _TONES[invoice.status])


def status(invoice: Invoice) -> Any:
    return status_badge(invoice)


status.admin_order_field = "status"  # type: ignore[attr-defined]


def is_overdue(invoice: Invoice, *, on: dt.date) -> bool:
    return (
        invoice.status == InvoiceStatus.OPEN
        and invoice.amount_due_cents > 0
        and invoice.due_date is not None
        and invoice.due_date < on
    )
