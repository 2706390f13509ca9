"""Which answers may stand in a frame of our own pages, and never of others': none but those that pass here."""

from __future__ import annotations

from csp.constants import SELF
from django.http import HttpResponse
from django.utils.http import content_disposition_header


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """Show a PDF in the browser or in a frame of our own pages; nothing keeps a copy on the way."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(as_attachment=False, filename=name) or "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    response["X-Frame-Options"] = "SAMEORIGIN"
    # Browsers show a PDF as an object.
    response._csp_replace = {"object-src": [SELF], "frame-ancestors": [SELF]}  # type: ignore[attr-defined]  # noqa: SLF001 - django-csp's own hook
    return response
