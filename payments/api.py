"""`GET /api/v1/payments`: payments of Stripe and by hand, read-only."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from billing_site.kit.api.keys import HasScope
from billing_site.kit.api.parameters import KnownParametersOnly
from payments.models import Payment

_MAY_READ: Any = [HasScope("payments:read", staff="payments.view_payment")]


class PaymentShown(serializers.ModelSerializer[Payment]):
    """Fee and net are in `settlement_currency`; null until Stripe's ledger told them, and for manual payments."""

    class Meta:
        model = Payment
        fields = (
            "id", "origin", "invoice", "customer", "user_id", "stripe_payment_intent_id", "stripe_charge_id",
            "amount_cents", "currency", "status", "payment_method", "reference", "stripe_fee_cents", "net_amount_cents",
            "settlement_currency", "settlement_amount_cents", "exchange_rate", "failure_code", "failure_message",
            "refunded_at", "refund_reason", "refund_amount_cents", "allocated_cents", "received_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class PaymentList(KnownParametersOnly, ListAPIView[Payment]):
    """Payments in the order they came to be known, failed ones included."""

    permission_classes = _MAY_READ
    serializer_class = PaymentShown
    queryset = Payment.objects.all()
    filterset_fields: ClassVar = ["status", "currency", "origin", "customer", "invoice"]

    @extend_schema(operation_id="list_payments")
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)


class PaymentDetail(RetrieveAPIView[Payment]):
    """One payment."""

    permission_classes = _MAY_READ
    serializer_class = PaymentShown
    queryset = Payment.objects.all()

    @extend_schema(operation_id="read_payment")
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)


urlpatterns = [
    path("payments", PaymentList.as_view(), name="api-payments"),
    path("payments/<int:pk>", PaymentDetail.as_view(), name="api-payment"),
]
