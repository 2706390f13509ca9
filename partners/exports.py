"""`GET /admin/exports/usage-events.csv` and `usage-days.csv`: the counts behind a line, streamed by PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, ClassVar

from django.db.models import CharField, DateTimeField, Value
from django.db.models.functions import Cast, TruncDate
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import slugify
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from billing_site.kit.api.exports import AlwaysOurs, DayFilters, csv_answer
from billing_site.kit.api.keys import HasScope
from billing_site.kit.exports import stream_csv
from partners.enums import Meter
from partners.evidence import Days
from partners.models import Partner
from partners.resources import DAY_COLUMNS

_ONE_DAY = dt.timedelta(days=1)


class Archived(APIException):
    """A file that lacks what was moved away would not add up."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "archived"


class UsageFilters(DayFilters):
    """Which usage: all four are needed, days are of the partner's billing time zone, both included."""

    partner = serializers.PrimaryKeyRelatedField(queryset=Partner.objects.all())
    meter = serializers.ChoiceField(Meter.choices)

    def get_fields(self) -> dict[str, Any]:
        days = {name: serializers.DateField() for name in ("from", "to")}
        return super().get_fields() | days

    @property
    def days(self) -> Days:
        asked = self.validated_data
        return Days(asked["partner"], asked["meter"], asked["from"], asked["to"] + _ONE_DAY)


class UsageCsv(APIView):
    """Usage of one partner, meter and span of days, as CSV."""

    permission_classes: Any = [HasScope("exports:read", staff="partners.view_apiusage")]
    content_negotiation_class = AlwaysOurs
    named: ClassVar[str]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> StreamingHttpResponse:
        filters = UsageFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        days = filters.days
        asked = f"{days.start:%Y-%m-%d}-to-{days.end - _ONE_DAY:%Y-%m-%d}"
        return csv_answer(self.rows(days), f"{self.named}-{slugify(days.partner.name)}-{days.meter}-{asked}.csv")

    def rows(self, days: Days) -> Iterator[bytes]:
        raise NotImplementedError


class UsageDaysCsv(UsageCsv):
    """The daily sums that billing reads."""

    named = "usage-days"

    def rows(self, days: Days) -> Iterator[bytes]:
        return stream_csv(days.daily().order_by("day", "api_key_prefix", "endpoint"), DAY_COLUMNS)


class UsageEventsCsv(UsageCsv):
    """Every single count: events, and the requests that a product counted itself."""

    permission_classes: Any = [HasScope("exports:read", staff="partners.view_usageevent")]
    named = "usage-events"

    def rows(self, days: Days) -> Iterator[bytes]:
        archive = days.archives().first()
        if archive is not None:
            raise Archived(
                f"The single counts of {archive.period_start:%B %Y} are archived in {archive.file_name} (sha256 "
                f"{archive.sha256}); its daily sums are complete: export those."
            )
        return self._counts(days)

    def _counts(self, days: Days) -> Iterator[bytes]:
        yield from stream_csv(days.events().order_by("occurred_at", "pk"), _event_columns(days))
        yield from stream_csv(days.request_counts().order_by("day", "pk"), _COUNT_COLUMNS, has_head=False)


def csv_url(name: str, days: Days) -> str:
    """Return the address of `usage-events-csv` or `usage-days-csv` for these days."""
    span = {"from": f"{days.start}", "to": f"{days.end - _ONE_DAY}"}
    asked = {"partner": f"{days.partner.pk}", "meter": days.meter, **span}
    return f"{reverse(name)}?{urlencode(asked)}"


def _text(text: str) -> Value:
    return Value(text, output_field=CharField())


def _event_columns(days: Days) -> dict[str, Any]:
    return {
        "counted_as": _text("event"),
        "id": "id",
        "day": TruncDate("occurred_at", tzinfo=days.period.zone),
        "occurred_at": "occurred_at",
        "meter": "event_type",
        "endpoint": "endpoint",
        "api_key_prefix": "api_key_prefix",
        "quantity": "quantity",
        "resource_id": "resource_id",
        "user_id": "user_id",
        "idempotency_key": "idempotency_key",
        "reverses": "reverses",
        "received_at": "created_at",
    }


_COUNT_COLUMNS: dict[str, Any] = {
    "counted_as": _text("requests of a day"),
    "id": Cast("pk", CharField()),
    "day": "day",
    "occurred_at": Value(None, output_field=DateTimeField()),
    "meter": _text(Meter.REQUEST.value),
    "endpoint": "endpoint",
    "api_key_prefix": "api_key_prefix",
    "quantity": "requests",
    "resource_id": _text(""),
    "user_id": _text(""),
    "idempotency_key": "batch__idempotency_key",
    "reverses": "batch__reverses",
    "received_at": "batch__created_at",
}
