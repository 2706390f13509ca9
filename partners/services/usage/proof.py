"""The daily sums proved against every count behind them: single events, batches of counts, and archived months.

`RAW` is the one place that says, in SQL, what the rows of `api_usage` must be; `days_of_zones` goes along with it.
The days are cut by Python's rules of time zones everywhere, because PostgreSQL may know older ones.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Max, Min, OuterRef, Subquery

from billing_site.kit.periods import Period
from partners.models import ApiUsage, Partner, RequestCount, UsageEvent
from partners.services.zones import zone_named

# A day of any zone begins within a day of the same day in UTC. A reversal is negative, and so counts the other way.
RAW = """
SELECT partner_id, day, event_type, api_key_prefix, endpoint,
       sum(requests)::bigint AS requests, sum(quantity) AS quantity
FROM (
    SELECT e.partner_id, %(start)s::date - 1 + width_bucket(e.occurred_at, zones.starts) AS day, e.event_type,
           e.api_key_prefix,
           e.endpoint, CASE e.event_type WHEN 'request' THEN e.quantity ELSE sign(e.quantity) END AS requests,
           e.quantity
    FROM usage_events e JOIN partners_partner p ON p.id = e.partner_id
    JOIN (SELECT zone, string_to_array(starts, ' ')::timestamptz[] AS starts
          FROM unnest(%(zones)s::text[], %(starts)s::text[]) AS known (zone, starts)) AS zones
        ON zones.zone = p.billing_time_zone
    WHERE e.occurred_at >= (%(start)s::date - 1)::timestamp AT TIME ZONE 'UTC'
      AND e.occurred_at < (%(end)s::date + 1)::timestamp AT TIME ZONE 'UTC'
      AND (%(partner)s::bigint IS NULL OR e.partner_id = %(partner)s)
    UNION ALL
    SELECT b.partner_id, c.day, 'request', c.api_key_prefix, c.endpoint, c.requests, c.requests
    FROM partners_requestcount c JOIN partners_requestbatch b ON b.id = c.batch_id
    WHERE %(partner)s::bigint IS NULL OR b.partner_id = %(partner)s
) AS counted
WHERE day >= %(start)s AND day < %(end)s
GROUP BY partner_id, day, event_type, api_key_prefix, endpoint
"""
_DIFFERENT_DAYS = f"""
SELECT (SELECT name FROM partners_partner WHERE id = partner_id), day, event_type, api_key_prefix, endpoint,
       coalesce(kept.requests, 0), coalesce(raw.requests, 0), coalesce(kept.quantity, 0), coalesce(raw.quantity, 0)
FROM ({RAW}) AS raw
FULL JOIN (SELECT * FROM api_usage WHERE day >= %(start)s AND day < %(end)s) AS kept
    USING (partner_id, day, event_type, api_key_prefix, endpoint)
WHERE (coalesce(kept.requests, 0), coalesce(kept.quantity, 0))
    <> (coalesce(raw.requests, 0), coalesce(raw.quantity, 0))
  AND NOT EXISTS (SELECT FROM partners_usagearchive a
                  WHERE a.partner_id = partner_id AND a.period_start <= day AND day < a.period_end)
ORDER BY 1, 2, 3, 4, 5
""".replace("a.partner_id = partner_id", "a.partner_id = coalesce(kept.partner_id, raw.partner_id)")  # noqa: S608
# An archived month keeps what its file added up to; batches of counts stay where they are.
_DIFFERENT_ARCHIVES = """
SELECT p.name, a.period_start, meter, '', '', kept.requests, raw.requests, kept.quantity, raw.quantity
FROM partners_usagearchive a JOIN partners_partner p ON p.id = a.partner_id
CROSS JOIN unnest(ARRAY['deed', 'request']) AS meter
CROSS JOIN LATERAL (
    SELECT coalesce(sum(requests), 0)::bigint AS requests, coalesce(sum(quantity), 0) AS quantity FROM api_usage
    WHERE partner_id = a.partner_id AND day >= a.period_start AND day < a.period_end AND event_type = meter) AS kept
CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.requests), 0)::bigint AS requests
    FROM partners_requestcount c JOIN partners_requestbatch b ON b.id = c.batch_id
    WHERE b.partner_id = a.partner_id AND c.day >= a.period_start AND c.day < a.period_end AND meter = 'request') AS own
CROSS JOIN LATERAL (
    SELECT coalesce((a.sums -> meter ->> 'requests')::bigint, 0) + own.requests AS requests,
           coalesce((a.sums -> meter ->> 'quantity')::numeric, 0) + own.requests AS quantity) AS raw
WHERE (kept.requests, kept.quantity) <> (raw.requests, raw.quantity)
ORDER BY 1, 2, 3
"""


class UsageDifference(NamedTuple):
    """A daily sum (or one meter of an archived month) that is not what its counts add up to."""

    partner: str
    day: dt.date
    event_type: str
    api_key_prefix: str
    endpoint: str
    requests: int
    requests_counted: int
    quantity: Decimal
    quantity_counted: Decimal

    def __str__(self) -> str:
        """Say it in one line."""
        place = " ".join(part for part in (self.event_type, self.api_key_prefix, self.endpoint) if part)
        return (
            f"{self.partner}, {self.day}, {place}: {self.requests:,} requests and {self.quantity.normalize():,f} kept, "
            f"{self.requests_counted:,} and {self.quantity_counted.normalize():,f} counted"
        )


def usage_differences(*, start: dt.date, end: dt.date) -> list[UsageDifference]:
    """Return the daily sums of [start, end) that differ from their counts; one statement, one moment."""
    return _asked(_DIFFERENT_DAYS, {"start": start, "end": end, "partner": None} | days_of_zones(start=start, end=end))


def days_of_zones(*, start: dt.date, end: dt.date) -> dict[str, list[str]]:
    """Return the first instant of each day of [start, end], in the zone of every partner."""
    days = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
    names = sorted(set(Partner.objects.values_list("billing_time_zone", flat=True)))
    zones = {name: zone_named(name, of="A partner") for name in names}
    firsts = [[_first_instant(day, zone).isoformat() for day in days] for zone in zones.values()]
    return {"zones": names, "starts": [" ".join(one) for one in firsts]}


def _first_instant(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return Period(day, day + dt.timedelta(days=1), zone).starts_at


def archive_differences() -> list[UsageDifference]:
    """Return the archived months whose daily sums are no longer what was archived."""
    return _asked(_DIFFERENT_ARCHIVES, {})


def all_usage_differences() -> list[UsageDifference]:
    """Prove every day there is, a month at a time."""
    months = [found for start, end in months_of_usage() for found in usage_differences(start=start, end=end)]
    return months + archive_differences()


def months_of_usage() -> list[tuple[dt.date, dt.date]]:
    """Return the months, as [start, end), in which anything was counted, the days around every border included."""
    first, last = ends_of_usage()
    months = []
    while first is not None and last is not None and first <= last:
        after = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        months.append((first.replace(day=1), after))
        first = after
    return months


def ends_of_usage() -> tuple[dt.date | None, dt.date | None]:
    days = ApiUsage.objects.aggregate(first=Min("day"), last=Max("day"))
    counts = RequestCount.objects.aggregate(first=Min("day"), last=Max("day"))
    of_partner = UsageEvent.objects.filter(partner=OuterRef("pk")).values("occurred_at")
    oldest, newest = (Subquery(of_partner.order_by(order)[:1]) for order in ("occurred_at", "-occurred_at"))
    events = Partner.objects.aggregate(first=Min(oldest), last=Max(newest))
    margin = dt.timedelta(days=1)
    firsts = [days["first"], counts["first"], events["first"] and events["first"].date() - margin]
    lasts = [days["last"], counts["last"], events["last"] and events["last"].date() + margin]
    return min(filter(None, firsts), default=None), max(filter(None, lasts), default=None)


def _asked(statement: str, values: dict[str, Any]) -> list[UsageDifference]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [UsageDifference(*row) for row in cursor.fetchall()]
