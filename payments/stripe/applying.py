"""Owns the way of an event from the inbox into the books: one transaction each, retried with patience."""

from __future__ import annotations

import datetime as dt
import json
import random
import traceback
from collections import Counter
from typing import Final

from django.db import transaction

from payments.enums import EventStatus
from payments.models import StripeEvent
from payments.querysets import StripeEventQuerySet
from payments.stripe.booking import book
from payments.stripe.handled import handles
from payments.stripe.projections import facts_from_event

MOST_ATTEMPTS: Final = 8
_FIRST_DELAY_SECONDS: Final = 10
_LONGEST_TRACEBACK: Final = 10_000
RETRIED = "retried"


def apply_due_events(*, now: dt.datetime, limit: int = 1000) -> Counter[str]:
    """Apply what is due, oldest first, until nothing is left or the limit is reached; return the count of each outcome.

    Safe to run many times at once: each event is one worker's, each object one transaction's.
    """
    outcomes: Counter[str] = Counter()
    while outcomes.total() < limit and (outcome := apply_next_event(now=now)):
        outcomes[outcome] += 1
    return outcomes


def apply_next_event(*, now: dt.datetime) -> str:
    """Apply the oldest event that is due and return what became of it; "" when none is."""
    event: StripeEvent | None = None
    try:
        with transaction.atomic():
            event = StripeEvent.objects.due(now=now).select_for_update(skip_locked=True).first()
            if event is None:
                return ""
            return _apply(event, now)
    except Exception:  # whatever is wrong with one event must not stop the others; it is kept on the row
        if event is None:
            raise
        return _record_failure(event, traceback.format_exc(), now)


@transaction.atomic
def requeue_events(*, events: StripeEventQuerySet, now: dt.datetime) -> int:
    """Give events another eight attempts, at once; return how many."""
    return events.update(status=EventStatus.PENDING, attempts=0, next_attempt_at=now, last_error="")


@transaction.atomic
def skip_event(*, event: StripeEvent, reason: str) -> None:
    """Lay a dead event aside for good, with the reason."""
    StripeEvent.objects.dead().filter(pk=event.pk).update(status=EventStatus.SKIPPED, last_error=f"Skipped: {reason}")


def delay_before_attempt(attempt: int, *, jitter: float) -> dt.timedelta:
    """Return how long to wait: 10 s, then four times as long each time; `jitter` within 0..1 spreads it by a fifth."""
    return dt.timedelta(seconds=_FIRST_DELAY_SECONDS * 4 ** (attempt - 1) * (0.9 + jitter / 5))


def _apply(event: StripeEvent, now: dt.datetime) -> str:
    facts = facts_from_event(json.loads(bytes(event.payload)))
    if facts:
        book(facts)
    event.status = EventStatus.APPLIED if handles(event.type) else EventStatus.UNHANDLED
    event.attempts, event.applied_at, event.last_error = event.attempts + 1, now, ""
    event.save(update_fields=["status", "attempts", "applied_at", "last_error"])
    return event.status


def _record_failure(event: StripeEvent, trouble: str, now: dt.datetime) -> str:
    attempts = event.attempts + 1
    is_dead = attempts >= MOST_ATTEMPTS
    delay = delay_before_attempt(attempts, jitter=random.random())  # noqa: S311 - spreads load, guards nothing
    # Only if it is still as we took it: another worker may have been luckier in the meantime.
    unchanged = StripeEvent.objects.pending().filter(pk=event.pk, attempts=event.attempts)
    unchanged.update(
        status=EventStatus.DEAD if is_dead else EventStatus.PENDING,
        attempts=attempts,
        next_attempt_at=now + delay,
        last_error=trouble[-_LONGEST_TRACEBACK:].replace("\x00", ""),
    )
    return EventStatus.DEAD if is_dead else RETRIED
