"""The door for usage: `POST /api/v1/usage-events`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.kit.api.keys import ServiceKeyAuthentication
from billing_site.kit.api.problems import CONTENT_TYPE, problem
from partners.enums import Meter
from partners.keys import MayReportUsage, PartnerKeyAuthentication
from partners.metering import InvalidUsage, NewUsage, read_event
from partners.models import Partner, PartnerApiKey
from partners.services import UsageItem, record_usage

MOST_EVENTS = 1000
_FATES = ("recorded", "repeated", "conflict", "invalid")
_CONFLICT = "This idempotency key was used with another body; nothing was counted."


class UsageEventIn(serializers.Serializer):
    """One event, as documented; `partners.metering` reads it."""

    idempotency_key = serializers.CharField(max_length=255, help_text="Yours; the same key is counted once, for ever.")
    event_type = serializers.ChoiceField(choices=Meter.values, help_text="The meter.")
    occurred_at = serializers.DateTimeField(help_text="With its offset; neither in the future nor over 400 days ago.")
    quantity = serializers.DecimalField(max_digits=18, decimal_places=6, default=Decimal(1))
    user_id = serializers.CharField(max_length=120, required=False)
    api_key_prefix = serializers.CharField(max_length=20, required=False, help_text="Default: the key that reports.")
    endpoint = serializers.CharField(max_length=200, required=False)
    resource_id = serializers.CharField(max_length=200, required=False)
    metadata = serializers.DictField(required=False)


class UsageEventsIn(serializers.Serializer):
    partner = serializers.CharField(required=False, help_text="The partner's name; with a service key only.")
    events = serializers.ListField(child=UsageEventIn(), min_length=1, max_length=MOST_EVENTS)


class UsageResult(serializers.Serializer):
    idempotency_key = serializers.CharField()
    status = serializers.ChoiceField(choices=_FATES)
    id = serializers.UUIDField(required=False)
    detail = serializers.CharField(required=False)
    errors = serializers.DictField(  # type: ignore[assignment]  # Serializer.errors is of no use to a documented shape
        child=serializers.CharField(), required=False
    )


class UsageResults(serializers.Serializer):
    """What became of each event, in the order sent."""

    recorded = serializers.IntegerField()
    repeated = serializers.IntegerField()
    conflict = serializers.IntegerField()
    invalid = serializers.IntegerField()
    results = UsageResult(many=True)


class UsageEventsView(APIView):
    """Reports up to 1,000 events; each is counted once, and each gets its own answer."""

    authentication_classes = [PartnerKeyAuthentication, ServiceKeyAuthentication]
    permission_classes = [MayReportUsage]

    @extend_schema(
        operation_id="report_usage",
        request=UsageEventsIn,
        responses={
            200: OpenApiResponse(UsageResults, description="Every event was a repeat."),
            201: OpenApiResponse(UsageResults, description="All counted; repeats are not counted again."),
            207: OpenApiResponse(UsageResults, description="Some were counted; look at each result."),
        },
    )
    def post(self, request: Request) -> Response:
        partner, sent = _partner_of(request), _events_in(request.data)
        results = _recorded(partner, sent, prefix=_prefix_of(request), now=timezone.now())
        return _answer(results)


def _events_in(body: Any) -> list[Any]:
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise ValidationError({"events": "Send an object with a list of events."})
    if unknown := body.keys() - {"partner", "events"}:
        raise ValidationError({str(name): "Unknown field." for name in sorted(unknown)})
    if not 1 <= len(body["events"]) <= MOST_EVENTS:
        raise ValidationError({"events": f"Send 1 to {MOST_EVENTS:,} events in one call, not {len(body['events']):,}."})
    return list(body["events"])


def _partner_of(request: Request) -> Partner:
    named = request.data.get("partner") if isinstance(request.data, dict) else None
    if isinstance(request.auth, PartnerApiKey):
        if named not in (None, request.auth.partner.name):
            raise ValidationError({"partner": "A partner's key speaks for that partner alone; leave this out."})
        return request.auth.partner
    partner = Partner.objects.filter(name=named, is_active=True).first() if isinstance(named, str) else None
    if partner is None:
        raise ValidationError({"partner": "Name an active partner whose usage this is."})
    return partner


def _prefix_of(request: Request) -> str:
    return str(request.auth.prefix) if isinstance(request.auth, PartnerApiKey) else ""


def _recorded(partner: Partner, sent: Sequence[Any], *, prefix: str, now: dt.datetime) -> list[dict[str, Any]]:
    read = [_read(event, prefix, now) for event in sent]
    outcome = record_usage(partner=partner, events=[one for one in read if isinstance(one, NewUsage)], now=now)
    items = iter(outcome.items)
    return [_result(next(items)) if isinstance(one, NewUsage) else one for one in read]


def _read(event: Any, prefix: str, now: dt.datetime) -> NewUsage | dict[str, Any]:
    try:
        return read_event(event, now=now, api_key_prefix=prefix)
    except InvalidUsage as error:
        key = event.get("idempotency_key") if isinstance(event, dict) else None
        shown = key if isinstance(key, str) else ""
        return {"idempotency_key": shown, "status": "invalid", "detail": str(error), "errors": error.errors}


def _result(item: UsageItem) -> dict[str, Any]:
    result = {"idempotency_key": item.idempotency_key, "status": item.fate, "id": str(item.id)}
    return result | {"detail": _CONFLICT} if item.fate == "conflict" else result


def _answer(results: list[dict[str, Any]]) -> Response:
    counts = {fate: sum(result["status"] == fate for result in results) for fate in _FATES}
    body = {**counts, "results": results}
    if counts["recorded"] + counts["repeated"] == 0:
        return _refusal(body)
    if counts["conflict"] + counts["invalid"]:
        return Response(body, status=status.HTTP_207_MULTI_STATUS)
    return Response(body, status=status.HTTP_201_CREATED if counts["recorded"] else status.HTTP_200_OK)


def _refusal(body: dict[str, Any]) -> Response:
    """Nothing was counted: a conflict where every event is one, otherwise a bad request."""
    if body["invalid"]:
        told = problem(
            status=400, code="invalid", detail="No event could be read; see each result.", errors=_places(body)
        )
    else:
        told = problem(status=409, code="usage-conflict", detail=_CONFLICT)
    return Response({**told, **body, "status": told["status"]}, status=told["status"], content_type=CONTENT_TYPE)


def _places(body: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"detail": sentence, "pointer": f"#/events/{index}" + (f"/{name}" if name else "")}
        for index, result in enumerate(body["results"])
        for name, sentence in result.get("errors", {}).items()
    ]


urlpatterns = [path("usage-events", UsageEventsView.as_view(), name="usage-events")]
