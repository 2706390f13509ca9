"""Owns the pages of those who issue invoices, and of their number series."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from billing_site.kit.admin import BackOfficeAdmin, ReadOnlyAdmin, RowPageMixin, link_column
from invoices.models import NumberSeries, Seller


@admin.register(Seller)
class SellerAdmin(RowPageMixin, BackOfficeAdmin):
    list_display = (
        "name",
        "legal_name",
        "country",
        "tax_id",
        "invoice_number_pattern",
        "payment_terms_days",
        "is_default",
    )
    search_fields = ("name", "legal_name")
    ordering = ("name",)
    shows_history = True
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "legal_name"),
                    "address",
                    ("country", "email"),
                    ("tax_id", "is_default"),
                    "registration",
                )
            },
        ),
        ("Bank account, as printed", {"fields": ("bank_name", ("iban", "bic"))}),
        (
            "Documents",
            {
                "fields": (
                    ("language", "payment_terms_days"),
                    ("invoice_number_pattern", "credit_note_number_pattern"),
                    "logo_svg",
                ),
                "description": "A change shows on what is issued from now on; issued documents keep their own copy.",
            },
        ),
    )


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin):
    """Counters are moved by issuing, never by hand."""

    list_display = (link_column("seller"), "kind", "year", "last_number", "next_number")
    list_filter = ("kind", "year")
    ordering = ("-year", "seller__name", "kind")
    list_display_links = ("kind",)

    def next_number(self, series: NumberSeries) -> str:
        seller, is_invoice = series.seller, series.kind == "invoice"
        pattern = seller.invoice_number_pattern if is_invoice else seller.credit_note_number_pattern
        try:
            return pattern.format(year=series.year, seq=series.last_number + 1)
        except (KeyError, IndexError, ValueError):
            return f"The pattern {pattern} cannot be filled in."

    next_number.short_description = "Next"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("seller")
