"""The fast way in: many events and their daily sums in one statement. What it does in plain words is `added_up`.

The rows are copied to a table that only this connection sees, inserted in the order of their ids (so that two batches
with the same events never wait for each other in a ring), and what was really inserted is added to the days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from billing_site.kit.errors import Refused
from partners.metering import NewUsage, RequestCount
from partners.metering.counts import REQUEST
from partners.metering.fields import as_json

_ROOM = """
CREATE TEMPORARY TABLE IF NOT EXISTS sent_usage (
    id uuid, idempotency_key text, event_type text, occurred_at timestamptz, quantity numeric, user_id text,
    api_key_prefix text, endpoint text, resource_id text, metadata jsonb, reverses uuid, day date) ON COMMIT DELETE ROWS
"""
_COLUMNS = 12
_NONE = "\x1e"  # no printable text is this
_COPY = f"COPY sent_usage FROM STDIN (NULL '{_NONE}')"
_MANY = 5000  # rows that no longer fit into the memory a sort is given
_REQUESTS = f"CASE event_type WHEN '{REQUEST}' THEN quantity ELSE sign(quantity) END"
_KEPT = f"""
WITH kept AS (
    INSERT INTO usage_events (id, partner_id, user_id, api_key_prefix, event_type, endpoint, resource_id, quantity,
                              occurred_at, metadata, idempotency_key, reverses, created_at)
    SELECT id, %(partner)s, user_id, api_key_prefix, event_type, endpoint, resource_id, quantity,
           occurred_at, metadata, idempotency_key, reverses, %(now)s
    FROM sent_usage ORDER BY id
    ON CONFLICT DO NOTHING RETURNING id
), sums AS (
    SELECT day, event_type, api_key_prefix, endpoint,
           sum({_REQUESTS})::bigint AS requests, sum(quantity) AS quantity
    FROM kept JOIN sent_usage USING (id) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
), added AS (
"""  # noqa: S608
_ADD_DAYS = """
    INSERT INTO api_usage AS known (partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity)
    SELECT %(partner)s, day, event_type, api_key_prefix, endpoint, requests, quantity FROM sums
    ON CONFLICT (partner_id, day, event_type, api_key_prefix, endpoint)
    DO UPDATE SET requests = known.requests + excluded.requests, quantity = known.quantity + excluded.quantity
"""
# A row below zero may not even be proposed; and what is taken back was counted, so that its day exists.
_TAKE_FROM_DAYS = """
    UPDATE api_usage AS known SET requests = known.requests + sums.requests, quantity = known.quantity + sums.quantity
    FROM sums
    WHERE (known.partner_id, known.day, known.event_type, known.api_key_prefix, known.endpoint)
        = (%(partner)s, sums.day, sums.event_type, sums.api_key_prefix, sums.endpoint)
"""
_LEFT_OUT = ") SELECT sent.id::text FROM sent_usage AS sent LEFT JOIN kept USING (id) WHERE kept.id IS NULL"
_COUNTED = """
WITH sums AS (
    SELECT * FROM unnest(%(days)s::date[], %(prefixes)s::text[], %(endpoints)s::text[], %(requests)s::bigint[])
        AS sent (day, api_key_prefix, endpoint, requests) ORDER BY 1, 2, 3
)
"""
_ADD_COUNTS = f"""
{_COUNTED} INSERT INTO api_usage AS known (partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity)
SELECT %(partner)s, day, '{REQUEST}', api_key_prefix, endpoint, requests, requests FROM sums
ON CONFLICT (partner_id, day, event_type, api_key_prefix, endpoint)
DO UPDATE SET requests = known.requests + excluded.requests, quantity = known.quantity + excluded.quantity
"""  # noqa: S608
_TAKE_COUNTS = f"""
{_COUNTED} UPDATE api_usage AS known
SET requests = known.requests + sums.requests, quantity = known.quantity + sums.requests FROM sums
WHERE (known.partner_id, known.day, known.event_type, known.api_key_prefix, known.endpoint)
    = (%(partner)s, sums.day, '{REQUEST}', sums.api_key_prefix, sums.endpoint)
"""  # noqa: S608


class NotPrintable(Refused):
    """A text that no reader of usage lets through."""


def add_events(*, partner_id: int, events: Mapping[str, NewUsage], zone: ZoneInfo, now: dt.datetime) -> set[str]:
    """Record events by their ids and add them to their days; return the ids that were known already."""
    rows = [_row(i, event, _NONE, zone) for i, event in events.items()]
    return _recorded(rows, _ADD_DAYS, {"partner": partner_id, "now": now}) if events else set()


def add_reversals(
    *, partner_id: int, events: Mapping[str, tuple[NewUsage, UUID]], zone: ZoneInfo, now: dt.datetime
) -> set[str]:
    """Record what takes events back (negative, with the id of each event) and take it from the days."""
    rows = [_row(i, event, str(target), zone) for i, (event, target) in events.items()]
    return _recorded(rows, _TAKE_FROM_DAYS, {"partner": partner_id, "now": now}) if events else set()


def add_counts(*, partner_id: int, counts: Iterable[RequestCount], is_reversal: bool) -> None:
    """Add counted requests to their days, or take them away."""
    days, requests, prefixes, endpoints = zip(*counts, strict=True)
    values = {"days": days, "requests": requests, "prefixes": prefixes, "endpoints": endpoints}
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE_COUNTS if is_reversal else _ADD_COUNTS,
            {"partner": partner_id} | {name: list(column) for name, column in values.items()},
        )


def _row(identity: str, event: NewUsage, reverses: str, zone: ZoneInfo) -> tuple[str, ...]:
    key, event_type, occurred_at, quantity, user_id, prefix, endpoint, resource_id, metadata = event
    return (
        identity, key, event_type, occurred_at.isoformat(), str(quantity), user_id, prefix, endpoint, resource_id,
        as_json(metadata), reverses, occurred_at.astimezone(zone).date().isoformat(),
    )  # fmt: skip


def _lines(rows: Sequence[tuple[str, ...]]) -> str:
    """Write rows as COPY reads them: what was read as printable text has nothing to escape but the backslash."""
    text = "\n".join(map("\t".join, rows))
    if text.count("\t") != len(rows) * (_COLUMNS - 1) or text.count("\n") != len(rows) - 1:
        raise NotPrintable("Texts of usage are printable: they hold no tab and no line break.")
    return text.replace("\\", "\\\\")


def _recorded(rows: Sequence[tuple[str, ...]], to_days: str, values: dict[str, Any]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ROOM)
        cursor.execute("DELETE FROM sent_usage")  # of an earlier call in the same transaction
        if len(rows) > _MANY:
            cursor.execute("SET LOCAL work_mem = '64MB'")
        with cursor.copy(_COPY) as copy:
            copy.write(_lines(rows))
        cursor.execute(_KEPT + to_days + _LEFT_OUT, values)
        return {identity for (identity,) in cursor.fetchall()}
