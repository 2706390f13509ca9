"""A month is billed once, whoever runs it, however often, and wherever it dies."""

from __future__ import annotations

import datetime as dt
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connections, transaction

from billing_site.kit.errors import Refused
from invoices.models import Invoice, NumberSeries
from invoices.services import void_invoice
from partners.models import BilledPeriod
from partners.services import (
    MonthAtWork,
    NothingToBill,
    build_run,
    issue_run,
    month_at_work,
)
from tests.ground import ROOT
from tests.partners.agreements import (
    AFTER_OCTOBER,
    OCTOBER,
    ON,
    a_contract,
    approved_run,
    bill,
    use,
)
from tests.partners.billed import issued

pytestmark = pytest.mark.django_db
THE_MONTH = {"period_start": OCTOBER.start, "period_end": OCTOBER.end, "terms": {}, "usage": {}}


def test_second_run_bills_nothing():
    a_contract("flat")
    run = bill()
    assert issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada").status == "issued"
    with pytest.raises(NothingToBill):
        approved_run()
    assert len(issued()) == 1


def test_a_retry_after_61_seconds_is_still_one_invoice():
    a_contract("flat")
    bill()
    with pytest.raises(NothingToBill):
        bill(now=AFTER_OCTOBER + dt.timedelta(seconds=61))
    assert len(issued()) == 1


def test_the_database_refuses_a_second_billing_of_a_month():
    contract = a_contract("flat")
    run = bill()
    again = {
        "contract": contract,
        "period_start": OCTOBER.start,
        "period_end": OCTOBER.end,
        "run": run,
        "terms": {},
        "usage": {},
    }
    with pytest.raises(IntegrityError, match="contract_billed_once_per_period"), transaction.atomic():
        BilledPeriod.objects.create(**again)
    with pytest.raises(IntegrityError, match="void or fully credit it"), transaction.atomic():
        BilledPeriod.objects.create(**again, revision=2)
    void_invoice(invoice=Invoice.objects.get(), now=AFTER_OCTOBER, by="ada", reason="wrong")
    BilledPeriod.objects.create(**again, revision=2)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_invoice_for_paris():
    """20:00 and 23:00 UTC of the last day: only the later one is November in Paris; two workers there bill once."""
    use(a_contract(zone="Europe/Paris").partner, 10)
    with pytest.raises(NothingToBill):
        build_run(period=OCTOBER, now=dt.datetime(2026, 10, 31, 20, tzinfo=dt.UTC), by="ada")
    late_evening = dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC)
    start = threading.Barrier(2)

    def work(_: int) -> str:
        try:
            start.wait()
            bill(now=late_evening)
        except Refused as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()
        return "billed"

    with ThreadPoolExecutor(2) as workers:
        told = list(workers.map(work, range(2)))
    assert "billed" in told
    assert len(issued()) == 1
    assert BilledPeriod.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_month_at_work_is_left_to_whoever_has_it():
    a_contract("flat")
    run = approved_run()

    def other() -> str:
        try:
            issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="bob")
        except MonthAtWork as refusal:
            return str(refusal)
        finally:
            connections.close_all()
        return "issued"

    with ThreadPoolExecutor(1) as worker:
        with month_at_work(OCTOBER.start):
            assert worker.submit(other).result() == "Another run of 2026-10 is at work; look again when it is done."
        assert worker.submit(other).result() == "issued"


@pytest.mark.django_db(transaction=True)
def test_eight_workers_issue_chunks_of_one_run_without_a_hole():
    """Without the lock of the month, on the row locks alone: a chunk each, some of them rolled back."""
    from partners.services.runs.billing import bill_entries

    for _ in range(80):
        a_contract("flat")
    run = approved_run()
    ids = list(run.entries.values_list("pk", flat=True))

    def work(worker: int) -> None:
        luck = random.Random(worker)  # noqa: S311
        chunks = [ids[at : at + 8] for at in range(0, 80, 8)]
        try:
            for chunk in luck.sample(chunks, len(chunks)):
                rolled_back = luck.random() < 0.1
                with transaction.atomic():
                    bill_entries(run=run, ids=chunk, on=ON, now=AFTER_OCTOBER, by=f"worker {worker}")
                    transaction.set_rollback(rolled_back)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    numbers = sorted(Invoice.objects.issued().values_list("invoice_number", flat=True))
    assert numbers == [f"INV-2026-{n:06}" for n in range(1, 81)]
    assert NumberSeries.objects.get().last_number == BilledPeriod.objects.count() == 80


@pytest.mark.django_db(transaction=True)
def test_a_run_killed_in_the_middle_bills_exactly_what_is_missing():
    for _ in range(60):
        a_contract("flat")
    run = approved_run()
    child = subprocess.Popen(
        [sys.executable, "-c", _ISSUE_SLOWLY, str(run.pk)],
        cwd=ROOT,
    )
    deadline = time.monotonic() + 30
    while Invoice.objects.issued().count() < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    first = issued()
    assert 10 <= len(first) < 60
    _wait_until_free(OCTOBER.start)
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    assert issued()[: len(first)] == first
    assert sorted(number for number, _ in issued()) == [f"INV-2026-{n:06}" for n in range(1, 61)]
    assert BilledPeriod.objects.count() == 60
    assert run.status == "issued"


_ISSUE_SLOWLY = """
import datetime as dt, sys, time
import django
django.setup()
from partners.models import BillingRun
from partners.services import issue_run
from partners.services.runs import billing, stages

def slowly(**given):
    billing.bill_entries(**given)
    time.sleep(0.05)

stages.bill_entries = slowly
now = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
issue_run(run=BillingRun.objects.get(pk=sys.argv[1]), on=now.date(), now=now, by="child", chunk=5)
"""


def _wait_until_free(month: dt.date) -> None:
    """PostgreSQL notices a killed client when it next speaks to it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with month_at_work(month):
                return
        except MonthAtWork:
            time.sleep(0.05)
    pytest.fail("the lock of a killed process was not given back")
