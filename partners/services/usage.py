"""Usage comes in: each event once, and its day's sum in the same transaction."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

import structlog
from django.db import connection, transaction

from partners.metering import REQUEST, DayCount, DayKey, NewUsage, RequestCount, added_up
from partners.models import Partner, UsageEvent
from partners.services.zones import zone_named

log = structlog.get_logger(__name__)
Fate = Literal["recorded", "repeated", "conflict"]

_INSERT = """
INSERT INTO usage_events (id, partner_id, user_id, api_key_prefix, event_type, endpoint, resource_id, quantity,
                          occurred_at, metadata, idempotency_key, created_at)
SELECT sent.id, %s, sent.user_id, sent.api_key_prefix, sent.event_type, sent.endpoint, sent.resource_id, sent.quantity,
       sent.occurred_at, sent.metadata::jsonb, sent.idempotency_key, %s
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::numeric[], %s::timestamptz[],
            %s::text[], %s::text[])
     AS sent (id, user_id, api_key_prefix, event_type, endpoint, resource_id, quantity, occurred_at, metadata,
              idempotency_key)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_ADD = """
INSERT INTO api_usage AS known (partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity)
SELECT %s, sent.day, sent.event_type, sent.api_key_prefix, sent.endpoint, sent.requests, sent.quantity
FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::numeric[])
     AS sent (day, event_type, api_key_prefix, endpoint, requests, quantity)
ON CONFLICT (partner_id, day, event_type, api_key_prefix, endpoint)
DO UPDATE SET requests = known.requests + excluded.requests, quantity = known.quantity + excluded.quantity
"""


@dataclass(frozen=True, slots=True)
class UsageItem:
    """What became of one event: recorded now, the repeat of one we have, or in conflict with it."""

    id: UUID
    idempotency_key: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class UsageOutcome:
    """What became of a batch, in the order it was sent."""

    items: tuple[UsageItem, ...]

    def count(self, fate: Fate) -> int:
        return sum(item.fate == fate for item in self.items)


@transaction.atomic
def record_usage(*, partner: Partner, events: Sequence[NewUsage], now: dt.datetime) -> UsageOutcome:
    """Record each event once, whoever sends it again; a key that comes with another body is in conflict, not counted.

    Raises UnknownTimeZone when the partner's days cannot be cut.
    """
    zone = zone_named(partner.billing_time_zone, of=str(partner))
    sent = [(event.id_for(partner.pk), event) for event in events]
    firsts: dict[UUID, NewUsage] = {}
    for identity, event in sent:
        firsts.setdefault(identity, event)
    recorded = _insert(partner, firsts, now)
    _add_to_days(partner, added_up((firsts[identity] for identity in recorded), zone))
    kept = firsts | _kept(firsts.keys() - recorded)
    outcome = UsageOutcome(tuple(_items(sent, kept, recorded)))
    _say_conflicts(partner, outcome)
    return outcome


@transaction.atomic
def record_requests(*, partner: Partner, counts: Iterable[RequestCount]) -> None:
    """Add requests a product counted itself to the days it counted them for."""
    sums: dict[DayKey, DayCount] = {}
    for count in counts:
        key = DayKey(count.day, REQUEST, count.api_key_prefix, count.endpoint)
        before = sums.get(key, DayCount(0, Decimal(0)))
        sums[key] = DayCount(before.requests + count.requests, before.quantity + count.requests)
    _add_to_days(partner, sorted(sums.items()))


def _insert(partner: Partner, events: dict[UUID, NewUsage], now: dt.datetime) -> set[UUID]:
    """Insert in the order of the keys, so that two batches with the same events never wait for each other in a ring."""
    rows = [
        (identity, e.user_id, e.api_key_prefix, e.event_type, e.endpoint, e.resource_id, e.quantity, e.occurred_at,
         json.dumps(e.metadata), e.idempotency_key)
        for identity, e in sorted(events.items())
    ]  # fmt: skip
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [partner.pk, now, *map(list, zip(*rows, strict=True))])
        return {identity for (identity,) in cursor.fetchall()}


def _add_to_days(partner: Partner, sums: Sequence[tuple[DayKey, DayCount]]) -> None:
    if not sums:
        return
    columns = zip(*((*key, *count) for key, count in sums), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [partner.pk, *map(list, columns)])


def _kept(identities: Iterable[UUID]) -> dict[UUID, NewUsage]:
    rows = UsageEvent.objects.in_bulk(list(identities))
    return {identity: NewUsage(**{f: getattr(row, f) for f in _COMPARED}) for identity, row in rows.items()}


_COMPARED = tuple(NewUsage.__dataclass_fields__)


def _items(
    sent: Sequence[tuple[UUID, NewUsage]], kept: dict[UUID, NewUsage], recorded: set[UUID]
) -> Iterable[UsageItem]:
    unsaid = set(recorded)
    for identity, event in sent:
        fate: Fate = "repeated" if event == kept[identity] else "conflict"
        if identity in unsaid:
            unsaid.discard(identity)
            fate = "recorded"
        yield UsageItem(identity, event.idempotency_key, fate)


def _say_conflicts(partner: Partner, outcome: UsageOutcome) -> None:
    for item in outcome.items:
        if item.fate == "conflict":
            log.warning("usage_conflict", partner=str(partner), idempotency_key=item.idempotency_key)
