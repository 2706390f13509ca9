"""How what was issued went to its customers: by their portals first, by e-mail since the last month end."""

from __future__ import annotations

import datetime as dt

from billing_site.demo.agenda import as_if
from billing_site.demo.dates import Dates
from billing_site.demo.month_ends import BOOKED_BY
from invoices.documents import keep_document
from invoices.enums import Channel
from invoices.models import CreditNote, Invoice
from invoices.sending import send_delivery
from invoices.services import mark_sent, queue_invoice
from invoices.services.sending import record_failure

BOUNCES = "Harborview Mortgage Tech Inc."
_SOON = dt.timedelta(minutes=20)


def send_past_papers(dates: Dates) -> None:
    """Send every paper of ours that is still to be sent, as if at once after it was issued."""
    begins = dates.month(1).start
    for invoice in Invoice.objects.not_sent().select_related("customer").order_by("issued_at"):
        at = (invoice.issued_at or dates.ends_at) + _SOON
        if invoice.issue_date and invoice.issue_date < begins:
            _upload(invoice, at)
        else:
            _mail(invoice, at)
    for note in CreditNote.objects.not_sent():
        _upload(note, note.created_at + _SOON)


def _upload(paper: Invoice | CreditNote, at: dt.datetime) -> None:
    mark_sent(paper=paper, channel=Channel.PORTAL, reason="Uploaded to the customer's portal", by=BOOKED_BY, now=at)


def _mail(invoice: Invoice, at: dt.datetime) -> None:
    """Send it, unless the address of this customer is gone."""
    with as_if(at):
        delivery = queue_invoice(invoice=invoice, by=BOOKED_BY, now=at)
        if invoice.customer.name == BOUNCES:
            refusal = f"The mail server refused {delivery.recipient}: 550 5.1.1 mailbox unavailable"
            record_failure(delivery=delivery, error=refusal, is_final=True, now=at)
            return
        keep_document(paper=invoice)
        send_delivery(delivery=delivery, now=at)
