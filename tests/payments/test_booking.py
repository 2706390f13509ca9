"""What Stripe says is booked once, whatever the order, the number and the moment it is said."""

from __future__ import annotations

import datetime as dt
import random
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from invoices.models import Customer, Invoice
from payments.models import Dispute, InvoicePayment, Payment, Payout, Refund, StripeEvent, Subscription
from payments.stripe.applying import (
    apply_due_events,
    apply_next_event,
    delay_before_attempt,
    requeue_events,
)
from payments.stripe.fetching import keep_and_book
from payments.stripe.sim import CardFees, Settlement, Sim
from tests.payments.posting import event, keep
from tests.payments.stripe_story import DAY, START, books, live

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
RATE = Decimal("1.085")


@pytest.fixture
def sim():
    return Sim()


def settle(events) -> None:
    """Keep events in the given order and apply them so, until nothing is due any more."""
    now = NOW
    for one in events:
        keep([one], now=now)
        apply_next_event(now=now)
    while StripeEvent.objects.pending().exists():
        now += dt.timedelta(days=1)
        assert apply_due_events(now=now)


def test_an_invoice_is_copied_to_the_cent(sim):
    told = live(sim)
    settle(sim.events())
    theirs = sim.get("invoice", told["renewal"])
    ours = Invoice.objects.get(stripe_invoice_id=theirs["id"])
    assert (ours.invoice_number, ours.status, ours.currency) == (theirs["number"], "paid", "USD")
    assert (ours.subtotal_cents, ours.total_cents, ours.amount_paid_cents, ours.amount_due_cents) == (
        8700,
        8700,
        8700,
        0,
    )
    assert (ours.billing_period_start, ours.billing_period_end) == (dt.date(2026, 2, 1), dt.date(2026, 3, 1))
    (line,) = ours.line_items
    assert (line["description"], line["quantity"], line["unit_price"], line["amount_cents"]) == (
        "3 x Subscription", "3", "29", 8700,
    )  # fmt: skip


def test_a_payment_knows_its_invoice_customer_user_and_method(sim):
    told = live(sim)
    settle(sim.events())
    payment = Payment.objects.get(stripe_charge_id=told["paid"]["id"])
    assert payment.invoice.billing_period_start == dt.date(2026, 1, 1)
    assert payment.customer.stripe_customer_id == told["buyer"]["id"]
    assert (payment.user_id, payment.payment_method, payment.amount_cents) == ("user-7", "card visa 4242", 8700)


def test_two_partial_refunds_add_up(sim):
    told = live(sim)
    settle(sim.events())
    payment = Payment.objects.get(stripe_charge_id=told["paid"]["id"])
    assert (payment.status, payment.refund_amount_cents) == ("partially_refunded", 1500)
    assert sorted(payment.refunds.values_list("amount_cents", flat=True)) == [500, 1000]


def test_a_refund_that_fails_gives_the_payment_back(sim):
    paid = sim.charge(sim.customer("Acorn", at=START), 500, "jpy", at=START)
    refund = sim.refund(paid, 300, at=START + DAY)
    settle(sim.events())
    assert Payment.objects.get().refund_amount_cents == 300
    sim.fail_refund(refund, at=START + 2 * DAY)
    settle(sim.events())
    payment = Payment.objects.get()
    assert (payment.status, payment.refund_amount_cents, payment.refunded_at) == ("succeeded", 0, None)
    assert Refund.objects.get().status == "failed"


def test_a_full_refund_says_so(sim):
    sim.refund(sim.charge(None, 500, "jpy", at=START), at=START + DAY)
    settle(sim.events())
    payment = Payment.objects.get()
    assert (payment.status, payment.amount_cents, payment.refund_amount_cents) == ("refunded", 500, 500)


def test_a_declined_payment_says_why_until_it_succeeds(sim):
    intent = sim.begin_payment(20_00, customer=sim.customer("Acorn", at=START), at=START)
    sim.confirm_payment(intent, at=START + 60, decline="insufficient_funds")
    settle(sim.events())
    failed = Payment.objects.get()
    assert (failed.status, failed.failure_code, failed.received_at) == ("failed", "card_declined", None)
    assert failed.failure_message == "Your card has insufficient funds."
    sim.confirm_payment(intent, at=START + 120)
    settle(sim.events())
    paid = Payment.objects.get()
    assert (paid.status, paid.failure_code, paid.failure_message) == ("succeeded", "", "")


def test_a_lost_dispute_keeps_when_the_funds_went(sim):
    live(sim)
    settle(sim.events())
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.amount_cents) == ("lost", 8700)
    assert dispute.funds_withdrawn_at == dt.datetime.fromtimestamp(START + 50 * DAY, tz=dt.UTC)
    assert dispute.funds_reinstated_at is None


