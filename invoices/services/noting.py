"""Notes of issued invoices: the one text that may still change."""

from __future__ import annotations

from django.db import transaction

from billing_site.kit.errors import Refused
from invoices.enums import InvoiceStatus, Origin
from invoices.models import Invoice


class NotNotable(Refused):
    """Drafts are changed in their form, and what Stripe says of its invoices is changed there."""


@transaction.atomic
def write_notes(*, invoice: Invoice, notes: str) -> Invoice:
    """Change the notes of an issued invoice of ours; its kept document stays as it was. Raises NotNotable."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if invoice.origin != Origin.NATIVE or invoice.status == InvoiceStatus.DRAFT:
        raise NotNotable(f"Notes of {invoice} are not changed here: it is no issued invoice of ours.")
    invoice.notes = notes
    invoice.save(update_fields=["notes", "updated_at"])
    return invoice
