"""Owns the way of an event from the inbox into the books: one transaction each, retried with patience."""

from __future__ import annotations

import datetime as dt
import json
import random
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Final

from django.db import connection, transaction

from payments.enums import EventStatus
from payments.models import StripeEvent
from payments.querysets import StripeEventQuerySet
from payments.stripe.booking import book_locked, objects_of
from payments.stripe.handled import handles
from payments.stripe.projections import facts_from_event
from payments.stripe.versions import LOCK, lock_keys

MOST_ATTEMPTS: Final = 8
LEASE: Final = dt.timedelta(minutes=1)
RETRIED, TAKEN_OVER = "retried", "taken over"
_FIRST_DELAY_SECONDS: Final = 10
_LONGEST_TRACEBACK: Final = 10_000
_CLAIM: Final = """
UPDATE stripe_events SET attempts = attempts + 1, next_attempt_at = %s
WHERE id = ({due} FOR UPDATE SKIP LOCKED) RETURNING *
"""
_TAKE: Final = f"""
UPDATE stripe_events SET status = %s, applied_at = %s, last_error = ''
WHERE id = %s AND attempts = %s AND status = 'pending'
RETURNING ({LOCK})
"""  # noqa: S608 - made of constants
_NEVER_HEARD_OF: Final = (
    f"After {MOST_ATTEMPTS} attempts this event was laid aside. A worker began the last one and was never heard of "
    "again: something ended it, perhaps this event. Look at the worker's log and memory, then retry or skip it."
)


def apply_due_events(*, now: dt.datetime, limit: int = 1000) -> Counter[str]:
    """Apply what is due, oldest first, until nothing is left or the limit is reached; return the count of each outcome.

    Safe to run many times at once: each event is one worker's, each object one transaction's.
    """
    outcomes: Counter[str] = Counter()
    event = _claim(now)
    while event is not None:
        is_last = outcomes.total() + 1 >= limit
        outcome, event = _attempt(event, now, and_then=_nothing if is_last else _claim)
        outcomes[outcome] += 1
    return outcomes


def apply_next_event(*, now: dt.datetime) -> str:
    """Apply the oldest event that is due and return what became of it; "" when none is."""
    event = _claim(now)
    return _attempt(event, now, and_then=_nothing)[0] if event else ""


@transaction.atomic
def requeue_events(*, events: StripeEventQuerySet, now: dt.datetime) -> int:
    """Give events another eight attempts, at once; return how many. Nobody laid them aside any more."""
    anew = {"attempts": 0, "next_attempt_at": now, "last_error": "", "skipped_reason": "", "skipped_by": ""}
    return events.update(status=EventStatus.PENDING, **anew)


@transaction.atomic
def skip_event(*, event: StripeEvent, reason: str, by: str) -> None:
    """Lay a dead event aside for good, with who did it and why; its traceback stays."""
    dead = StripeEvent.objects.dead().filter(pk=event.pk)
    dead.update(status=EventStatus.SKIPPED, skipped_reason=reason, skipped_by=by)


def delay_before_attempt(attempt: int, *, jitter: float) -> dt.timedelta:
    """Return how long to wait: 10 s, then four times as long each time; `jitter` within 0..1 spreads it by a fifth."""
    return dt.timedelta(seconds=_FIRST_DELAY_SECONDS * 4 ** (attempt - 1) * (0.9 + jitter / 5))


def _claim(now: dt.datetime) -> StripeEvent | None:
    """Take the oldest event that is due, and count the attempt before it is made: it may kill its worker.

    Until the lease ends nobody else takes it. Part of a transaction it is committed with what that did, so that a
    worker that goes on from event to event needs no commit of its own for it.
    """
    due, params = StripeEvent.objects.due(now=now).values("pk")[:1].query.sql_with_params()
    statement = _CLAIM.format(due=due)
    return next(iter(StripeEvent.objects.raw(statement, [now + LEASE, *params])), None)


def _nothing(_now: dt.datetime) -> None:
    return None


def _attempt(
    event: StripeEvent, now: dt.datetime, *, and_then: Callable[[dt.datetime], StripeEvent | None]
) -> tuple[str, StripeEvent | None]:
    """Apply a claimed event, and in the same transaction claim what is next; return what became of it, and the next."""
    if event.attempts > MOST_ATTEMPTS:
        return _bury(event), and_then(now)
    try:
        with transaction.atomic():
            return _apply(event, now), and_then(now)
    except Exception:  # noqa: BLE001 - whatever is wrong with one event must not stop the others; it is kept on the row
        return _record_failure(event, traceback.format_exc(), now), and_then(now)


def _apply(event: StripeEvent, now: dt.datetime) -> str:
    facts = facts_from_event(json.loads(bytes(event.payload)))
    status = EventStatus.APPLIED if handles(event.type) else EventStatus.UNHANDLED
    if not _take(event, status, objects_of(facts), now):
        return TAKEN_OVER
    if facts:
        book_locked(facts)
    return status


def _take(event: StripeEvent, status: EventStatus, stripe_ids: Collection[str], now: dt.datetime) -> bool:
    """Mark an event applied and lock its objects, before it is applied; say whether it still was this worker's.

    Whatever became of the lease, its row is locked from here on: no event is ever applied twice at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [status, now, event.pk, event.attempts, lock_keys(stripe_ids)])
        return cursor.fetchone() is not None


def _record_failure(event: StripeEvent, trouble: str, now: dt.datetime) -> str:
    is_dead = event.attempts >= MOST_ATTEMPTS
    status = EventStatus.DEAD if is_dead else EventStatus.PENDING
    delay = delay_before_attempt(event.attempts, jitter=random.random())  # noqa: S311 - spreads load, guards nothing
    last_error = trouble[-_LONGEST_TRACEBACK:].replace("\x00", "")
    if not _mark(event, status=status, next_attempt_at=now + delay, last_error=last_error):
        return TAKEN_OVER
    return status if is_dead else RETRIED


def _bury(event: StripeEvent) -> str:
    """Lay an event aside whose last attempt was never heard of again."""
    last_error = "\n\n".join(filter(None, [_NEVER_HEARD_OF, event.last_error]))
    is_ours = _mark(event, status=EventStatus.DEAD, attempts=MOST_ATTEMPTS, last_error=last_error)
    return EventStatus.DEAD if is_ours else TAKEN_OVER


def _mark(event: StripeEvent, **fields: Any) -> bool:
    """Write on an event what became of it, if it still is as this worker claimed it; say whether it was."""
    claimed = StripeEvent.objects.pending().filter(pk=event.pk, attempts=event.attempts)
    return bool(claimed.update(**fields))
