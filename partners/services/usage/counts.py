"""Requests that a product counted itself come in: each batch once, and the sums of its days in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from django.db import IntegrityError, transaction

from billing_site.kit.errors import Refused
from partners.metering import REQUEST, CountsBatch, CountsReversal, DayCount, DayKey, RequestCount, identity
from partners.metering.batches import sha256_of
from partners.metering.repeats import count_the_same
from partners.models import Partner, RequestBatch
from partners.models import RequestCount as CountRow
from partners.services.usage.archived import ARCHIVED, archived_spans
from partners.services.usage.conflicts import Contradiction, keep_contradictions
from partners.services.usage.locks import hold_usage, share_usage
from partners.services.usage.rollup import add_days, take_days


class ArchivedMonth(Refused):
    """The month's usage was moved to a file."""


class NothingToReverse(Refused):
    """No batch has the key, or it cannot be taken back."""


class BatchOutcome(NamedTuple):
    """What became of a batch: recorded now, the repeat of one we have, or in conflict with it."""

    id: str
    idempotency_key: str
    fate: Literal["recorded", "repeated", "conflict"]
    requests: int


@transaction.atomic
def record_counts(
    *, partner: Partner, batch: CountsBatch | CountsReversal, now: dt.datetime, reported_by: str | None = None
) -> BatchOutcome:
    """Record a batch once, whoever sends it again; a key that comes with another body is in conflict, not counted.

    Where the prefix of the key that reports, `reported_by`, is all that differs, the batch is a repeat.
    Raises ArchivedMonth, and NothingToReverse for a key that names no batch or one that was taken back.
    """
    (hold_usage if isinstance(batch, CountsReversal) else share_usage)(partner)
    known_by = identity(partner.pk, batch.idempotency_key)
    known = RequestBatch.objects.filter(pk=known_by).first()
    if known is None:
        try:
            with transaction.atomic():
                return _recorded(partner, known_by, batch)
        except IntegrityError:  # the same batch, sent by somebody else at this moment
            known = RequestBatch.objects.filter(pk=known_by).first()
            if known is None:
                raise
    if _is_repeat(known, batch, reported_by):
        requests = sum(count.requests for count in known.counts.all())
        return BatchOutcome(known_by, batch.idempotency_key, "repeated", requests)
    found = [Contradiction(known_by, batch.idempotency_key, batch.body)]
    keep_contradictions(partner=partner, found=found, now=now)
    return BatchOutcome(known_by, batch.idempotency_key, "conflict", 0)


def _is_repeat(known: RequestBatch, batch: CountsBatch | CountsReversal, reported_by: str | None) -> bool:
    if known.body_sha256 == sha256_of(batch.body):
        return True
    if isinstance(batch, CountsReversal) or known.reverses_id is not None:
        return False
    kept = known.counts.values_list("day", "requests", "api_key_prefix", "endpoint")
    return count_the_same(batch.counts, [RequestCount(*count) for count in kept], reported_by=reported_by)


def _recorded(partner: Partner, known_by: str, batch: CountsBatch | CountsReversal) -> BatchOutcome:
    if isinstance(batch, CountsReversal):
        target = _target(partner, batch)
        counts: Sequence[RequestCount] = _negative(target)
    else:
        target, counts = None, batch.counts
    _refuse_archived(partner, counts)
    row = RequestBatch.objects.create(
        pk=known_by,
        partner=partner,
        idempotency_key=batch.idempotency_key,
        body_sha256=sha256_of(batch.body),
        reverses=target,
    )
    CountRow.objects.bulk_create(CountRow(batch=row, **count._asdict()) for count in counts)
    (add_days if target is None else take_days)(partner_id=partner.pk, days=map(_of_a_day, counts))
    return BatchOutcome(known_by, batch.idempotency_key, "recorded", sum(count.requests for count in counts))


def _of_a_day(count: RequestCount) -> tuple[DayKey, DayCount]:
    key = DayKey(count.day, REQUEST, count.api_key_prefix, count.endpoint)
    return key, DayCount(count.requests, Decimal(count.requests))


def _refuse_archived(partner: Partner, counts: Sequence[RequestCount]) -> None:
    for span in archived_spans(partner):
        if any(span.period_start <= count.day < span.period_end for count in counts):
            raise ArchivedMonth(ARCHIVED.format(month=span.period_start))


def _target(partner: Partner, batch: CountsReversal) -> RequestBatch:
    target = RequestBatch.objects.filter(pk=identity(partner.pk, batch.reverses)).first()
    if target is None:
        raise NothingToReverse("No batch of yours has this key; nothing was taken back.")
    if target.reverses_id is not None:
        raise NothingToReverse("This key is a reversal itself; send the batch again under a new key instead.")
    taken = RequestBatch.objects.filter(reverses=target).first()
    if taken is not None:
        raise NothingToReverse(f"This batch was taken back already, by the key {taken.idempotency_key}.")
    return target


def _negative(target: RequestBatch) -> list[RequestCount]:
    return [RequestCount(row.day, -row.requests, row.api_key_prefix, row.endpoint) for row in target.counts.all()]
