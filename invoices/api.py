"""`GET /api/v1/invoices`: invoices with their lines, read-only."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from billing_site.kit.api.keys import HasScope
from billing_site.kit.api.parameters import KnownParametersOnly
from invoices.models import Invoice

_MAY_READ: Any = [HasScope("invoices:read", staff="invoices.view_invoice")]


class LineItem(serializers.Serializer[Any]):
    """A line; `unit_price` is in major units, decimals are text, periods end before `service_period_end`."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    description = serializers.CharField()
    detail = serializers.CharField()
    meter = serializers.CharField()
    quantity = serializers.CharField()
    unit_price = serializers.CharField()
    package_size = serializers.IntegerField()
    service_period_start = serializers.DateField(allow_null=True)
    service_period_end = serializers.DateField(allow_null=True)
    tax_rate = serializers.CharField(help_text="A fraction: 0.19 is 19 %.")
    tax_category = serializers.CharField(help_text="A code of EN 16931; without one S above zero, Z at zero.")
    discount_rate = serializers.CharField(help_text="The percentage taken off, as a fraction: 0.1 is 10 %.")
    discount_cents = serializers.IntegerField()
    tax_cents = serializers.IntegerField()
    amount_cents = serializers.IntegerField()


class InvoiceShown(serializers.ModelSerializer[Invoice]):
    line_items = LineItem(many=True, read_only=True)

    class Meta:
        model = Invoice
        fields = (
            "id", "origin", "customer", "user_id", "api_key_prefix", "invoice_number", "stripe_invoice_id", "status",
            "currency", "subtotal_cents", "discount_cents", "tax_cents", "total_cents", "amount_paid_cents",
            "credited_cents", "written_off_cents", "amount_due_cents", "billing_period_start", "billing_period_end",
            "issue_date", "due_date", "paid_at", "voided_at", "line_items", "invoice_pdf_url", "notes", "metadata",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class InvoiceList(KnownParametersOnly, ListAPIView[Invoice]):
    """Invoices in the order they were made, drafts included."""

    permission_classes = _MAY_READ
    serializer_class = InvoiceShown
    queryset = Invoice.objects.prefetch_related("lines")
    filterset_fields: ClassVar = ["status", "currency", "origin", "customer"]

    @extend_schema(operation_id="list_invoices")
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)


class InvoiceDetail(RetrieveAPIView[Invoice]):
    """One invoice with its lines."""

    permission_classes = _MAY_READ
    serializer_class = InvoiceShown
    queryset = Invoice.objects.prefetch_related("lines")

    @extend_schema(operation_id="read_invoice")
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)


urlpatterns = [
    path("invoices", InvoiceList.as_view(), name="api-invoices"),
    path("invoices/<int:pk>", InvoiceDetail.as_view(), name="api-invoice"),
]
