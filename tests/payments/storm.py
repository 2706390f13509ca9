"""Bad weather for the books: deaths at any statement, workers side by side, and everything forgotten again."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, connections

from payments.models import AppliedVersion, StripeEvent
from payments.stripe.applying import apply_due_events, requeue_events
from payments.stripe.fetching import fetch_missing
from payments.stripe.gateway import Gateway
from tests import ground

_KEPT = {"invoices_seller", "invoices_sellerevent", "invoices_numberseries", "invoices_document"}
DAY = dt.timedelta(days=1)


class Died(BaseException):
    """A worker is gone: no handler of its own hears of it."""


@contextmanager
def failing_at(statement: int, error: type[BaseException]) -> Iterator[None]:
    """Let this connection's n-th statement from now on fail."""
    left = statement

    def execute(run: Callable[..., Any], *query: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise error
        return run(*query)

    with connection.execute_wrapper(execute):
        yield


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do works side by side, each on a connection of its own."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result() for done in [pool.submit(alone, work) for work in works]]


def alone(work: Callable[[], Any]) -> Any:
    """Do work in a thread and leave no connection behind."""
    try:
        return work()
    finally:
        connections.close_all()


def wait_until_somebody_waits() -> None:
    """Return once another connection to our database waits for a lock."""
    deadline = time.monotonic() + 30
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with ground.administrator() as server:
        while not server.execute(waiting, [settings.TEST_DATABASE]).fetchone():
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.02)


def drain(gateway: Gateway, *, now: dt.datetime) -> None:
    """Sweep, fetch and retry, a day apart, until nothing is left to do."""
    for days in range(20):
        today = now + days * DAY
        requeue_events(events=StripeEvent.objects.dead(), now=today)
        apply_due_events(now=today, limit=10_000)
        changed = fetch_missing(gateway=gateway, now=today).changed
        if not changed and not StripeEvent.objects.pending().exists() and not AppliedVersion.objects.doubted().exists():
            return
    waiting = list(StripeEvent.objects.pending().values_list("type", "last_error"))
    doubted = list(AppliedVersion.objects.doubted().values_list("stripe_id", flat=True))
    raise AssertionError(f"Not done after 20 days: {waiting}; in doubt: {doubted}")


def differences(ours: dict[str, Any], others: dict[str, Any]) -> list[str]:
    """Tell two readings of the books apart, one line a value."""
    return [
        f"{table} {number}, {name}: {mine.get(name)!r}, not {theirs.get(name)!r}"
        for table in ours
        for number, (mine, theirs) in enumerate(zip_longest(ours[table], others[table], fillvalue={}))
        for name in mine | theirs
        if mine.get(name) != theirs.get(name)
    ]


def broken_invariants() -> list[tuple[str, str]]:
    """Ask the database whether its books balance."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, detail FROM billing_invariants")
        return cursor.fetchall()


def forget_everything() -> None:
    """Empty the tables of Stripe's story, as only the owner of the server can: their rows are kept for good."""
    models = [model for app in ("payments", "invoices") for model in apps.get_app_config(app).get_models()]
    tables = sorted({model._meta.db_table for model in models} - _KEPT)
    with ground.administrator(name=settings.TEST_DATABASE) as server, server.transaction():
        server.execute("SET LOCAL session_replication_role = replica")
        server.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))  # noqa: S608 - names of our own models
