"""`make bench`: each row sets our way against the plain one, on a database of its own."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from statistics import median

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.conf import settings
from django.db import connections
from rich.console import Console
from rich.table import Table

from tests import ground

ROUNDS = 3
NOW = dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC)
Row = tuple[str, str, Callable[[], object], str, Callable[[], object]]


def main() -> int:
    with _database():
        table = Table("What", "Ours", "Plain", "Ratio", title=f"Median of {ROUNDS} interleaved rounds")
        for name, ours_says, ours, plain_says, plain in rows():
            times = [(_seconds(ours), _seconds(plain)) for _ in range(ROUNDS)]
            fast, slow = (median(side) for side in zip(*times, strict=True))
            table.add_row(name, f"{ours_says}: {fast:.2f} s", f"{plain_says}: {slow:.2f} s", f"{slow / fast:.1f}x")
        Console(width=120).print(table)
    return 0


def rows() -> Iterator[Row]:
    yield "Issue 100 drafts", "one block", _issue_together, "one by one", _issue_one_by_one
    yield "Record 2,000 usage events", "one call of 1,000", _usage_in_calls, "one call each", _usage_one_by_one


def _drafts() -> list[object]:
    from tests.books import a_draft, a_seller

    seller = a_seller()
    return [a_draft("10.00", "20.00", seller=seller) for _ in range(100)]


def _issue_together() -> None:
    from invoices.services import issue_invoices

    drafts = _drafts()
    with _clock():
        issue_invoices(invoices=drafts, on=NOW.date(), now=NOW, by="bench")


def _issue_one_by_one() -> None:
    from invoices.services import issue_invoice

    drafts = _drafts()
    with _clock():
        for draft in drafts:
            issue_invoice(invoice=draft, on=NOW.date(), now=NOW, by="bench")


def _events(count: int) -> tuple[object, list[object]]:
    from partners.metering import NewUsage
    from partners.models import Partner
    from tests.books import a_customer

    place = Partner.objects.count()
    partner = Partner.objects.create(name=f"Partner {place}", customer=a_customer(name=f"Customer {place}"))
    events = [
        NewUsage(
            idempotency_key=f"k{n}", event_type="deed", occurred_at=NOW - dt.timedelta(minutes=n), quantity=Decimal(1)
        )
        for n in range(count)
    ]
    return partner, events


def _usage_in_calls() -> None:
    _record(2_000, size=1_000)


def _usage_one_by_one() -> None:
    _record(2_000, size=1)


def _record(count: int, *, size: int) -> None:
    from partners.services import record_usage

    partner, events = _events(count)
    with _clock():
        for start in range(0, count, size):
            record_usage(partner=partner, events=events[start : start + size], now=NOW)


_measured: list[float] = []


@contextmanager
def _clock() -> Iterator[None]:
    """Measure the work, not its preparation."""
    begun = time.perf_counter()
    yield
    _measured.append(time.perf_counter() - begun)


def _seconds(work: Callable[[], object]) -> float:
    work()
    return _measured.pop()


@contextmanager
def _database() -> Iterator[None]:
    share = ground.take_share(settings.VAR_DIR)
    ground.clone(ground.ensure_template())
    try:
        yield
    finally:
        connections.close_all()
        ground.drop_clone()
        shutil.rmtree(os.environ["FILES"], ignore_errors=True)
        share.close()


if __name__ == "__main__":
    sys.exit(main())
