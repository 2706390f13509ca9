"""Owns turning a canonical invoice into PDF/A-3b: nothing is fetched, and the same invoice gives the same bytes."""

from __future__ import annotations

import hashlib
from threading import Lock

from django.template.loader import render_to_string
from weasyprint import HTML
from weasyprint.urls import URLFetcher

from billing_site.kit.garbage import collector_paused
from invoices.canonical import CanonicalInvoice
from invoices.pdf.presenting import present
from invoices.pdf.typefaces import typography_for

_one_at_a_time = Lock()  # Pango's font maps are shared and not thread-safe


def render(invoice: CanonicalInvoice) -> bytes:
    """Return the document as PDF; byte-identical for an equal invoice."""
    return pdf_from_html(render_html(invoice))


def render_html(invoice: CanonicalInvoice) -> str:
    """Return the page the PDF is set from."""
    return render_to_string("invoices/invoice.html", present(invoice))


def pdf_from_html(html: str) -> bytes:
    """Set a page as PDF/A-3b; addresses other than `data:` are never opened."""
    # A lone surrogate cannot be written in any file: it prints as a question mark rather than stop the run.
    source = html.encode("utf-8", "replace")
    # Layout makes millions of boxes that live to its end: looking for garbage among them is lost time.
    with _one_at_a_time, collector_paused():
        typography = typography_for(html)
        page = HTML(string=source.decode(), url_fetcher=URLFetcher(allowed_protocols={"data"}))
        return bytes(
            page.write_pdf(
                stylesheets=list(typography.sheets),
                font_config=typography.fonts,
                pdf_variant="pdf/a-3b",
                pdf_identifier=hashlib.sha256(source).digest()[:16],
            ),
        )


def fingerprint(pdf: bytes) -> str:
    """Return the sha256 kept beside a stored document."""
    return hashlib.sha256(pdf).hexdigest()
