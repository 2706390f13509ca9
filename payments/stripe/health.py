"""Owns how the door to Stripe fares: whether all that was said is in the books, and if not, what needs a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from payments.models import AppliedVersion, StripeEvent
from payments.stripe.listing_events import GapState, ListingGap, listing_gap

QUIET_AFTER: Final = dt.timedelta(hours=24)  # an account that sells every day says something every day
BEHIND_AFTER: Final = dt.timedelta(minutes=5)
MIRROR_BEHIND_AFTER: Final = dt.timedelta(hours=1)


class Need(StrEnum):
    """What a person should look at, the most urgent first."""

    DEAD_LETTERS = "dead_letters"
    LISTING = "listing"
    BACKLOG = "backlog"
    SILENCE = "silence"
    DOUBT = "doubt"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeHealth:
    """How Stripe's events fare at the instant `at`; what was never heard is None."""

    at: dt.datetime
    last_received_at: dt.datetime | None
    pending: int
    oldest_pending_at: dt.datetime | None
    dead: int
    unhandled_today: int
    asks_stripe: bool
    to_mirror: int
    oldest_to_mirror_at: dt.datetime | None
    mirror_error: str
    doubted: int
    oldest_doubt_at: dt.datetime | None
    gap: ListingGap

    @property
    def is_urgent(self) -> bool:
        """Whether money may be missing from the books."""
        return bool(self.dead) or (Need.LISTING in self.needs and self.gap.is_alarming)

    @property
    def lag(self) -> dt.timedelta:
        """How long the oldest event has been waiting for its place in the books."""
        return self.since(self.oldest_pending_at)

    @property
    def silence(self) -> dt.timedelta:
        return self.since(self.last_received_at)

    @property
    def needs(self) -> tuple[Need, ...]:
        return tuple(self._needs())

    def since(self, instant: dt.datetime | None) -> dt.timedelta:
        """Return the age of an instant; nothing when there is none, or when it is yet to come."""
        return max(self.at - instant, dt.timedelta()) if instant else dt.timedelta()

    def _needs(self) -> Iterator[Need]:
        if self.dead:
            yield Need.DEAD_LETTERS
        if self.asks_stripe and self.gap.covered_until and self.gap.state != GapState.OK:
            yield Need.LISTING
        if self.lag > BEHIND_AFTER:
            yield Need.BACKLOG
        if self.silence > QUIET_AFTER:
            yield Need.SILENCE
        if self.since(self.oldest_doubt_at) > MIRROR_BEHIND_AFTER:
            yield Need.DOUBT
        if self.asks_stripe and self.since(self.oldest_to_mirror_at) > MIRROR_BEHIND_AFTER:
            yield Need.MIRROR


def stripe_health(*, now: dt.datetime) -> StripeHealth:
    """Ask how things are, in a few queries that are small or on an index."""
    events = StripeEvent.objects.all()
    waiting = events.pending().aggregate(count=Count("pk"), oldest=Min("received_at"))
    unmirrored = events.unmirrored().aggregate(count=Count("pk"), oldest=Min("applied_at"))
    doubted = AppliedVersion.objects.doubted().aggregate(count=Count("pk"), oldest=Min("doubted_at"))
    failed = events.unmirrored().exclude(last_mirror_error="").order_by("-stripe_created_at", "-pk")
    return StripeHealth(
        at=now,
        last_received_at=events.order_by("-received_at").values_list("received_at", flat=True).first(),
        pending=waiting["count"],
        oldest_pending_at=waiting["oldest"],
        dead=events.dead().count(),
        unhandled_today=events.unhandled().filter(received_at__gte=_midnight(now)).count(),
        asks_stripe=bool(settings.STRIPE_API_KEY),
        to_mirror=unmirrored["count"],
        oldest_to_mirror_at=unmirrored["oldest"],
        mirror_error=failed.values_list("last_mirror_error", flat=True).first() or "",
        doubted=doubted["count"],
        oldest_doubt_at=doubted["oldest"],
        gap=listing_gap(now),
    )


def _midnight(now: dt.datetime) -> dt.datetime:
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
