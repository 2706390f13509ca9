"""Owns the benchmark of the way from the inbox into the books, against dj-stripe, which does it while Stripe waits."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from djstripe.models import Event

from bench.duels import Clock, Duel, Side, a_second
from payments.stripe.applying import apply_due_events
from payments.stripe.gateway import Gateway, point_djstripe_at
from payments.stripe.sim import Sim
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.schema import api_version
from payments.stripe.sim.server import SimServer
from tests.payments.posting import keep

LATENCY = 0.15
CUSTOMERS = 20
_numbers = itertools.count()


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Bring the same events in both ways: ours from the inbox, dj-stripe's as its view does it."""
    sim = Sim(clock=lambda: int(time.time()))
    with SimServer(sim) as stripe, override_settings(STRIPE_TEST_SECRET_KEY=API_KEY, STRIPE_API_KEY=API_KEY):
        point_djstripe_at(Gateway(API_KEY, stripe.url, api_version()))
        _processed(_life(sim))  # dj-stripe meets the account
        sim.faults.latency = LATENCY
        what = f"An event into the books, Stripe {LATENCY * 1000:.0f} ms away"
        ours = Side("our worker", lambda: _drained([event for _ in range(CUSTOMERS) for event in _life(sim)]))
        theirs = Side("dj-stripe, inline", lambda: _processed(_life(sim)))
        yield [Duel(what, ours, theirs, a_second, at_least=10, note=lambda: f" ({_queries(sim):.1f} queries an event)")]


def _life(sim: Sim) -> list[dict[str, Any]]:
    """Let a new customer subscribe and get money back; return the events of it."""
    last = sim.events()[-1] if sim.events() else None
    buyer = sim.customer(f"Acorn {next(_numbers)}", email="billing@acorn.example")
    sim.subscribe(buyer, sim.price(29_00))
    sim.refund(sim.store.newest_first("charge")[0], 10_00)
    return sim.events(last)


def _drained(events: list[dict[str, Any]]) -> float:
    keep(events, now=timezone.now())
    clock = Clock()
    with clock.running():
        apply_due_events(now=timezone.now(), limit=len(events))
    return clock.seconds / len(events)


def _queries(sim: Sim) -> float:
    events = _life(sim)
    with CaptureQueriesContext(connection) as queries:
        _drained(events)
    return len(queries) / len(events)


def _processed(events: list[dict[str, Any]]) -> float:
    clock = Clock()
    with clock.running():
        for event in events:
            Event.process(event, api_key=API_KEY)
    return clock.seconds / len(events)
