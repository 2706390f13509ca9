"""`GET /api/v1/revenue`, which `/admin/revenue` serves too, never from a cache."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.kit.api.exports import AlwaysOurs
from billing_site.kit.api.keys import HasScope
from billing_site.kit.api.parameters import refuse_unknown
from billing_site.kit.currencies import UnknownCurrency
from reporting.answers import revenue_answer
from reporting.exact_json import ExactJSONRenderer


class MajorUnits(serializers.DecimalField):
    """Major units of the currency, as a number with its own digits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, coerce_to_string=False, **options)


class RevenueOverview(serializers.Serializer[Any]):
    total_revenue_cents = serializers.IntegerField(help_text="Gross of all time.")
    monthly_revenue_cents = serializers.IntegerField(help_text="Gross of the current month.")
    stripe_fees_cents = serializers.IntegerField(help_text="Of the current month, in its settlement currency.")
    refunds_cents = serializers.IntegerField(help_text="Of the current month, whenever the payment was.")
    net_monthly_revenue_cents = serializers.IntegerField(
        help_text="Gross less refunds, dispute losses and fees, with exchange differences, of the current month."
    )


class RevenueOfMonth(serializers.Serializer[Any]):
    month = serializers.RegexField(r"^\d{4}-\d{2}$", help_text="Such as 2026-10, in the billing time zone.")
    revenue_cents = serializers.IntegerField(help_text="Gross.")
    revenue_dollars = MajorUnits()


class RecurringRevenue(serializers.Serializer[Any]):
    mrr_cents = serializers.IntegerField()
    mrr_dollars = MajorUnits()
    arr_cents = serializers.IntegerField()
    arr_dollars = MajorUnits()


class RevenueOfCurrency(serializers.Serializer[Any]):
    currency = serializers.CharField()
    overview = RevenueOverview()
    monthly_breakdown = RevenueOfMonth(many=True, help_text="The last twelve months, oldest first.")
    mrr_arr = RecurringRevenue()


class RevenueAnswer(RevenueOfCurrency):
    currencies = RevenueOfCurrency(many=True, help_text="The same of each other currency; sums never cross.")


class RevenueView(APIView):
    """Revenue of one currency, and of each other one, as of now: twelve months, fees, refunds, net, MRR and ARR."""

    permission_classes: Any = [HasScope("reports:read", staff="reporting.view_revenue")]
    renderer_classes = [ExactJSONRenderer]
    content_negotiation_class = AlwaysOurs

    @extend_schema(
        operation_id="revenue",
        parameters=[OpenApiParameter("currency", str, description="ISO 4217 code; default: the reporting currency.")],
        responses=RevenueAnswer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request, "currency")
        currency = request.query_params.get("currency", settings.REPORTING_CURRENCY)
        zone = ZoneInfo(settings.BILLING_TIME_ZONE)
        today = timezone.now().astimezone(zone).date()
        try:
            answer = revenue_answer(currency=currency, as_of=today, zone=zone)
        except UnknownCurrency as error:
            raise ValidationError({"currency": f"{error}"}) from error
        return Response(answer, headers={"Cache-Control": "no-store"})


urlpatterns = [path("revenue", RevenueView.as_view(), name="revenue")]
