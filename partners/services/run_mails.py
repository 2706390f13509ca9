"""The invoices of a run by e-mail: queued once each, and what cannot be queued says why on its entry."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing_site.kit.errors import Refused
from invoices.services.sending import OnItsWay, SentAlready, queue_invoice
from partners.enums import RunStatus
from partners.models import BillingRun, BillingRunEntry
from partners.services.runs import locked

_RECENT = dt.timedelta(days=7)  # by then each invoice has a delivery, or its entry a reason
_NOT_SENT = "Not sent: "


class NotToSend(Refused):
    """Only an approved or issued run has invoices to send."""


@transaction.atomic
def ask_send(*, run: BillingRun, by: str) -> BillingRun:
    """Have each invoice of a run sent once its document is kept, and those that could not be sent tried again.

    Asked twice, each still goes out once. Raises NotToSend.
    """
    run = locked(run)
    if run.status not in (RunStatus.APPROVED, RunStatus.ISSUED):
        raise NotToSend(f"The run of {run} is {run.get_status_display().lower()}; approve and issue it first.")
    if not run.sends:
        run.sends, run.sends_by = True, by
        run.save(update_fields=["sends", "sends_by"])
    run.entries.not_sent().update(reason="")
    return run


def queue_mails(*, run: BillingRun, now: dt.datetime, limit: int = 500) -> int:
    """Queue the e-mails of a run that has none yet for them, a transaction each; return how many were queued."""
    waiting = list(run.entries.to_send().select_related("invoice").order_by("pk")[:limit])
    return sum(_is_queued(entry, by=run.sends_by, now=now) for entry in waiting)


def queue_all_mails(*, now: dt.datetime) -> int:
    """Do so for every run whose invoices are to be sent."""
    runs = BillingRun.objects.sending(since=now - _RECENT)
    return sum(queue_mails(run=run, now=now) for run in runs)


def _is_queued(entry: BillingRunEntry, *, by: str, now: dt.datetime) -> bool:
    if entry.invoice is None:
        return False
    try:
        queue_invoice(invoice=entry.invoice, by=by, now=now)
    except (OnItsWay, SentAlready):  # somebody queued it beside us
        return False
    except Refused as refusal:
        BillingRunEntry.objects.filter(pk=entry.pk).update(reason=f"{_NOT_SENT}{refusal}")
        return False
    return True
