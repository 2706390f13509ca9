"""Owns the list of kept PDFs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, link_column
from invoices.models import Document


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = (
        "file",
        "kind",
        link_column("invoice"),
        link_column("credit_note"),
        "size",
        "fingerprint",
        "created_at",
    )
    list_filter = ("kind", ("created_at", DateRange))
    search_fields = ("file_name", "invoice__invoice_number", "sha256__startswith")
    search_help_text = "File name, invoice number, or the beginning of the SHA-256"
    ordering = ("-created_at",)
    fields = ("file_name", "kind", "invoice", "credit_note", "sha256", "size", "created_at", "open_link")
    readonly_fields = ("size", "open_link")

    def file(self, document: Document) -> str:
        return document.file_name.rpartition("/")[2]

    file.admin_order_field = "file_name"  # type: ignore[attr-defined]

    def size(self, document: Document) -> str:
        return str(filesizeformat(document.size_bytes))

    def fingerprint(self, document: Document) -> Any:
        return format_html(
            '<span class="font-mono text-xs" title="{}">{}…</span>', document.sha256, document.sha256[:12]
        )

    fingerprint.short_description = "SHA-256"  # type: ignore[attr-defined]

    def open_link(self, document: Document) -> Any:
        return format_html(
            '<a class="text-link" target="_blank" href="{}">Open the PDF</a>',
            reverse("document-file", args=[document.pk]),
        )

    open_link.short_description = "File"  # type: ignore[attr-defined]
