"""The invoices of a run go out once each, whoever asks and however often."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from invoices.models import Customer, Delivery
from invoices.services.sending import Mail, claim_delivery, record_failure, record_sent, record_unknown
from partners.admin.run_progress import counts_of
from partners.models import BillingRun
from partners.services import NotToSend, approve_run, ask_send, build_run, issue_run, queue_all_mails
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, ON, a_contract

pytestmark = pytest.mark.django_db
A_MAIL = Mail(
    subject="Invoice", body_text="-", body_html="-", message_id="<1@billing.example>", document_sha256="0" * 64
)


def an_issued_run(*, sends: bool) -> BillingRun:
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    run = approve_run(run=run, now=AFTER_OCTOBER, by="grace", sends=sends)
    return issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")


def at(customer: Customer, email: str) -> None:
    """Give a customer another address."""
    customer.email = email
    customer.save()


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
    ask_send(run=run, now=AFTER_OCTOBER, by="grace")
    ask_send(run=run, now=AFTER_OCTOBER, by="eve")
    assert queue_all_mails(now=AFTER_OCTOBER) == 1
    assert queue_all_mails(now=AFTER_OCTOBER) == 0
    assert Delivery.objects.get().requested_by == "grace"


def test_a_preview_has_nothing_to_send():
    a_contract("flat")
    with pytest.raises(NotToSend, match="approve and issue it first"):
        ask_send(run=build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada"), now=AFTER_OCTOBER, by="grace")


def test_a_run_that_was_issued_long_ago_is_sent_when_somebody_asks():
    a_contract("flat")
    run = an_issued_run(sends=False)
    next_year = AFTER_OCTOBER + dt.timedelta(days=400)
    ask_send(run=run, now=next_year, by="grace")
    assert queue_all_mails(now=next_year) == 1
    assert queue_all_mails(now=next_year) == 0


def test_a_mail_that_failed_goes_out_again_when_somebody_asks_and_one_of_unknown_fate_does_not():
    for _ in range(3):
        a_contract("flat")
    run = an_issued_run(sends=True)
    assert queue_all_mails(now=AFTER_OCTOBER) == 3
    failed, unknown, sent = Delivery.objects.order_by("pk")
    record_failure(delivery=failed, error="550 no such user", is_final=True, now=AFTER_OCTOBER)
    for delivery in (unknown, sent):
        assert claim_delivery(delivery=delivery, mail=A_MAIL, now=AFTER_OCTOBER)
    record_unknown(delivery=unknown, error="No word")
    record_sent(delivery=sent, now=AFTER_OCTOBER)
    for _ in range(2):
        ask_send(run=run, now=AFTER_OCTOBER, by="eve")
    assert queue_all_mails(now=AFTER_OCTOBER) == 0
    again = Delivery.objects.get(follows=failed)
    assert (again.state, again.invoice, again.requested_by) == ("queued", failed.invoice, "eve")
    assert Delivery.objects.count() == 4


def test_a_mail_that_cannot_go_out_again_says_why_and_counts_once():
    customer = a_contract("flat").partner.customer
    at(customer, "")
    run = an_issued_run(sends=True)
    at(customer, "ap@partner.example")
    assert queue_all_mails(now=AFTER_OCTOBER) == 1
    record_failure(delivery=Delivery.objects.get(), error="550 no such user", is_final=True, now=AFTER_OCTOBER)
    at(customer, "")
    ask_send(run=run, now=AFTER_OCTOBER, by="eve")
    assert "has no valid e-mail address" in run.entries.get().reason
    assert counts_of(run).not_sent == 1
