"""The columns of exports of invoices, credit notes and customers."""

from __future__ import annotations

from typing import Any

from billing_site.kit.exports import Field, SafeResource
from invoices.models import CreditNote, Customer, Invoice


class InvoiceResource(SafeResource):
    customer_name = Field(attribute="customer__name", column_name="customer_name", readonly=True)
    line_items = Field(attribute="line_items", column_name="line_items", readonly=True)

    class Meta:
        model = Invoice
        fields = (
            "id", "origin", "invoice_number", "stripe_invoice_id", "customer", "customer_name", "user_id", "status",
            "currency", "subtotal_cents", "discount_cents", "tax_cents", "total_cents", "amount_paid_cents",
            "credited_cents", "written_off_cents", "amount_due_cents", "billing_period_start", "billing_period_end",
            "issue_date", "due_date", "paid_at", "voided_at", "purchase_order", "contract_reference",
            "created_at", "line_items",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("customer").prefetch_related("lines")


class CreditNoteResource(SafeResource):
    invoice_number = Field(attribute="invoice__invoice_number", column_name="invoice_number", readonly=True)

    class Meta:
        model = CreditNote
        fields = (
            "id", "origin", "number", "invoice", "invoice_number", "status", "currency", "subtotal_cents", "tax_cents",
            "total_cents", "reduces_due_cents", "to_credit_cents", "to_refund_cents", "reason", "issue_date",
            "issued_by",
        )  # fmt: skip
        export_order = fields

    def filter_export(self, queryset: Any, **_: Any) -> Any:
        return queryset.select_related("invoice")


class CustomerResource(SafeResource):
    class Meta:
        model = Customer
        fields = (
            "id", "name", "email", "bill_to_name", "address", "country", "tax_id", "currency", "language", "time_zone",
            "user_id", "stripe_customer_id", "created_at",
        )  # fmt: skip
        export_order = fields
