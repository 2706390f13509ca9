"""Owns the buttons that draw a paper on demand: a draft as it would be printed, a paid invoice as a stamped copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from billing_site.kit.admin import button, row_or_404
from billing_site.kit.framing import pdf_response
from invoices.documents import paid_copy, preview_document
from invoices.enums import InvoiceStatus, Origin
from invoices.models import Invoice


def is_preview(invoice: Invoice) -> bool:
    return invoice.origin == Origin.NATIVE and invoice.status == InvoiceStatus.DRAFT


def is_paid(invoice: Invoice) -> bool:
    return invoice.origin == Origin.NATIVE and invoice.status == InvoiceStatus.PAID


class PrintsMixin:
    """Offers the papers that are drawn for whoever asks; nothing is kept."""

    @button("PDF", icon="picture_as_pdf", opens_tab=True)
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Draw a draft as it would be printed now."""
        return self._drawn(request, object_id, is_preview, lambda draft: preview_document(invoice=draft))

    @button("Paid copy", icon="approval", opens_tab=True)
    def stamped(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Draw a copy that says what was paid; the kept original stays as it is."""
        return self._drawn(request, object_id, is_paid, lambda paid: paid_copy(invoice=paid))

    def _drawn(
        self, request: HttpRequest, object_id: str, offered: Callable[[Invoice], bool], draw: Callable[[Invoice], bytes]
    ) -> HttpResponse:
        admin: Any = self
        invoice = row_or_404(admin, request, object_id)
        if not admin.has_view_or_change_permission(request, invoice) or not offered(invoice):
            raise PermissionDenied
        return pdf_response(draw(invoice), f"{invoice}.pdf")
