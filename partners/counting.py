"""Owns the rows of an annex: what was counted per key, endpoint and day, in a month or late for one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from partners.enums import Meter
from partners.evidence import Days
from partners.models import ApiUsage

_DEEDS = Sum("quantity", filter=Q(event_type=Meter.DEED), default=0)
_REQUESTS = Sum("requests", filter=Q(event_type=Meter.REQUEST), default=0)
_RECEIVED = """
WITH received (at, quantity) AS (
    SELECT created_at, sum(quantity) FROM usage_events
    WHERE partner_id = %(partner)s AND event_type = %(meter)s
        AND occurred_at >= %(starts_at)s AND occurred_at < %(ends_at)s
    GROUP BY created_at
    UNION ALL
    SELECT batch.created_at, sum(counted.requests) FROM partners_requestcount AS counted
    JOIN partners_requestbatch AS batch ON batch.id = counted.batch_id
    WHERE batch.partner_id = %(partner)s AND %(meter)s = 'request'
        AND counted.day >= %(start)s AND counted.day < %(end)s
    GROUP BY batch.created_at
), older (quantity) AS (SELECT %(counted)s - coalesce(sum(quantity), 0) FROM received
), running (at, total) AS (
    SELECT at, older.quantity + sum(sum(received.quantity)) OVER (ORDER BY at)
    FROM received, older GROUP BY at, older.quantity)
SELECT (SELECT quantity FROM older),
       max(at) FILTER (WHERE total = %(before)s), max(at) FILTER (WHERE total = %(after)s)
FROM running
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests and deeds of one row."""

    requests: int = 0
    deeds: Decimal = Decimal(0)

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.requests + other.requests, self.deeds + other.deeds)

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.requests - other.requests, self.deeds - other.deeds)

    def of(self, meter: str) -> Decimal:
        return self.deeds if meter == Meter.DEED else Decimal(self.requests)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one key asked of one endpoint, on a day or (None) on all of them."""

    prefix: str
    endpoint: str
    day: dt.date | None
    counted: Counted


def month_rows(days: Days) -> list[UsageRow]:
    """Return both meters of the daily sums, whatever meter is asked for."""
    usage = ApiUsage.objects.filter(partner=days.partner).within(start=days.start, end=days.end).order_by()
    rows = usage.values_list("api_key_prefix", "endpoint", "day").annotate(calls=_REQUESTS, deeds=_DEEDS)
    return [
        UsageRow(prefix, endpoint, day, Counted(calls, Decimal(deeds))) for prefix, endpoint, day, calls, deeds in rows
    ]


def late_rows(days: Days, *, before: Decimal, after: Decimal) -> list[UsageRow]:
    """Return the single counts that took a meter from one figure to the other, in the order they were received.

    What is in the daily sums and in no single count, such as archived events, was there first. Nothing where no moment
    has exactly these sums behind it.
    """
    moments = _moments(days, before, after)
    if moments is None:
        return []
    since, until = moments
    events = days.events().filter(created_at__lte=until)
    counts = days.request_counts().filter(batch__created_at__lte=until)
    if since is not None:
        events, counts = events.filter(created_at__gt=since), counts.filter(batch__created_at__gt=since)
    return [*_of_events(events, days), *_of_counts(counts)]


def _moments(days: Days, before: Decimal, after: Decimal) -> tuple[dt.datetime | None, dt.datetime] | None:
    """Return when the sums of what was received stood at these figures; None before the first."""
    period = days.period
    asked: dict[str, Any] = {
        "partner": days.partner.pk, "meter": days.meter, "start": days.start, "end": days.end,
        "starts_at": period.starts_at, "ends_at": period.ends_at, "before": before, "after": after,
        "counted": sum((row.counted.of(days.meter) for row in month_rows(days)), Decimal(0)),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_RECEIVED, asked)
        older, since, until = cursor.fetchone()
    is_from_the_first = since is None and before == older
    if until is None or not (is_from_the_first or (since is not None and since < until)):
        return None
    return since, until


def _of_events(events: QuerySet[Any], days: Days) -> Iterator[UsageRow]:
    day_of = TruncDate("occurred_at", tzinfo=days.period.zone)
    by_day = events.order_by().values_list("api_key_prefix", "endpoint", day_of)
    for prefix, endpoint, day, quantity in by_day.annotate(sum=Sum("quantity")):
        is_deed = days.meter == Meter.DEED
        yield UsageRow(prefix, endpoint, day, Counted(deeds=quantity) if is_deed else Counted(int(quantity)))


def _of_counts(counts: QuerySet[Any]) -> Iterator[UsageRow]:
    for prefix, endpoint, day, requests in counts.order_by().values_list(
        "api_key_prefix", "endpoint", "day", F("requests")
    ):
        yield UsageRow(prefix, endpoint, day, Counted(requests))
