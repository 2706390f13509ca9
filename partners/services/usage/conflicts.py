"""A key that comes with another body is kept on record, once for each body, and counted up when it comes again."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from django.db import connection

from partners.metering import CountsBatch, CountsReversal, NewUsage, RequestCount, Reversal
from partners.metering.batches import sha256_of
from partners.models import Partner, RequestBatch, UsageConflict, UsageEvent

log = structlog.get_logger(__name__)

_KEEP = """
INSERT INTO partners_usageconflict AS known
    (partner_id, kept_id, idempotency_key, sent, sent_sha256, times, first_at, last_at)
SELECT %s, sent.kept_id, sent.key, sent.body, sent.sha256, sent.times, %s, %s
FROM unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::text[], %s::int[]) AS sent (kept_id, key, body, sha256, times)
ORDER BY sent.kept_id, sent.sha256
ON CONFLICT (kept_id, sent_sha256)
DO UPDATE SET times = known.times + excluded.times, last_at = greatest(known.last_at, excluded.last_at)
"""


class Contradiction(NamedTuple):
    """What was sent under the key of something else that is kept."""

    kept_id: str
    idempotency_key: str
    body: dict[str, Any]


def keep_contradictions(*, partner: Partner, found: Sequence[Contradiction], now: dt.datetime) -> None:
    """Put them on record; nothing of them is counted."""
    if not found:
        return
    for one in found:
        log.warning("usage_conflict", partner=str(partner), idempotency_key=one.idempotency_key)
    times = Counter((one.kept_id, sha256_of(one.body)) for one in found)
    bodies = {(one.kept_id, sha256_of(one.body)): one for one in found}
    rows = [
        (one.kept_id, one.idempotency_key, json.dumps(one.body), place[1], times[place])
        for place, one in bodies.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [partner.pk, now, now, *map(list, zip(*rows, strict=True))])


def kept_body(conflict: UsageConflict) -> dict[str, Any] | None:
    """Return the body that holds the key, in the shape in which the other one is kept; None where it is archived."""
    event = UsageEvent.objects.filter(pk=conflict.kept_id).first()
    if event is not None:
        return _body_of_event(event)
    batch = RequestBatch.objects.filter(pk=conflict.kept_id).select_related("reverses").first()
    if batch is None:
        return None
    if batch.reverses is not None:
        return CountsReversal(batch.idempotency_key, batch.reverses.idempotency_key).body
    counts = batch.counts.values_list("day", "requests", "api_key_prefix", "endpoint")
    return CountsBatch(batch.idempotency_key, tuple(RequestCount(*count) for count in counts)).body


def _body_of_event(event: UsageEvent) -> dict[str, Any]:
    if event.reverses is None:
        return NewUsage(*(getattr(event, name) for name in NewUsage._fields)).body
    target = UsageEvent.objects.get(pk=event.reverses)
    return Reversal(event.idempotency_key, target.idempotency_key).body
