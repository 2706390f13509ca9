"""Owns the rebuilding of rows from what is stored: events as signed, objects as fetched, without asking Stripe."""

from __future__ import annotations

import datetime as dt
import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import QuerySet

from payments.models import StripeEvent, StripeObject
from payments.querysets import StripeEventQuerySet
from payments.stripe.booking import book
from payments.stripe.facts import AnyFacts
from payments.stripe.fetching import facts_of
from payments.stripe.projections import facts_from_event

_READ_AT_ONCE = 500


@dataclass(slots=True)
class Replayed:
    """What a replay read, what it changed by table and by what told it, and what could not be booked, by id."""

    read: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    changed_by: dict[str, Counter[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class _Story(NamedTuple):
    told_at: dt.datetime
    told_by: str
    about: str
    read: Callable[[], tuple[AnyFacts, ...]]


def replay(
    *,
    events: StripeEventQuerySet,
    objects: QuerySet[StripeObject],
    watching: Callable[[Iterable[_Story]], Iterable[_Story]] = iter,
) -> Replayed:
    """Book stored events and objects again, in the order Stripe told them, each in its own transaction.

    Rows that already say it are not written, so a replay of sound books changes nothing. `watching` passes the stories
    on, as a progress bar does.
    """
    replayed = Replayed()
    waiting = [story for story in watching(_stories(events, objects)) if not _book(story, replayed, is_last=False)]
    for story in waiting:
        _book(story, replayed, is_last=True)
    return replayed


def _book(story: _Story, replayed: Replayed, *, is_last: bool) -> bool:
    """Book one story; one that fails is tried again when all others are told, as it may hang on a later one."""
    try:
        _note(book(story.read()), story, replayed)
    except Exception as error:  # noqa: BLE001 - one bad story must not keep the others from being told; the command names it
        if not is_last:
            return False
        replayed.failed[story.told_by] = f"{type(error).__name__}: {error}"
    replayed.read += 1
    return True


def _note(changed: Counter[str], story: _Story, replayed: Replayed) -> None:
    replayed.changed += changed
    if changed:
        replayed.changed_by[f"{story.about} ({story.told_by})" if story.about else story.told_by] = changed


def _stories(events: StripeEventQuerySet, objects: QuerySet[StripeObject]) -> Iterator[_Story]:
    told = (_of_event(row) for row in events.handled().in_order().iterator(_READ_AT_ONCE))
    fetched = (_of_object(row) for row in objects.order_by("fetched_at", "pk").iterator(_READ_AT_ONCE))
    return heapq.merge(told, fetched, key=lambda story: story.told_at)


def _of_event(row: StripeEvent) -> _Story:
    return _Story(
        row.stripe_created_at, row.event_id, row.object_id, lambda: facts_from_event(json.loads(bytes(row.payload)))
    )


def _of_object(row: StripeObject) -> _Story:
    return _Story(row.fetched_at, row.stripe_id, "", lambda: facts_of(row))
