"""What one can say about events and daily sums."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Self

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

from partners.enums import Meter

_COUNTED_ON = """
SELECT span.id, used.deeds, used.calls
FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::date[]) AS span (id, partner_id, first_day, end_day)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity) FILTER (WHERE event_type = %s), 0) AS deeds,
           coalesce(sum(requests) FILTER (WHERE event_type = %s), 0) AS calls
    FROM api_usage WHERE partner_id = span.partner_id AND day >= span.first_day AND day < span.end_day
) AS used
"""
Span = tuple[int, int, dt.date, dt.date]  # a key of the caller's, a partner, and its days [first, end)


class UsageEventQuerySet(models.QuerySet):
    def within(self, *, starts_at: dt.datetime, ends_at: dt.datetime) -> Self:
        return self.filter(occurred_at__gte=starts_at, occurred_at__lt=ends_at)


class ApiUsageQuerySet(models.QuerySet):
    def within(self, *, start: dt.date, end: dt.date) -> Self:
        """Days of [start, end), in the billing time zone of the partner."""
        return self.filter(day__gte=start, day__lt=end)

    def counted_on(self, spans: Collection[Span]) -> dict[int, dict[str, Decimal]]:
        """Add up what was counted in each of these spans, by its key, per meter: deeds by quantity, requests by number.

        One statement that reads the days of each span and no others, however many years are kept.
        """
        if not spans:
            return {}
        columns = [list(column) for column in zip(*spans, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED_ON, [*columns, Meter.DEED, Meter.REQUEST])
            return {
                key: {Meter.DEED.value: deeds, Meter.REQUEST.value: Decimal(calls)}
                for key, deeds, calls in cursor.fetchall()
            }

    def counted_in(self, months: Collection[Any]) -> dict[int, dict[str, Decimal]]:
        """Add up what was counted on the days that each of these billed months served, per meter."""
        return self.counted_on([(month.pk, month.contract.partner_id, *month.served_days) for month in months])

    def without_contract(self) -> Self:
        """Used on a day on which the partner had no contract: nobody will be billed for it until somebody acts."""
        from partners.models import Contract

        agreed = Contract.objects.active().filter(
            Q(end_date=None) | Q(end_date__gt=OuterRef("day")),
            partner=OuterRef("partner"),
            start_date__lte=OuterRef("day"),
        )
        return self.filter(~Exists(agreed))
