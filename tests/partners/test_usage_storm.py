"""Eight writers at once, over a month border, with repeats, reversals and counts: exact, and nobody waits in a ring."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random

import pytest
from django.db import connections
from django.db.models import Sum

from partners.metering import CountsBatch, CountsReversal, NewUsage, RequestCount, Reversal
from partners.models import ApiUsage, UsageEvent
from partners.services import record_counts, record_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, ROUNDS = 8, 6
BORDER = dt.datetime(2026, 10, 31, 22, 59, 30, tzinfo=dt.UTC)
DAYS = [dt.date(2026, 10, 31), dt.date(2026, 11, 1)]


def deed(n: int) -> NewUsage:
    at = BORDER + dt.timedelta(seconds=n)
    return NewUsage(f"k-{n}", "deed", at, Decimal(n % 3 + 1), api_key_prefix=f"pk_{n % 4}", endpoint=f"/{n % 3}")


def test_eight_writers_at_once_count_exactly():
    partner = a_partner(zone="Europe/Berlin")
    events = [deed(n) for n in range(60)]
    reversals = [Reversal(f"u-{n}", f"k-{n}") for n in range(0, 60, 10)]
    counts = tuple(RequestCount(day, 10, f"pk_{n}") for day in DAYS for n in range(3))

    def write(seed: int) -> Counter[str]:
        dice, told = Random(seed), Counter()  # noqa: S311 - a repeatable dice
        try:
            for turn in range(ROUNDS):
                batch = dice.sample(events, 60) + (dice.sample(reversals, 6) if turn % 2 else [])
                told.update(item.fate for item in record_usage(partner=partner, events=batch, now=AFTER_OCTOBER).items)
                mine = CountsBatch(f"b-{turn}", tuple(dice.sample(counts, 6)))
                told.update([f"batch {record_counts(partner=partner, batch=mine, now=AFTER_OCTOBER).fate}"])
            undo = CountsReversal("undo", "b-0")
            told.update([f"batch {record_counts(partner=partner, batch=undo, now=AFTER_OCTOBER).fate}"])
        finally:
            connections.close_all()
        return told

    with ThreadPoolExecutor(WRITERS) as writers:
        told = sum(writers.map(write, range(WRITERS)), Counter())
    assert (told["recorded"], told["conflict"], told["refused"]) == (66, 0, 0)
    assert (told["batch recorded"], told["batch conflict"]) == (ROUNDS + 1, 0)
    assert UsageEvent.objects.count() == 66
    taken = sum(n % 3 + 1 for n in range(0, 60, 10))
    deeds = ApiUsage.objects.filter(event_type="deed").aggregate(requests=Sum("requests"), quantity=Sum("quantity"))
    assert deeds == {"requests": 54, "quantity": sum(n % 3 + 1 for n in range(60)) - taken}
    calls = ApiUsage.objects.filter(event_type="request").order_by("day", "api_key_prefix")
    assert [(row.day, row.requests) for row in calls] == [(day, 50) for day in DAYS for _ in range(3)]
