"""The invoices of a run by e-mail: queued once each, and what cannot be queued says why on its entry."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing_site.kit.errors import Refused
from invoices.enums import DeliveryState
from invoices.models import Delivery, Invoice
from invoices.services.sending import OnItsWay, SentAlready, latest_delivery, queue_invoice, resend
from partners.enums import RunStatus
from partners.models import BillingRun, BillingRunEntry
from partners.services.runs.stages import locked

_NOT_SENT = "Not sent: "


class NotToSend(Refused):
    """Only an approved or issued run has invoices to send."""


@transaction.atomic
def ask_send(*, run: BillingRun, now: dt.datetime, by: str) -> BillingRun:
    """Have each invoice of a run sent once its document is kept, and those that could not be sent tried again.

    Asked twice, each still goes out once; a mail of which nobody knows whether it went is left to a person.
    Raises NotToSend.
    """
    run = locked(run)
    if run.status not in (RunStatus.APPROVED, RunStatus.ISSUED):
        raise NotToSend(f"The run of {run} is {run.get_status_display().lower()}; approve and issue it first.")
    if not run.sends:
        run.sends, run.sends_by = True, by
        run.save(update_fields=["sends", "sends_by"])
    run.entries.not_sent().update(reason="")
    for entry in run.entries.to_send_again().select_related("invoice").order_by("pk"):
        _queue(entry, by=by, now=now)
    return run


def queue_mails(*, run: BillingRun, now: dt.datetime, limit: int = 500) -> int:
    """Queue the e-mails of a run that has none yet for them, a transaction each; return how many were queued."""
    waiting = list(run.entries.to_send().select_related("invoice").order_by("pk")[:limit])
    return sum(_queue(entry, by=run.sends_by, now=now) is not None for entry in waiting)


def queue_all_mails(*, now: dt.datetime) -> int:
    """Do so for every run whose invoices are to be sent."""
    runs = BillingRun.objects.sending()
    return sum(queue_mails(run=run, now=now) for run in runs)


def _queue(entry: BillingRunEntry, *, by: str, now: dt.datetime) -> Delivery | None:
    """Queue an invoice for the first time, or again after its mail failed; a refusal is told on the entry."""
    if entry.invoice is None:
        return None
    try:
        return _queued(entry.invoice, by=by, now=now)
    except (OnItsWay, SentAlready):  # somebody queued it beside us
        return None
    except Refused as refusal:
        BillingRunEntry.objects.filter(pk=entry.pk).update(reason=f"{_NOT_SENT}{refusal}")
        return None


def _queued(invoice: Invoice, *, by: str, now: dt.datetime) -> Delivery:
    before = latest_delivery(invoice)
    if before is None or before.state != DeliveryState.FAILED:
        return queue_invoice(invoice=invoice, by=by, now=now)
    return resend(delivery=before, reason="Sent again with its run.", by=by, now=now)
