"""The fast way in: new events in one COPY, in the order of their ids, and their days in one statement.

Two batches with the same events write them in the same order, so that they never wait for each other in a ring: the
second waits for the first, and then finds them known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction

from billing_site.kit.errors import Refused, constraint_of
from partners.metering import DayCount, DayKey, NewUsage, added_up
from partners.metering.fields import as_json

_COLUMNS = (
    "id, idempotency_key, event_type, occurred_at, quantity, user_id, api_key_prefix, endpoint, resource_id,"
    " metadata, reverses, partner_id, created_at"
)
_NONE = "\x1e"  # no printable text is this
_COPY = f"COPY usage_events ({_COLUMNS}) FROM STDIN (NULL '{_NONE}')"
_FEW = 20
_KNOWN = "SELECT id::text FROM usage_events WHERE id = ANY (%s::uuid[])"
_ADD = """
INSERT INTO api_usage AS known (partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity)
SELECT %s, * FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::numeric[])
ON CONFLICT (partner_id, day, event_type, api_key_prefix, endpoint)
DO UPDATE SET requests = known.requests + excluded.requests, quantity = known.quantity + excluded.quantity
"""
# A row below zero may not even be proposed; and what is taken back was counted, so that its day exists.
_TAKE = """
UPDATE api_usage AS known SET requests = known.requests + taken.requests, quantity = known.quantity + taken.quantity
FROM (SELECT %s AS partner_id, *
      FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::numeric[])
          AS given (day, event_type, api_key_prefix, endpoint, requests, quantity)) AS taken
WHERE (known.partner_id, known.day, known.event_type, known.api_key_prefix, known.endpoint)
    = (taken.partner_id, taken.day, taken.event_type, taken.api_key_prefix, taken.endpoint)
"""


class NotPrintable(Refused):
    """A text that no reader of usage lets through."""


def add_events(*, partner_id: int, events: Mapping[str, NewUsage], zone: ZoneInfo, now: dt.datetime) -> set[str]:
    """Record events by their ids and add them to their days; return the ids that were known already."""
    known = _known(events) if _known(_some(events)) else set()
    while not _all_copied(new := _without(events, known), partner_id, now):
        known = _known(events)
    add_days(partner_id=partner_id, days=added_up(new.values(), zone))
    return known


def add_reversals(
    *, partner_id: int, events: Mapping[str, tuple[NewUsage, UUID]], zone: ZoneInfo, now: dt.datetime
) -> None:
    """Record what takes events back (negative, with the id of each event) and take it from the days."""
    if events:
        _copy([_line(i, event, str(target)) for i, (event, target) in events.items()], partner_id, now)
        take_days(partner_id=partner_id, days=added_up((event for event, _ in events.values()), zone))


def add_days(*, partner_id: int, days: Iterable[tuple[DayKey, DayCount]]) -> None:
    """Add what was counted to its days."""
    _write_days(_ADD, partner_id, days)


def take_days(*, partner_id: int, days: Iterable[tuple[DayKey, DayCount]]) -> None:
    """Take what was counted, and is now below zero, from its days."""
    _write_days(_TAKE, partner_id, days)


def _write_days(statement: str, partner_id: int, days: Iterable[tuple[DayKey, DayCount]]) -> None:
    """Write days in one order for everybody, so that nobody waits in a ring."""
    columns = [list(column) for column in zip(*((*key, *count) for key, count in sorted(days)), strict=True)]
    if columns:
        with connection.cursor() as cursor:
            cursor.execute(statement, [partner_id, *columns])


def _without(events: Mapping[str, NewUsage], known: set[str]) -> Mapping[str, NewUsage]:
    return {i: event for i, event in events.items() if i not in known} if known else events


def _all_copied(events: Mapping[str, NewUsage], partner_id: int, now: dt.datetime) -> bool:
    """Copy events, all of them, or none where the table holds one already: another batch brought it at this moment."""
    try:
        with transaction.atomic():
            _copy([_line(i, event, _NONE) for i, event in events.items()], partner_id, now)
    except IntegrityError as error:
        if constraint_of(error) != "usage_events_pkey":
            raise
        return False
    return True


def _some(identities: Iterable[str]) -> list[str]:
    """Pick a few: who sends again mostly sends all again. What these miss, the key of the table finds."""
    ordered = list(identities)
    return ordered[:: len(ordered) // _FEW + 1]


def _known(identities: Iterable[str]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [f"{{{','.join(identities)}}}"])
        return {identity for (identity,) in cursor.fetchall()}


def _line(identity: str, event: NewUsage, reverses: str) -> str:
    key, event_type, occurred_at, quantity, user_id, prefix, endpoint, resource_id, metadata = event
    return (
        f"{identity}\t{key}\t{event_type}\t{occurred_at.isoformat()}\t{quantity!s}\t{user_id}\t{prefix}\t{endpoint}\t"
        f"{resource_id}\t{as_json(metadata)}\t{reverses}"
    )


def _copy(lines: Sequence[str], partner_id: int, now: dt.datetime) -> None:
    """Write lines as COPY reads them, by id: printable text has nothing to escape but the backslash."""
    if not lines:
        return
    end = f"\t{partner_id}\t{now.isoformat()}\n"
    text = end.join(sorted(lines)) + end
    if text.count("\t") != len(lines) * _COLUMNS.count(",") or text.count("\n") != len(lines):
        raise NotPrintable("Texts of usage are printable: they hold no tab and no line break.")
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_COPY) as copy:
        copy.write(text.replace("\\", "\\\\"))
