"""Work on invoices that may be done at any time and twice: the query says what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from billing_site.kit.errors import Refused
from billing_site.kit.jobs import recorded
from billing_site.kit.locks import took
from billing_site.kit.nudging import nudge
from billing_site.kit.wording import counted
from invoices.documents import keep_document
from invoices.enums import DeliveryState
from invoices.models import CreditNote, Delivery, Invoice
from invoices.recounting import Difference, recount
from invoices.sending import MailServerAway, send_delivery
from invoices.services.sending import note_silence, withdraw_void

log = structlog.get_logger(__name__)
_NAMED = 20
# A sweep that has kept so many nudges the next one: a month end draws for minutes, and runs, mails and Stripe's events
# wait in the same queue for their turn.
DOCUMENTS_IN_A_SWEEP: Final = 50


@shared_task
def render_documents(limit: int = DOCUMENTS_IN_A_SWEEP) -> None:
    """Keep the document of issued papers that have none; a failure leaves the paper waiting and is logged."""
    drawn = Counter[bool | None]()
    with recorded("invoices.tasks.render_documents", timezone.now()) as run:
        for outcome in _drawn():
            drawn[outcome] += 1
            if drawn[True] >= limit:
                break
        if drawn[True] or drawn[False]:
            run.did(f"{counted(drawn[True], 'document')} kept, {drawn[False]} failed.")
    if drawn[True] >= limit:
        nudge(render_documents)
    if Delivery.objects.due(now=timezone.now()).exists():
        nudge(send_deliveries)


class TotalsDiffer(Refused):
    """A stored amount is not the sum of its lines: somebody must look."""


@shared_task
def recount_totals() -> None:
    """Add every invoice up again. What differs of ours fails the job, so that it shows; of Stripe's it is told."""
    with recorded("invoices.tasks.recount_totals", timezone.now()) as run:
        found = recount()
        stripes = _named(found.of_stripes, "of Stripe's differ from their lines")
        if found.of_ours:
            raise TotalsDiffer("; ".join([_named(found.of_ours, "amounts of ours differ"), *filter(None, [stripes])]))
        if found.ours or stripes:
            run.did(
                "; ".join([f"{counted(found.ours, 'invoice')} added up again, all agree", *filter(None, [stripes])])
                + "."
            )


def _named(differences: Sequence[Difference], what: str) -> str:
    named = ", ".join(str(one) for one in differences[:_NAMED])
    more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    return f"{len(differences)} {what}: {named}{more}" if differences else ""


@shared_task
def send_deliveries(limit: int = 500) -> None:
    """Send what waits and has its document; what a worker left without a word is shown, and never sent by itself."""
    now = timezone.now()
    with recorded("invoices.tasks.send_deliveries", now) as run:
        counts = Counter({DeliveryState.UNKNOWN: note_silence(now=now), DeliveryState.FAILED: withdraw_void(now=now)})
        due = Delivery.objects.due(now=now).order_by("next_attempt_at", "pk")
        away = _send(due.select_related("invoice", "credit_note__invoice")[:limit], counts)
        told = [f"{count} {_TOLD[state]}" for state, count in counts.items() if count]
        run.did("; ".join([*told, *([away] if away else [])]))


_TOLD = {
    DeliveryState.SENT: "sent",
    DeliveryState.QUEUED: "to be tried again",
    DeliveryState.FAILED: "failed",
    DeliveryState.UNKNOWN: "unknown: check, then send again",
}


def _send(deliveries: Iterable[Delivery], counts: Counter[DeliveryState]) -> str:
    """Send one after the other, counting what became of them; stop at a mail server that is away and say so."""
    for delivery in deliveries:
        try:
            state = send_delivery(delivery=delivery, now=timezone.now())
        except MailServerAway as away:
            return str(away)
        if state:
            counts[DeliveryState(state)] += 1
    return ""


def _drawn() -> Iterator[bool | None]:
    """Draw what waits, one paper in memory at a time."""
    for papers in (Invoice.objects, CreditNote.objects):
        for pk in list(papers.awaiting_document().order_by("pk").values_list("pk", flat=True)):
            yield _draw(papers, pk)


def _draw(papers: Any, pk: int) -> bool | None:
    """Keep the document of one paper; None where another sweep is at it, or was: so workers share what waits."""
    try:
        with transaction.atomic():
            if not took(f"draw:{papers.model.__name__}:{pk}"):
                return None
            if paper := papers.awaiting_document().filter(pk=pk).first():
                keep_document(paper=paper)
            return True if paper else None
    except Exception:
        log.exception("document_failed", paper=f"{papers.model.__name__} {pk}")
        return False
