"""Owns the page of purchase orders: what each may be used for, what is drawn on it and what is left."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    MoneyForm,
    RowPageMixin,
    View,
    link_column,
    money_cell,
    money_column,
)
from billing_site.kit.admin.words import span_text
from partners.models import BillingRunEntry, PurchaseOrder

NO_LIMIT = "No limit"


class PurchaseOrderForm(MoneyForm):
    class Meta:
        model = PurchaseOrder
        fields = ("partner", "number", "product", "currency", "amount_cents", "start_date", "end_date", "notes")
        labels = {"amount_cents": "Limit"}


@admin.register(PurchaseOrder)
class PurchaseOrderAdmin(RowPageMixin, BackOfficeAdmin):
    form = PurchaseOrderForm
    list_display = (
        "number",
        link_column("partner"),
        "used_for",
        "validity",
        money_column("amount_cents", "Limit"),
        money_column("drawn_cents", "Drawn"),
        money_column("left_cents", "Left", sortable=False),
    )
    list_filter = (("start_date", DateRange), ("end_date", DateRange))
    search_fields = ("number", "partner__name", "notes")
    search_help_text = "Number, partner or notes"
    ordering = ("partner__name", "start_date", "number")
    views = (View("With a limit", "amount_cents__isnull=False"), View("Without", "amount_cents__isnull=True"))
    autocomplete_fields = ("partner",)
    shows_history = True
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("partner", "number"),
                    ("product", "currency"),
                    ("start_date", "end_date"),
                    "amount_cents",
                    ("drawn", "left"),
                    "notes",
                ),
                "description": "A month takes the partner's oldest order that is valid on its last day and whose rest "
                "covers its total, tax included.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_drawn()

    def get_readonly_fields(self, request: HttpRequest, obj: PurchaseOrder | None = None) -> Any:  # noqa: ARG002
        """What invoices name stays; PostgreSQL says so too."""
        return ("partner", "number", "currency", "drawn", "left") if _is_named(obj) else ("drawn", "left")

    def has_delete_permission(self, request: HttpRequest, obj: PurchaseOrder | None = None) -> bool:
        """What a month drew on stays, and what a preview wants to draw on."""
        is_wanted = obj is not None and BillingRunEntry.objects.filter(purchase_order=obj).exists()
        return super().has_delete_permission(request, obj) and not (_is_named(obj) or is_wanted)

    def used_for(self, order: PurchaseOrder) -> str:
        return order.product or "Every product"

    def validity(self, order: PurchaseOrder) -> str:
        return validity_text(order)

    def drawn(self, order: Any) -> Any:
        return money_cell(order.drawn_cents, order.currency) if order.pk else self.get_empty_value_display()

    def left(self, order: Any) -> Any:
        return left_cell(order) if order.pk else self.get_empty_value_display()


def _is_named(order: PurchaseOrder | None) -> bool:
    """Whether a billed month names it."""
    return order is not None and order.billed_periods.exists()


def validity_text(order: PurchaseOrder) -> str:
    """Say from which day to which an order is valid."""
    if order.start_date is None:
        return f"until {span_text(order.end_date, None).removeprefix('from ')}" if order.end_date else "Always"
    return span_text(order.start_date, order.end_date)


def left_cell(order: Any) -> Any:
    """Say what is left of an order that was read with what is drawn on it."""
    return NO_LIMIT if order.left_cents is None else money_cell(order.left_cents, order.currency)
