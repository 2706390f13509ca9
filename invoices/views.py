"""Owns the door to kept documents: asked for by id, shown to those who may see invoices."""

from __future__ import annotations

import uuid

from csp.constants import SELF
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from invoices.documents import DocumentDamaged, open_document
from invoices.models import Document

_SIGNED_SECONDS = 120


@require_safe
def document_file(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """Serve a PDF from disk, or lead to a short-lived address of the object store; `?embed` serves it from here."""
    if not (request.user.is_authenticated and request.user.is_staff):
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    if not request.user.has_perm("invoices.view_document"):
        raise PermissionDenied
    document = get_object_or_404(Document, pk=document_id)
    name = document.file_name.rpartition("/")[2]
    if "embed" in request.GET or isinstance(storages["default"], FileSystemStorage):
        return _served(document, name)
    asked = {"ResponseContentType": "application/pdf", "ResponseContentDisposition": f'inline; filename="{name}"'}
    return HttpResponseRedirect(default_storage.url(document.file_name, parameters=asked, expire=_SIGNED_SECONDS))  # type: ignore[call-arg]


def _served(document: Document, name: str) -> HttpResponse:
    try:
        content = open_document(document)
    except FileNotFoundError as error:
        raise Http404(f"{name} is not in the store; restore it from a backup.") from error
    except DocumentDamaged as error:
        return HttpResponse(str(error), status=500, content_type="text/plain; charset=utf-8")
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    response._csp_update = {"object-src": [SELF]}  # type: ignore[attr-defined]  # noqa: SLF001 - browsers show a PDF as an object
    return response
