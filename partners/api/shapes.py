"""The bodies of usage calls as the OpenAPI document shows them; `partners.metering` reads what really comes."""

from __future__ import annotations

from decimal import Decimal

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from partners.enums import Meter

MOST_EVENTS = 1000
FATES = ("recorded", "repeated", "conflict", "invalid")
_EVENT = {
    "idempotency_key": "deed-2026-10-15-000017",
    "event_type": "deed",
    "occurred_at": "2026-10-15T12:00:00Z",
    "endpoint": "/v2/deeds/{id}",
    "resource_id": "deed_483920117",
    "metadata": {"register": "DE-417"},
}
_REVERSAL = {"idempotency_key": "undo-000017", "reverses": "deed-2026-10-15-000017"}
_ID = "6f0c1a52-7d0e-6b1c-9d43-6a2f7c1e0b58"
_COUNT = {"day": "2026-10-15", "requests": 18250, "endpoint": "/v2/parcels/search"}

EVENT_EXAMPLES = [
    OpenApiExample("One event", {"events": [_EVENT]}, request_only=True),
    OpenApiExample("Taking an event back", {"events": [_REVERSAL]}, request_only=True),
    OpenApiExample(
        "A conflict among others",
        {
            "recorded": 1, "repeated": 0, "conflict": 1, "invalid": 0,
            "results": [
                {"idempotency_key": "a", "status": "recorded", "id": _ID},
                {"idempotency_key": "b", "status": "conflict", "id": _ID,
                 "detail": "This idempotency key was used with another body; nothing was counted."},
            ],
        },
        response_only=True, status_codes=["207"],
    ),
]  # fmt: skip
COUNT_EXAMPLES = [
    OpenApiExample(
        "A day's requests", {"idempotency_key": "requests-2026-10-15", "counts": [_COUNT]}, request_only=True
    ),
    OpenApiExample(
        "Taking a batch back",
        {"idempotency_key": "undo-2026-10-15", "reverses": "requests-2026-10-15"},
        request_only=True,
    ),
]


class UsageEventIn(serializers.Serializer):
    """One event; or, with `reverses`, the whole of an earlier one taken back (then no field but the two keys)."""

    idempotency_key = serializers.CharField(
        max_length=255, help_text="Yours. The same key with the same body is counted once; keep it over retries."
    )
    event_type = serializers.ChoiceField(choices=Meter.values, required=False, help_text="The meter.")
    occurred_at = serializers.DateTimeField(
        required=False, help_text="With its offset; neither in the future nor over 400 days ago."
    )
    quantity = serializers.DecimalField(max_digits=18, decimal_places=6, default=Decimal(1))
    user_id = serializers.CharField(max_length=120, required=False)
    api_key_prefix = serializers.CharField(max_length=20, required=False, help_text="Default: the key that reports.")
    endpoint = serializers.CharField(max_length=200, required=False)
    resource_id = serializers.CharField(max_length=200, required=False)
    metadata = serializers.DictField(required=False, help_text="At most 4,096 bytes of JSON.")
    reverses = serializers.CharField(max_length=255, required=False, help_text="The key of the event to take back.")


class UsageEventsIn(serializers.Serializer):
    partner = serializers.CharField(required=False, help_text="The partner's name; with a service key only.")
    events = serializers.ListField(child=UsageEventIn(), min_length=1, max_length=MOST_EVENTS)


class UsageResult(serializers.Serializer):
    idempotency_key = serializers.CharField()
    status = serializers.ChoiceField(choices=FATES)
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


class UsageLine(UsageResult):
    """What became of one line of a stream; blank lines get none."""

    line = serializers.IntegerField(help_text="Counted from 1.")


class RequestCountIn(serializers.Serializer):
    day = serializers.DateField(help_text="A day of your billing time zone; not in the future, at most 400 days ago.")
    requests = serializers.IntegerField(min_value=1)
    endpoint = serializers.CharField(max_length=200, required=False)
    api_key_prefix = serializers.CharField(max_length=20, required=False, help_text="Default: the key that reports.")


class RequestCountsIn(serializers.Serializer):
    """Counts to add; or, with `reverses`, a whole earlier batch taken back."""

    partner = serializers.CharField(required=False, help_text="The partner's name; with a service key only.")
    idempotency_key = serializers.CharField(max_length=255, help_text="Yours; it names the whole batch.")
    counts = serializers.ListField(child=RequestCountIn(), min_length=1, max_length=1000, required=False)
    reverses = serializers.CharField(max_length=255, required=False, help_text="The key of the batch to take back.")


class RequestCountsOut(serializers.Serializer):
    id = serializers.UUIDField()
    idempotency_key = serializers.CharField()
    status = serializers.ChoiceField(choices=("recorded", "repeated"))
    requests = serializers.IntegerField(help_text="What was added in all; below zero where a batch was taken back.")