def test_a_won_dispute_brings_the_funds_back(sim):
    dispute = sim.dispute(sim.charge(None, 30_00, at=START), at=START + DAY)
    sim.close_dispute(dispute, won=True, at=START + 9 * DAY)
    settle(sim.events())
    ours = Dispute.objects.get()
    assert (ours.status, ours.funds_reinstated_at) == ("won", dt.datetime.fromtimestamp(START + 9 * DAY, tz=dt.UTC))
    assert ours.payment == Payment.objects.get()


def test_a_guest_at_the_checkout_is_known_by_the_products_own_id(sim):
    live(sim)
    settle(sim.events())
    assert Payment.objects.get(currency="EUR").user_id == "user-99"


def test_what_a_subscription_is_worth(sim):
    buyer = sim.customer("Acorn", at=START)
    sim.subscribe(buyer, sim.price(290_00, "usd", product="Team", interval="year", at=START), quantity=2, at=START)
    settle(sim.events())
    subscription = Subscription.objects.get()
    assert (subscription.mrr_cents, subscription.billing_cycle, subscription.status) == (4833, "yearly", "active")


@pytest.mark.parametrize("seed", range(12))
def test_any_order_gives_the_same_books(sim, seed):
    live(sim)
    with transaction.atomic():
        settle(sim.events())
        in_order = books()
        transaction.set_rollback(True)
    shuffled = sim.events()
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a repeatable order
    settle(shuffled)
    assert books() == in_order


def test_backwards_gives_the_same_books_too(sim):
    live(sim)
    with transaction.atomic():
        settle(sim.events())
        in_order = books()
        transaction.set_rollback(True)
    settle(sim.events()[::-1])
    assert books() == in_order


def test_every_event_twice_changes_nothing(sim):
    live(sim)
    settle(sim.events())
    before = books()
    requeue_events(events=StripeEvent.objects.all(), now=NOW)
    apply_due_events(now=NOW)
    assert books() == before


def test_an_older_version_never_overwrites_a_newer_one(sim):
    buyer = sim.customer("Acorn", card=None, at=START)
    sim.change_customer(buyer, name="Acorn Holding", at=START + 10)
    settle(sim.events()[::-1])
    assert Customer.objects.get().name == "Acorn Holding"


def test_of_two_versions_of_one_second_the_later_state_wins(sim):
    sim.subscribe(sim.customer("Acorn", at=START), sim.price(10_00, "usd", product="Solo", at=START), at=START)
    settle(sim.events()[::-1])
    assert Invoice.objects.get().status == "paid"


def test_a_customer_not_heard_of_is_filled_in_later(sim):
    buyer = sim.customer("Acorn", email="a@acorn.example", at=START)
    sim.charge(buyer, 10_00, at=START + 60)
    told = {one["type"]: one for one in sim.events()}
    settle([told["charge.succeeded"]])
    assert Payment.objects.get().customer.name == buyer["id"]
    settle([told["customer.created"]])
    assert Payment.objects.get().customer.name == "Acorn"


def test_a_payment_in_another_currency_than_it_settles_keeps_both():
    sim = Sim(fee_policy=CardFees(), settles={"eur": Settlement("usd", RATE)})
    sim.charge(None, 100_00, "eur", at=START, fee=617)
    settle(sim.events())
    movement = sim.store.newest_first("balance_transaction")[0]
    keep_and_book(answered=movement, api_version="2026-05-27.dahlia", now=NOW)
    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.currency) == (10000, "EUR")
    assert (payment.settlement_currency, payment.settlement_amount_cents) == ("USD", 10850)
    assert (payment.stripe_fee_cents, payment.net_amount_cents, payment.exchange_rate) == (617, 10233, RATE)


def test_a_fee_that_comes_later_completes_the_payment(sim):
    paid = sim.charge(None, 29_99, at=START, settled=False)
    settle(sim.events())
    assert Payment.objects.get().stripe_fee_cents is None
    assert Payment.objects.without_fee().count() == 1
    sim.settle(paid, at=START + DAY, fee=117)
    settle(sim.events())
    movement = sim.store.newest_first("balance_transaction")[0]
    keep_and_book(answered=movement, api_version="2026-05-27.dahlia", now=NOW)
    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.stripe_fee_cents, payment.net_amount_cents) == (2999, 117, 2882)
    assert payment.received_at == dt.datetime.fromtimestamp(START + DAY, tz=dt.UTC)


def test_a_type_nobody_handles_is_listed_as_unhandled():
    keep([event(type="invoice.haunted")], now=NOW)
    assert apply_next_event(now=NOW) == "unhandled"
    assert not Customer.objects.exists()


def test_a_broken_event_keeps_its_reason_and_stops_nobody():
    broken = event(id="evt_broken", type="invoice.paid", data={"object": {"id": "in_1", "object": "invoice"}})
    keep([broken, event()], now=NOW)
    assert apply_due_events(now=NOW) == {"retried": 1, "applied": 1}
    row = StripeEvent.objects.get(event_id="evt_broken")
    assert (row.status, row.attempts) == ("pending", 1)
    assert "Stripe's event.data.object.currency should be text, not null." in row.last_error
    assert row.next_attempt_at > NOW
    assert apply_next_event(now=NOW) == ""


