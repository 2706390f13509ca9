"""Owns the benchmark of recording usage: many events a call against one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from bench import NOW
from bench.duels import Clock, Duel, Side, in_seconds
from partners.metering import NewUsage
from partners.models import Partner
from partners.services import record_usage
from tests.books import a_customer

EVENTS = 2_000


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Record the same events both ways."""
    ours = Side("one call of 1,000", lambda: _recorded(1_000))
    yield [Duel("Record 2,000 usage events", ours, Side("one call each", lambda: _recorded(1)), in_seconds)]


def _recorded(size: int) -> float:
    place, clock = Partner.objects.count(), Clock()
    partner = Partner.objects.create(name=f"Partner {place}", customer=a_customer(name=f"Customer {place}"))
    events = [_usage(n) for n in range(EVENTS)]
    with clock.running():
        for start in range(0, EVENTS, size):
            record_usage(partner=partner, events=events[start : start + size], now=NOW)
    return clock.seconds


def _usage(n: int) -> NewUsage:
    at = NOW - dt.timedelta(minutes=n)
    return NewUsage(idempotency_key=f"k{n}", event_type="deed", occurred_at=at, quantity=Decimal(1))
