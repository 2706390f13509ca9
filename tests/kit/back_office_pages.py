"""A small admin site made of the kit's blocks, over real models."""

from __future__ import annotations

from typing import ClassVar

from django.urls import path

from billing_site.admin import BackOffice
from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    MoneyTabularInline,
    ReadOnlyAdmin,
    TotalsMixin,
    View,
    badge_column,
    confirmed,
    link_column,
    money_column,
    stripe_link,
)
from billing_site.kit.errors import Refused
from billing_site.kit.exports import ExportMixin, Field, SafeResource
from invoices.models import Customer, Invoice, InvoiceLine, Seller
from invoices.services import issue_invoice
from payments.models import Payment


class TooManyLines(Refused):
    """An invoice of this test has at most three lines."""


class InvoiceResource(SafeResource):
    customer_name = Field(attribute="customer__name", column_name="customer_name")

    class Meta:
        model = Invoice
        fields = (
            "id",
            "invoice_number",
            "customer",
            "customer_name",
            "status",
            "currency",
            "total_cents",
            "issue_date",
            "created_at",
            "notes",
        )


class PaymentResource(SafeResource):
    currency_of: ClassVar = {"stripe_fee_cents": "settlement_currency"}

    class Meta:
        model = Payment
        fields = ("id", "amount_cents", "currency", "stripe_fee_cents", "settlement_currency", "reference")


class LineInline(MoneyTabularInline):
    model = InvoiceLine
    fields = ("position", "description", "quantity", "unit_price", "discount_given_cents")


class InvoicePage(TotalsMixin, ExportMixin, BackOfficeAdmin):
    list_display = (
        "__str__",
        link_column("customer"),
        badge_column("status", colors={"open": "info"}),
        "issue_date",
        money_column("total_cents", "Total"),
        money_column("amount_due_cents"),
        stripe_link("stripe_invoice_id"),
    )
    list_filter = ("status", ("created_at", DateRange), ("issue_date", DateRange))
    search_fields = ("customer__name",)
    totals = ("total_cents", "amount_due_cents")
    views = (View("Drafts", "drafts"), View("Overdue", "overdue", dated=True), View("Void", "status__exact=void"))
    resource_classes = (InvoiceResource,)
    actions = (confirmed("Issue", do=issue_invoice, permission="invoices.issue_invoice", reason="none", done="Issued"),)
    fields = ("customer", "seller", "currency", "document_discount_cents", "notes")
    inlines = (LineInline,)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if form.instance.lines.count() > 3:
            raise TooManyLines


class CustomerPage(BackOfficeAdmin):
    fields = ("name", "currency", "stripe_customer_id")


class PaymentPage(ExportMixin, ReadOnlyAdmin):
    list_display = (
        "__str__",
        money_column("amount_cents"),
        money_column("stripe_fee_cents", currency="settlement_currency"),
    )
    resource_classes = (PaymentResource,)


site = BackOffice(name="admin")
site.register(Invoice, InvoicePage)
site.register(Customer, CustomerPage)
site.register(Payment, PaymentPage)
site.register(Seller, ReadOnlyAdmin)
urlpatterns = [path("admin/", site.urls)]
