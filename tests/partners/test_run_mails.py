"""The invoices of a run go out once each, whoever asks and however often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from invoices.models import Delivery
from partners.models import BillingRun
from partners.services import NotToSend, approve_run, ask_send, build_run, issue_run, queue_all_mails
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, ON, a_contract

pytestmark = pytest.mark.django_db


def an_issued_run(*, sends: bool) -> BillingRun:
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    run = approve_run(run=run, now=AFTER_OCTOBER, by="grace", sends=sends)
    return issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_queue_each_invoice_once():
    for _ in range(12):
        a_contract("flat")
    run = an_issued_run(sends=True)
    start = threading.Barrier(2)

    def work(_: int) -> int:
        try:
            start.wait()
            return queue_all_mails(now=AFTER_OCTOBER)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as workers:
        assert sum(workers.map(work, range(2))) == 12
    assert Delivery.objects.values("invoice").distinct().count() == Delivery.objects.count() == 12
    assert not run.entries.not_sent().exists()


def test_nothing_goes_out_that_nobody_asked_for():
    a_contract("flat")
    run = an_issued_run(sends=False)
    assert queue_all_mails(now=AFTER_OCTOBER) == 0
    ask_send(run=run, by="grace")
    ask_send(run=run, by="eve")
    assert queue_all_mails(now=AFTER_OCTOBER) == 1
    assert queue_all_mails(now=AFTER_OCTOBER) == 0
    assert Delivery.objects.get().requested_by == "grace"


def test_a_preview_has_nothing_to_send():
    a_contract("flat")
    with pytest.raises(NotToSend, match="approve and issue it first"):
        ask_send(run=build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada"), by="grace")
