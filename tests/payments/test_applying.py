"""An event is applied once: counted before it is tried, one worker's at a time, and in few statements."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import threading
import time

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from invoices.models import Customer
from payments.models import StripeEvent
from payments.stripe import applying
from payments.stripe.applying import (
    LEASE,
    MOST_ATTEMPTS,
    apply_due_events,
    apply_next_event,
    requeue_events,
    skip_event,
)
from payments.stripe.handled import handles
from payments.stripe.sim import Sim
from payments.stripe.versions import lock_objects
from tests.payments.posting import event, keep
from tests.payments.stripe_payloads import FIXTURES
from tests.payments.stripe_story import live

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
MOST_QUERIES = 12


def story() -> list[dict]:
    sim = Sim()
    live(sim)
    return sim.events()


def fixtures() -> list[dict]:
    told = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FIXTURES.glob("*.json"))]
    return [one for one in told if one.get("object") == "event"]


@pytest.mark.parametrize(
    "events",
    [story, lambda: story()[::-1], fixtures, lambda: fixtures()[::-1]],
    ids=["story", "story backwards", "fixtures", "fixtures backwards"],
)
def test_an_event_costs_twelve_queries_at_most(events):
    asked = {}
    for one in events():
        keep([one], now=NOW)
        with CaptureQueriesContext(connection) as queries:
            assert apply_next_event(now=NOW)
        asked[one["type"]] = max(len(queries), asked.get(one["type"], 0))
    assert {kind: count for kind, count in asked.items() if count > MOST_QUERIES} == {}
    assert sum(handles(kind) for kind in asked) > 15


def test_many_refunds_of_one_charge_cost_no_more_than_one():
    sim = Sim()
    paid = sim.charge(sim.customer("Acorn"), 100_00, "usd")
    keep(sim.events(), now=NOW)
    apply_due_events(now=NOW)
    counts = []
    for _ in range(6):
        before = {one["id"] for one in sim.events()}
        sim.refund(paid, 10_00)
        keep([one for one in sim.events() if one["id"] not in before], now=NOW)
        with CaptureQueriesContext(connection) as queries:
            apply_due_events(now=NOW)
        counts.append(len(queries))
    assert len(set(counts[1:])) == 1


def test_the_longest_due_is_applied_first():
    keep([event(id="evt_late", created=1_760_000_000)], now=NOW)
    keep([event(id="evt_early", created=1_750_000_000)], now=NOW)
    apply_next_event(now=NOW)
    assert StripeEvent.objects.get(status="applied").event_id == "evt_early"


def test_a_skipped_event_keeps_its_traceback_and_who_skipped_it_until_it_is_retried():
    keep([event()], now=NOW)
    StripeEvent.objects.update(status="dead", attempts=8, last_error="Traceback: no bank")
    skip_event(event=StripeEvent.objects.get(), reason="a test of the bank", by="ada")
    row = StripeEvent.objects.get()
    assert (row.status, row.last_error, row.skipped_reason, row.skipped_by) == (
        "skipped", "Traceback: no bank", "a test of the bank", "ada",
    )  # fmt: skip
    requeue_events(events=StripeEvent.objects.all(), now=NOW)
    assert apply_next_event(now=NOW) == "applied"
    row.refresh_from_db()
    assert (row.attempts, row.last_error, row.skipped_reason, row.skipped_by) == (1, "", "", "")


def test_an_event_that_changed_hands_is_left_alone():
    keep([event()], now=NOW)
    claimed = applying._claim(NOW)
    requeue_events(events=StripeEvent.objects.all(), now=NOW)
    assert applying._attempt(claimed, NOW, and_then=applying._nothing) == ("taken over", None)
    assert not Customer.objects.exists()
    assert apply_next_event(now=NOW) == "applied"


# --- Workers that die --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_event_that_kills_its_worker_counts_the_attempt_and_waits_for_the_lease():
    keep([event()], now=NOW)
    _die_over("cus_1", now=NOW)
    row = StripeEvent.objects.get()
    assert (row.status, row.attempts, row.next_attempt_at) == ("pending", 1, NOW + LEASE)
    assert apply_next_event(now=NOW) == ""
    assert apply_next_event(now=NOW + LEASE) == "applied"
    assert Customer.objects.get().name == "Acorn"


@pytest.mark.django_db(transaction=True)
def test_an_event_that_kills_every_worker_ends_as_a_dead_letter_and_harms_nobody():
    keep([event()], now=NOW)
    now = NOW
    for _ in range(MOST_ATTEMPTS):
        _die_over("cus_1", now=now)
        now += LEASE
    innocent = event(id="evt_innocent", data={"object": {"id": "cus_2", "object": "customer", "name": "Oak"}})
    keep([innocent], now=now)
    assert apply_due_events(now=now) == {"dead": 1, "applied": 1}
    dead = StripeEvent.objects.dead().get()
    assert (dead.event_id, dead.attempts) == ("evt_1", MOST_ATTEMPTS)
    assert dead.last_error.startswith("After 8 attempts this event was laid aside. A worker began the last one")
    assert StripeEvent.objects.get(event_id="evt_innocent").attempts == 1
    requeue_events(events=StripeEvent.objects.dead(), now=now)
    assert apply_next_event(now=now) == "applied"


@pytest.mark.django_db(transaction=True)
def test_an_event_is_not_applied_twice_at_once_even_after_its_lease():
    keep([event()], now=NOW)
    with transaction.atomic():
        lock_objects(["cus_1"])
        worker = _working(now=NOW)
        _waiting_worker()
        assert apply_next_event(now=NOW + 100 * LEASE) == ""
    worker.join()
    assert list(StripeEvent.objects.values_list("status", "attempts")) == [("applied", 1)]


@pytest.mark.django_db(transaction=True)
def test_fifty_workers_apply_one_event_once():
    keep([event()], now=NOW)
    workers = [_working(now=NOW) for _ in range(50)]
    for worker in workers:
        worker.join()
    assert list(StripeEvent.objects.values_list("status", "attempts")) == [("applied", 1)]
    assert Customer.objects.count() == 1


def _die_over(stripe_id: str, *, now: dt.datetime) -> None:
    """Let a worker come as far as the object it waits for, and kill it there as the kernel does."""
    with transaction.atomic():
        lock_objects([stripe_id])
        worker = _forked(now=now)
        backend = _waiting_worker()
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    while _asked("SELECT 1 FROM pg_stat_activity WHERE pid = %s", backend):
        time.sleep(0.01)


def _forked(*, now: dt.datetime) -> int:
    worker = os.fork()
    if worker:
        return worker
    of_the_parent = connection.connection  # to be neither used nor closed from here
    connection.connection = None
    connection.in_atomic_block, connection.savepoint_ids = False, []
    try:
        apply_due_events(now=now)
    finally:
        os._exit(0 if of_the_parent else 1)


def _working(*, now: dt.datetime) -> threading.Thread:
    def work():
        apply_due_events(now=now)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    return worker


def _waiting_worker() -> int:
    """Return the backend that waits for an object, as soon as there is one."""
    for _ in range(1000):
        found = _asked(
            "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
        )
        if found:
            return found[0]
        time.sleep(0.01)
    raise AssertionError("No worker came to wait.")


def _asked(question: str, *values: object) -> tuple | None:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        return cursor.fetchone()
