"""What money and credits do to an invoice. Called by the floor that holds the money; amounts in minor units."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from invoices.enums import InvoiceStatus, Origin
from invoices.models import Invoice

_PAYABLE = (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.PAID)


class NotPayable(Refused):
    """Only an issued invoice of ours that is not void can be paid here."""


class MoreThanIsDue(Refused):
    """An invoice takes what is due on it; the rest stays unapplied."""


@transaction.atomic
def settle_invoice(*, invoice: Invoice, amount_cents: int, now: dt.datetime) -> Invoice:
    """Count `amount_cents` as paid (negative: take it back). Raises NotPayable, MoreThanIsDue."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.origin != Origin.NATIVE or invoice.status not in _PAYABLE:
        status = invoice.get_status_display().lower()
        raise NotPayable(f"Invoice {invoice} is {status}; only an open invoice of ours can be paid here.")
    if amount_cents > invoice.amount_due_cents:
        given = Money(amount_cents, invoice.currency).format()
        raise MoreThanIsDue(f"{given} is more than the {invoice.amount_due.format()} due on {invoice}.")
    invoice.amount_paid_cents += amount_cents
    invoice.amount_due_cents -= amount_cents
    close_or_reopen(invoice, now=now)
    invoice.save(update_fields=["amount_paid_cents", "amount_due_cents", "status", "paid_at", "updated_at"])
    return invoice


def close_or_reopen(invoice: Invoice, *, now: dt.datetime) -> None:
    """Let the status follow the amounts: paid when nothing is owed or given up, open again when something is owed."""
    settled = not invoice.amount_due_cents and not invoice.written_off_cents
    if settled and invoice.status in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE):
        invoice.status, invoice.paid_at = InvoiceStatus.PAID, now
    elif invoice.amount_due_cents > 0 and invoice.status != InvoiceStatus.OPEN:
        invoice.status, invoice.paid_at = InvoiceStatus.OPEN, None
