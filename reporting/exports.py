"""`GET /admin/exports/payments.csv`: every payment the filters let through, streamed as PostgreSQL writes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from billing_site.kit.api.exports import EARLIEST, LATEST, AlwaysOurs, DayFilters, csv_answer
from billing_site.kit.api.keys import HasScope
from billing_site.kit.exports import stream_csv
from billing_site.kit.fields import known_currency
from billing_site.kit.periods import Period
from payments.enums import PaymentStatus
from payments.models import Payment
from payments.resources import PAYMENT_COLUMNS


class PaymentFilters(DayFilters):
    """The query of the export; days are of the billing time zone, both included."""

    currency = serializers.CharField(required=False, validators=[known_currency])
    status = serializers.ChoiceField(PaymentStatus.choices, required=False)


def payments_asked_for(filters: Mapping[str, Any], zone: ZoneInfo) -> Any:
    """Return the payments that pass validated filters, oldest first."""
    exact = {name: filters[name] for name in ("currency", "status") if name in filters}
    days = Period(filters.get("from", EARLIEST), filters.get("to", LATEST) + dt.timedelta(days=1), zone)
    chosen = Payment.objects.filter(created_at__gte=days.starts_at, created_at__lt=days.ends_at, **exact)
    return chosen.order_by("created_at", "pk")


class PaymentsCsv(APIView):
    """All payments as CSV; instants in UTC, text guarded against formulas."""

    permission_classes: Any = [HasScope("exports:read", staff="payments.view_payment")]
    content_negotiation_class = AlwaysOurs

    @extend_schema(exclude=True)
    def get(self, request: Request) -> StreamingHttpResponse:
        filters = PaymentFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        zone = ZoneInfo(settings.BILLING_TIME_ZONE)
        rows = stream_csv(payments_asked_for(filters.validated_data, zone), PAYMENT_COLUMNS)
        return csv_answer(rows, f"payments-{timezone.now().astimezone(zone):%Y-%m-%d}.csv")