def test_after_eight_attempts_an_event_is_laid_aside_until_somebody_asks():
    keep([event(type="invoice.paid", data={"object": {"id": "in_1", "object": "invoice"}})], now=NOW)
    now = NOW
    outcomes = []
    for _ in range(10):
        outcomes.append(apply_next_event(now=now))
        now += dt.timedelta(days=1)
    assert outcomes == ["retried"] * 7 + ["dead"] + [""] * 2
    assert requeue_events(events=StripeEvent.objects.dead(), now=now) == 1
    assert apply_next_event(now=now) == "retried"


def test_waiting_grows_four_times_each_attempt():
    waits = [delay_before_attempt(attempt, jitter=0.5).total_seconds() for attempt in range(1, 8)]
    assert waits == [10, 40, 160, 640, 2560, 10240, 40960]
    assert delay_before_attempt(1, jitter=0) == dt.timedelta(seconds=9)


def test_a_dispute_tells_what_it_costs_whatever_comes_last(sim):
    paid = sim.charge(sim.customer("Acorn", at=START), 29_99, at=START)
    disputed = sim.dispute(paid, at=START + DAY)
    sim.close_dispute(disputed, won=True, at=START + 9 * DAY)
    found = []
    for events in (sim.events(), sim.events()[::-1]):
        with transaction.atomic():
            settle(events)
            ours = Dispute.objects.get()
            found.append((ours.withdrawn_cents, ours.reinstated_cents, ours.fee_cents, ours.settlement_currency))
            transaction.set_rollback(True)
    assert found[0] == found[1]
    assert found[0][:2] == (2999, 2999)
    assert found[0][3] == "USD"


def test_a_payout_is_copied_with_its_way_and_its_failure():
    told = {
        "id": "po_1", "object": "payout", "amount": 1000, "arrival_date": START, "automatic": False, "created": START,
        "balance_transaction": "txn_1", "currency": "usd", "failure_code": "account_closed", "method": "instant",
        "failure_message": "The bank account has been closed.", "status": "failed",
        "reconciliation_status": "not_applicable",
    }  # fmt: skip
    settle([event(type="payout.failed", data={"object": told})])
    payout = Payout.objects.get()
    assert (payout.is_automatic, payout.method, payout.reconciliation_status) == (False, "instant", "not_applicable")
    assert (payout.failure_code, payout.failure_message) == ("account_closed", "The bank account has been closed.")
    assert payout.stripe_balance_transaction_id == "txn_1"


def test_a_failed_attempt_hangs_on_its_invoice_also_when_their_tie_was_given_up(sim):
    told = live(sim)
    settle(sim.events())
    attempt = Payment.objects.get(failure_code="card_declined")
    tie = InvoicePayment.objects.filter(stripe_invoice_id=told["declined"]["id"])
    named = {"payment": {"type": "payment_intent", "payment_intent": attempt.stripe_payment_intent_id}}
    given_up = {
        "id": "inpay_given_up", "object": "invoice_payment", "amount_requested": 8700, "created": START,
        "currency": "usd", "invoice": told["declined"]["id"], "is_default": True, "status": "canceled", **named,
    }  # fmt: skip
    keep_and_book(answered=given_up, api_version="2026-05-27.dahlia", now=NOW)
    assert tie.exists()
    attempt.refresh_from_db()
    assert attempt.invoice.stripe_invoice_id == told["declined"]["id"]


def test_a_credit_note_waits_for_its_invoice(sim):
    told = live(sim)
    (note,) = [one for one in sim.events() if one["type"] == "credit_note.created"]
    keep([note], now=NOW)
    assert apply_next_event(now=NOW) == "retried"
    assert f"reduces invoice {told['renewal']['id']}, which has not arrived." in StripeEvent.objects.get().last_error


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_object_leave_the_newer_state(sim):
    buyer = sim.customer("Acorn", card=None, at=START)
    for second in range(1, 21):
        sim.change_customer(buyer, name=f"Acorn {second}", at=START + second)
    events = sim.events()
    random.Random(1).shuffle(events)  # noqa: S311 - a repeatable order
    keep(events, now=NOW)
    _at_once(4, lambda: apply_due_events(now=NOW))
    assert Customer.objects.get().name == "Acorn 20"
    assert StripeEvent.objects.filter(status="applied", attempts=1).count() == len(events)


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_give_the_same_books_as_one(sim):
    live(sim)
    events = sim.events()
    random.Random(2).shuffle(events)  # noqa: S311 - a repeatable order
    keep(events, now=NOW)
    now = NOW
    while StripeEvent.objects.pending().exists():
        _at_once(4, lambda at=now: apply_due_events(now=at))
        now += dt.timedelta(days=1)
    together = books()
    requeue_events(events=StripeEvent.objects.all(), now=now)
    apply_due_events(now=now)
    assert books() == together
    assert Payment.objects.filter(invoice=None).exclude(status="failed").count() == 2  # the yen and the guest


def _at_once(count: int, work) -> None:
    failures = []

    def run():
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
