"""Work on invoices that may be done at any time and twice: the query says what is missing."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from billing_site.kit.jobs import recorded
from invoices.documents import keep_document
from invoices.models import Invoice

log = structlog.get_logger(__name__)


@shared_task
def render_documents(limit: int = 500) -> None:
    """Keep the document of every issued invoice that has none; a failure leaves the invoice waiting and is logged."""
    with recorded("invoices.tasks.render_documents", timezone.now()) as run:
        waiting = list(Invoice.objects.awaiting_document().order_by("pk")[:limit])
        kept = sum(_is_kept(invoice) for invoice in waiting)
        if waiting:
            run.did(f"{kept} documents kept, {len(waiting) - kept} failed.")


def _is_kept(invoice: Invoice) -> bool:
    try:
        keep_document(invoice=invoice)
    except Exception:
        log.exception("document_failed", invoice=str(invoice))
        return False
    return True
