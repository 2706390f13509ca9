"""Owns the doors to kept documents and mails: asked for by id, shown to those who may see invoices."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from billing_site.kit.files import StoreFailed, store_at_work
from billing_site.kit.framing import pdf_response
from invoices.documents import DocumentDamaged, DocumentLost, open_document
from invoices.enums import Channel
from invoices.models import Delivery, Document
from invoices.sending import preview_mail

_SIGNED_SECONDS = 120


@require_safe
def document_file(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """Serve a PDF from disk, or lead to a short-lived address of the object store; `?embed` serves it from here."""
    if not (request.user.is_authenticated and request.user.is_staff):
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    if not request.user.has_perm("invoices.view_document"):
        raise PermissionDenied
    document = get_object_or_404(Document, pk=document_id)
    try:
        with store_at_work(unharmed="The document is as it was: try again in a moment."):
            content = open_document(document)  # checked here too where the store itself serves it
    except (DocumentDamaged, StoreFailed) as error:
        return HttpResponse(str(error), status=_status_of(error), content_type="text/plain; charset=utf-8")
    name = document.file_name.rpartition("/")[2]
    if "embed" in request.GET or isinstance(storages["default"], FileSystemStorage):
        return pdf_response(content, name)
    asked = {"ResponseContentType": "application/pdf", "ResponseContentDisposition": f'inline; filename="{name}"'}
    return HttpResponseRedirect(default_storage.url(document.file_name, parameters=asked, expire=_SIGNED_SECONDS))  # type: ignore[call-arg]


def _status_of(error: DocumentDamaged | StoreFailed) -> HTTPStatus:
    if isinstance(error, StoreFailed):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.NOT_FOUND if isinstance(error, DocumentLost) else HTTPStatus.INTERNAL_SERVER_ERROR


@require_safe
def delivery_mail(request: HttpRequest, delivery_id: uuid.UUID) -> HttpResponse:
    """Show a mail as it was sent, or as it would read now; `?part=text` shows its plain part. Nothing in it can run."""
    if not (request.user.is_authenticated and request.user.is_staff):
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    if not request.user.has_perm("invoices.view_delivery"):
        raise PermissionDenied
    delivery = get_object_or_404(Delivery, pk=delivery_id, channel=Channel.EMAIL)
    text, html = (delivery.body_text, delivery.body_html) if delivery.body_html else preview_mail(delivery=delivery)
    if request.GET.get("part") == "text":
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    response = HttpResponse(html, headers={"X-Frame-Options": "SAMEORIGIN"})
    response._csp_replace = {  # type: ignore[attr-defined]  # noqa: SLF001 - django-csp's own hook
        "default-src": [NONE],
        "img-src": [NONE],
        "style-src": [UNSAFE_INLINE],
        "frame-ancestors": [SELF],
    }
    return response
