"""Work on invoices that may be done at any time and twice: the query says what is missing."""

from __future__ import annotations

import structlog
from celery import shared_task

from invoices.documents import keep_document
from invoices.models import Invoice

log = structlog.get_logger(__name__)


@shared_task
def render_documents(limit: int = 500) -> str:
    """Keep the document of every issued invoice that has none; a failure leaves the invoice waiting and is logged."""
    kept = failed = 0
    for invoice in Invoice.objects.awaiting_document().order_by("pk")[:limit]:
        try:
            keep_document(invoice=invoice)
            kept += 1
        except Exception:
            failed += 1
            log.exception("document_failed", invoice=str(invoice))
    return f"{kept} documents kept, {failed} failed" if kept or failed else "no document was missing"
