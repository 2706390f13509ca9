"""Owns the reading of Stripe's own list of events: it finds what no webhook brought, and a gap is told in time."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.db.models import F, Min, Window
from django.db.models.functions import Lag
from django.utils import timezone

from billing_site.kit.errors import Refused
from payments.enums import EventSource
from payments.models import EventListing, StripeEvent
from payments.stripe.envelopes import NotAnEvent, OtherAccount, event_row
from payments.stripe.gateway import Gateway, StripeRefused, StripeUnreachable
from payments.stripe.importing import is_imported

log = logging.getLogger(__name__)

STRIPE_LISTS_FOR: Final = dt.timedelta(days=30)
AT_RISK_AFTER: Final = dt.timedelta(days=25)
LATE_AFTER: Final = dt.timedelta(hours=3)
OVERLAP: Final = dt.timedelta(hours=2)
"""This far back is asked for once more: Stripe may show an event some time after it happened."""
_RUNNING_SECOND: Final = dt.timedelta(seconds=1)


class EventsAtRisk(Refused):
    """Events that Stripe will soon list no more, or lists no more, may be missing here."""


class GapState(StrEnum):
    """How well Stripe's list of events is covered, the best first."""

    OK = "ok"
    LATE = "late"
    AT_RISK = "at risk"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingGap:
    """Since when nobody has looked whether an event is missing. Both are None while nothing was listed or received."""

    state: GapState
    covered_until: dt.datetime | None
    age: dt.timedelta | None

    @property
    def is_alarming(self) -> bool:
        return self.state in {GapState.AT_RISK, GapState.LOST}

    @property
    def sentence(self) -> str:
        """Say what is wrong and what to do; "" when all is well."""
        if self.covered_until is None:
            return "Stripe's list of events has not been read yet." if self.state != GapState.OK else ""
        until = timezone.localtime(self.covered_until)
        return {
            GapState.OK: "",
            GapState.LATE: f"Stripe's list of events was last read up to {until:%Y-%m-%d %H:%M}: see why not since.",
            GapState.AT_RISK: (
                f"Stripe's list of events was last read up to {until:%Y-%m-%d}, and Stripe shows 30 days only: "
                f"run `manage.py list_stripe_events` before {until + STRIPE_LISTS_FOR:%Y-%m-%d}."
            ),
            GapState.LOST: (
                f"Events since {until:%Y-%m-%d} may be missing, and Stripe lists them no more: "
                f"run `manage.py import_stripe --since {until:%Y-%m-%d}`."
            ),
        }[self.state]


@dataclass(slots=True)
class Listed:
    """What one reading of the list found: all, those the inbox did not have, and those it does not take."""

    found: int = 0
    kept: int = 0
    refused: int = 0

    def __str__(self) -> str:
        refused = f", {self.refused} refused (see the log)" if self.refused else ""
        return f"{self.found} listed, {self.kept or 'none'} missing here{refused}"


def list_missing_events(*, gateway: Gateway, now: dt.datetime) -> Listed:
    """Put what the inbox lacks of Stripe's list into it, and write down the span that was read.

    Raises StripeUnreachable, StripeRefused or, once that has lasted too long, EventsAtRisk. A reading that breaks off
    leaves what it found, and covers nothing.
    """
    try:
        return _read_list(gateway, now)
    except (StripeUnreachable, StripeRefused) as failure:
        gap = listing_gap(now)
        if gap.is_alarming:
            raise EventsAtRisk(f"{gap.sentence} {failure}") from failure
        raise


def sound_alarm(*, now: dt.datetime) -> None:
    """Raise EventsAtRisk while events may be lost, or are about to be."""
    gap = listing_gap(now)
    if gap.is_alarming:
        log.error(gap.sentence)
        raise EventsAtRisk(gap.sentence)


def listing_gap(now: dt.datetime) -> ListingGap:
    """Return how well Stripe's list is covered; two queries while all is well."""
    hole = _oldest_open_hole()
    if hole is not None:
        return ListingGap(state=GapState.LOST, covered_until=hole, age=now - hole)
    until = _listed_until() or StripeEvent.objects.aggregate(first=Min("stripe_created_at"))["first"]
    if until is None:
        return ListingGap(state=GapState.LATE, covered_until=None, age=None)
    return ListingGap(state=_state(now - until), covered_until=until, age=now - until)


def _state(age: dt.timedelta) -> GapState:
    if age > STRIPE_LISTS_FOR:
        return GapState.LOST
    if age > AT_RISK_AFTER:
        return GapState.AT_RISK
    return GapState.LATE if age > LATE_AFTER else GapState.OK


def _listed_until() -> dt.datetime | None:
    return EventListing.objects.order_by("-listed_until").values_list("listed_until", flat=True).first()


def _oldest_open_hole() -> dt.datetime | None:
    """Return where listings leave out a span that Stripe had forgotten by then, unless an import has filled it."""
    before = Window(Lag("listed_until"), order_by="listed_until")
    holes = EventListing.objects.annotate(before=before).filter(listed_from__gt=F("before")).order_by("before")
    return next((row.before for row in holes if not is_imported(since=row.before, after=row.listed_from)), None)


def _read_list(gateway: Gateway, now: dt.datetime) -> Listed:
    listed, start = Listed(), _start(now)
    asked: list[dt.datetime] = []
    for page in gateway.pages("event", created={"gte": int(start.timestamp())}):
        _keep_new(page.body["data"], listed, now)
        asked.append(page.at)
    EventListing.objects.create(
        listed_from=start,
        # Events of the running second may still appear; what happens while pages are turned is on none of them.
        listed_until=asked[0] - _RUNNING_SECOND,
        found=listed.found,
        kept=listed.kept,
        finished_at=asked[-1],
    )
    return listed


def _start(now: dt.datetime) -> dt.datetime:
    """Return where to begin: a little before the end of the last reading, and at most where Stripe's list does."""
    oldest, until = now - STRIPE_LISTS_FOR, _listed_until()
    return max(oldest, until - OVERLAP) if until else oldest


def _keep_new(events: Sequence[Mapping[str, Any]], listed: Listed, now: dt.datetime) -> None:
    ids = [event.get("id") for event in events]
    known = set(StripeEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
    missing = [event for event in events if event.get("id") not in known]
    rows = list(_rows(missing, now))
    StripeEvent.objects.bulk_create(rows, ignore_conflicts=True)
    listed.found += len(events)
    listed.kept += len(rows)
    listed.refused += len(missing) - len(rows)


def _rows(events: Sequence[Mapping[str, Any]], now: dt.datetime) -> Iterator[StripeEvent]:
    for event in events:
        body = json.dumps(event, sort_keys=True, separators=(",", ":")).encode()
        try:
            row = event_row(body=body, headers={}, now=now, source=EventSource.LIST)
        except (NotAnEvent, OtherAccount) as refusal:
            log.error("The inbox does not take %s from Stripe's list: %s", event.get("id"), refusal)  # noqa: TRY400
            continue
        # The oldest are due first, which also spares the worker from sorting a whole list of equals.
        row.next_attempt_at = min(now, row.stripe_created_at)
        yield row
