"""Owns the pages of those who issue invoices, and of their number series."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.html import format_html

from billing_site.kit.admin import BackOfficeAdmin, ReadOnlyAdmin, RowPageMixin, link_column
from billing_site.kit.admin.columns import EMPTY
from invoices.admin.parties import SellerForm
from invoices.enums import DocumentKind
from invoices.logos import data_url
from invoices.models import NumberSeries, Seller
from invoices.numbering import fault_of_pattern, number, year_of_series

_NEXT = {"invoice_number_pattern": DocumentKind.INVOICE, "credit_note_number_pattern": DocumentKind.CREDIT_NOTE}


@admin.register(Seller)
class SellerAdmin(RowPageMixin, BackOfficeAdmin):
    form = SellerForm
    list_display = (
        "name",
        "legal_name",
        "country",
        "tax_id",
        "next_invoice",
        "payment_terms_days",
        "is_default",
    )
    search_fields = ("name", "legal_name", "tax_id")
    ordering = ("name",)
    shows_history = True
    readonly_fields = ("logo_shown", "next_invoice", "next_credit_note")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "legal_name"),
                    "address",
                    ("country", "tax_id"),
                    ("email", "is_default"),
                    "registration",
                )
            },
        ),
        ("Bank account, as printed", {"fields": ("bank_name", ("iban", "bic"), "bank_details")}),
        (
            "Numbers",
            {
                "fields": (
                    ("invoice_number_pattern", "next_invoice"),
                    ("credit_note_number_pattern", "next_credit_note"),
                ),
                "description": (
                    "Numbers have no gaps. Write {seq} or {seq:06} for the number and {year} for the year; "
                    "with a year, counting begins anew each January."
                ),
            },
        ),
        (
            "Documents",
            {
                "fields": (("language", "payment_terms_days"), ("logo_shown", "logo"), "removes_logo"),
                "description": "A change shows on what is issued from now on; issued documents keep their own copy.",
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Seller | None = None) -> Any:
        """Offer the upload of a logo to those only who may change it."""
        found = super().get_fieldsets(request, obj)
        if not self._is_only_read(request, obj):
            return found
        title, options = found[-1]
        return [*found[:-1], (title, {**options, "fields": (*options["fields"][:1], "logo_shown")})]

    def logo_shown(self, seller: Seller) -> Any:
        """Show the logo as documents do, on white; a picture in an address runs nothing."""
        if not seller.logo_svg:
            return EMPTY
        return format_html('<img class="seller-logo" alt="Logo" src="{}">', data_url(seller.logo_svg))

    logo_shown.short_description = "Logo today"  # type: ignore[attr-defined]

    def next_invoice(self, seller: Seller) -> Any:
        return _shown(seller, "invoice_number_pattern")

    next_invoice.short_description = "Next invoice"  # type: ignore[attr-defined]

    def next_credit_note(self, seller: Seller) -> Any:
        return _shown(seller, "credit_note_number_pattern")

    next_credit_note.short_description = "Next credit note"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("number_series")

    def save_model(self, request: HttpRequest, obj: Seller, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        note = form.note_on_tax_id()
        if note:
            messages.info(request, note)

    def get_custom_urls(self) -> Any:
        return (("numbers/", "invoices_seller_numbers", self.numbers),)

    def numbers(self, request: HttpRequest, model_admin: Any) -> JsonResponse:  # noqa: ARG002 - the theme's signature
        """Tell which numbers patterns give while they are typed; nothing is taken."""
        if request.method != "POST" or not self.has_view_or_change_permission(request):
            raise PermissionDenied
        asked = request.POST.get("seller", "")
        found = self.get_queryset(request).filter(pk=asked).first() if asked.isdecimal() and len(asked) < 10 else None  # noqa: PLR2004
        seller = found or Seller()
        return JsonResponse(
            {field: next_number(seller, kind, request.POST.get(field, "")) for field, kind in _NEXT.items()}
        )

    class Media:
        js = ("brand/next_numbers.js",)


def next_number(seller: Seller, kind: str, pattern: str) -> str:
    """Say which number the next document gets by a pattern, or why none does."""
    fault = fault_of_pattern(pattern)
    if fault:
        return fault
    this_year = timezone.localdate().year
    counted = year_of_series(pattern, year=this_year)
    series = seller.number_series.all() if seller.pk else ()
    last = next((row.last_number for row in series if (row.kind, row.year) == (kind, counted)), 0)
    return number(pattern, year=this_year, seq=last + 1)


def _shown(seller: Seller, pattern: str) -> Any:
    """Name the pattern beside its next number, so that the page can follow what is typed."""
    return format_html(
        '<span data-next="{}">{}</span>', pattern, next_number(seller, _NEXT[pattern], getattr(seller, pattern))
    )


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin):
    """Counters are moved by issuing, never by hand."""

    list_display = (link_column("seller"), "kind", "counted_in", "last_number", "next_number")
    list_filter = ("kind", "year")
    ordering = ("-year", "seller__name", "kind")
    list_display_links = ("kind",)

    def counted_in(self, series: NumberSeries) -> str:
        return str(series.year) if series.year else "All years"

    counted_in.short_description = "Year"  # type: ignore[attr-defined]
    counted_in.admin_order_field = "year"  # type: ignore[attr-defined]

    def next_number(self, series: NumberSeries) -> str:
        seller, is_invoice = series.seller, series.kind == DocumentKind.INVOICE
        pattern = seller.invoice_number_pattern if is_invoice else seller.credit_note_number_pattern
        year = series.year or timezone.localdate().year
        return fault_of_pattern(pattern) or number(pattern, year=year, seq=series.last_number + 1)

    next_number.short_description = "Next"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("seller")
