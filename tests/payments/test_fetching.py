"""What no event tells is asked of Stripe, by one asker at a time, until it is answered; bad days cost only time."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from copy import deepcopy

import psycopg
import pytest
from django.db import connection

from invoices.models import CreditNote, Customer, Invoice
from payments.models import (
    AppliedVersion,
    BalanceTransaction,
    Payment,
    Payout,
    Refund,
    StripeEvent,
    StripeObject,
    Subscription,
)
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import BeingFetched, NotBooked, fetch, fetch_missing, keep_and_book
from payments.stripe.gateway import Gateway, StripeRefused, StripeUnreachable, gateway_from_settings
from payments.stripe.mirror import mirror_due_events
from payments.stripe.questions import GIVEN_UP, REFUSED, Question
from payments.stripe.replaying import replay
from payments.stripe.sim import Sim
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.faults import CUT, Weather
from tests.payments.posting import keep
from tests.payments.stripe_story import DAY, START, books, live

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
VERSION = "2026-05-27.dahlia"


@pytest.fixture
def stripe(stripe_sim):
    """A fake Stripe whose clock says now, while its stories happened before."""
    stripe_sim.clock = lambda: int(NOW.timestamp())
    return stripe_sim


def book(events) -> None:
    keep(events, now=NOW)
    outcomes = apply_due_events(now=NOW)
    assert set(outcomes) <= {"applied", "unhandled"}


def sweep(*, now=NOW):
    return fetch_missing(gateway=gateway_from_settings(), now=now)


def at(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


# --- What is asked ------------------------------------------------------------------------------------------------


def test_refunds_that_only_the_charge_tells_of_are_fetched(stripe):
    paid = stripe.charge(stripe.customer("Acorn", at=START), 100_00, at=START)
    stripe.refund(paid, 10_00, at=START + DAY, reason="duplicate")
    stripe.refund(paid, 5_00, at=START + 2 * DAY, reason="requested_by_customer")
    book(event for event in stripe.events() if event["type"] != "refund.created")
    assert (Payment.objects.get().refund_amount_cents, Refund.objects.count()) == (15_00, 0)
    sweep()
    assert sorted(Refund.objects.values_list("amount_cents", "payment__stripe_charge_id")) == [
        (5_00, paid["id"]),
        (10_00, paid["id"]),
    ]
    payment = Payment.objects.get()
    assert (payment.refund_amount_cents, payment.refunded_at) == (15_00, at(START + 2 * DAY))
    assert payment.refund_reason == "requested_by_customer"


def test_money_of_a_failed_refund_comes_back_in_the_ledger_too(stripe):
    paid = stripe.charge(None, 100_00, at=START)
    refund = stripe.refund(paid, 10_00, at=START + DAY)
    stripe.fail_refund(refund, at=START + 3 * DAY)
    book(stripe.events())
    sweep()
    entries = BalanceTransaction.objects.filter(source_id=refund["id"])
    assert sorted(entries.values_list("amount_cents", flat=True)) == [-10_00, 10_00]
    assert Payment.objects.get().refund_amount_cents == 0


def test_a_payout_names_the_movements_it_took_to_the_bank(stripe):
    for amount in (100_00, 200_00):
        stripe.charge(None, amount, at=START)
    [payout] = stripe.payout(at=START + 10 * DAY)
    book(stripe.events())
    sweep()
    taken = BalanceTransaction.objects.of_payout(payout["id"])
    assert sum(row.net_cents for row in taken) == payout["amount"]
    assert Payout.objects.get().contents_fetched_at is not None


def test_a_payout_still_being_reconciled_is_not_listed_yet(stripe):
    stripe.charge(None, 100_00, at=START)
    stripe.payout(at=START + 10 * DAY)
    book(event for event in stripe.events() if event["type"] == "payout.created")
    sweep()
    assert Payout.objects.get().contents_fetched_at is None


def test_two_versions_of_one_second_are_settled_by_asking(stripe):
    buyer = stripe.customer("Acorn", at=START)
    subscription = stripe.subscribe(buyer, stripe.price(10_00, "usd", at=START), at=START)
    told = deepcopy(next(one for one in stripe.events() if one["type"] == "customer.subscription.created"))
    told |= {"id": "evt_same_second", "type": "customer.subscription.updated"}
    told["data"]["object"]["status"] = "past_due"
    book([*stripe.events(), told])
    assert AppliedVersion.objects.doubted().filter(pk=subscription["id"]).exists()
    sweep()
    assert Subscription.objects.get().status == "active"
    assert not AppliedVersion.objects.doubted().exists()


def test_lines_an_event_left_out_are_fetched(stripe):
    invoice = stripe.invoice(stripe.customer("Acorn", at=START), [(f"Part {n}", n) for n in range(1, 121)], at=START)
    book(_cut_lines(stripe.events()))
    assert Invoice.objects.get().lines.count() == 10
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    lines = Invoice.objects.get(stripe_invoice_id=invoice["id"]).lines.order_by("position")
    assert list(lines.values_list("amount_cents", flat=True)) == list(range(1, 121))


def test_lines_are_asked_for_once_however_many_events_left_them_out(stripe):
    stripe.invoice(stripe.customer("Acorn", at=START), [(f"Part {n}", n) for n in range(1, 31)], at=START)
    book(_cut_lines(stripe.events()))
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    asked = [request.query for request in stripe.api.requests if request.path.endswith("/lines")]
    assert asked.count("limit=100") == 1


def test_items_an_event_left_out_are_listed_and_kept_inside_their_subscription(stripe):
    buyer = stripe.customer("Acorn", at=START)
    subscription = stripe.subscribe(buyer, stripe.price(10_00, "usd", at=START), quantity=3, at=START)
    told = next(one for one in stripe.events() if one["type"] == "customer.subscription.created")
    told["data"]["object"]["items"] |= {"data": [], "has_more": True}
    book([told])
    assert Subscription.objects.get().mrr_cents == 0
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    assert Subscription.objects.get().mrr_cents == 30_00
    kept = StripeObject.objects.get(stripe_id=subscription["id"])
    assert json.loads(bytes(kept.payload))["items"]["has_more"] is False


def test_a_failed_attempt_hangs_on_its_invoice(stripe):
    declined = live(stripe)["declined"]
    book(stripe.events())
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    [failed] = Payment.objects.failed()
    assert failed.invoice.stripe_invoice_id == declined["id"]


def test_what_a_broken_mirror_cannot_show_is_fetched_all_the_same(stripe):
    live(stripe)
    book(stripe.events())
    StripeEvent.objects.filter(type="invoice.payment_failed").update(object_type="customer")  # dj-stripe will refuse
    outcomes = mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    assert outcomes["failed"] >= 1
    assert not StripeEvent.objects.filter(mirrored_at=None, last_mirror_error="").exists()
    assert Payment.objects.failed().get().invoice is not None


def _cut_lines(events):
    for event in events:
        obj = event["data"]["object"]
        if obj["object"] == "invoice":
            obj["lines"] |= {"data": obj["lines"]["data"][:10], "has_more": True}
        yield event


# --- A fetched charge tells a payment -----------------------------------------------------------------------------


@pytest.fixture
def refunded(stripe):
    """A payment refunded in part, and its charge as Stripe shows it with the ledger entry."""
    paid = stripe.charge(stripe.customer("Acorn", at=START), 100_00, at=START + 60, metadata={"user_id": "user-7"})
    stripe.refund(paid, 10_00, at=START + DAY, reason="duplicate")
    charge = stripe.get("charge", paid["id"])
    return stripe.events(), charge | {
        "balance_transaction": stripe.get("balance_transaction", charge["balance_transaction"])
    }


@pytest.mark.parametrize("place", range(7))
def test_a_fetched_charge_and_its_events_make_the_same_row_in_any_order(refunded, place):
    events, charge = refunded
    book(events[:place])
    keep_and_book(answered=charge, api_version=VERSION, now=NOW)
    book(events[place:])
    payment = Payment.objects.get()
    assert (payment.status, payment.refund_amount_cents, payment.net_amount_cents) == (
        "partially_refunded",
        10_00,
        96_80,
    )
    assert (payment.received_at, payment.refunded_at) == (at(START + 60), at(START + DAY))
    assert (payment.created_at, payment.user_id, payment.refund_reason) == (at(START + 60), "user-7", "duplicate")


def test_a_charge_alone_is_a_payment(refunded):
    keep_and_book(answered=refunded[1], api_version=VERSION, now=NOW)
    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.stripe_fee_cents, payment.received_at) == (100_00, 3_20, at(START + 60))
    assert (payment.status, payment.refunded_at) == ("partially_refunded", None)


@pytest.mark.parametrize("order", list(itertools.permutations(("failed", "succeeded", "events"))), ids="-".join)
def test_an_older_failed_charge_fetched_late_does_not_undo_the_payment(stripe, order):
    intent = stripe.begin_payment(50_00, at=START)
    failed = stripe.confirm_payment(intent, decline="insufficient_funds", at=START + 60)
    stripe.confirm_payment(intent, at=START + 120)
    charges = {row["status"]: row for row in stripe.store.newest_first("charge")}
    for minutes, what in enumerate(order):
        if what == "events":
            book(stripe.events())
        else:
            asked_at = NOW + dt.timedelta(minutes=minutes)
            keep_and_book(answered=charges[what], api_version=VERSION, now=asked_at)
    payment = Payment.objects.get()
    assert (payment.status, payment.stripe_charge_id) == ("succeeded", charges["succeeded"]["id"])
    assert (payment.failure_code, failed["status"]) == ("", "failed")


def test_an_answer_given_again_later_is_the_newer_one(stripe):
    buyer = stripe.customer("Acorn", at=START)
    first, second, third = (NOW + dt.timedelta(minutes=minutes) for minutes in range(3))
    keep_and_book(answered=buyer, api_version=VERSION, now=first)
    keep_and_book(answered=buyer | {"name": "Birch"}, api_version=VERSION, now=second)
    keep_and_book(answered=buyer, api_version=VERSION, now=third)
    assert Customer.objects.get().name == "Acorn"
    assert StripeObject.objects.count() == 3
    assert not replay(events=StripeEvent.objects.none(), objects=StripeObject.objects.all()).changed


# --- Bad days -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [CUT, 429, 500, 503])
def test_a_bad_day_of_stripes_costs_time_and_nothing_else(stripe, status):
    live(stripe)
    book(stripe.events())
    right = books()
    stripe.faults.error_rate, stripe.faults.status = 1.0, status
    with pytest.raises(StripeUnreachable):
        sweep()
    assert books() == right
    stripe.faults.clear()
    assert sweep().asked > 0
    assert not Payment.objects.without_fee().exists()


def test_a_slow_stripe_is_not_waited_for(stripe, settings):
    live(stripe)
    book(stripe.events())
    stripe.faults.latency = 0.5
    impatient = Gateway(API_KEY, settings.STRIPE_API_BASE, settings.STRIPE_API_VERSION, timeout=0.1)
    with pytest.raises(StripeUnreachable, match="did not answer"):
        fetch_missing(gateway=impatient, now=NOW)
    stripe.faults.clear()
    sweep()
    assert not Payment.objects.without_fee().exists()


def test_what_was_fetched_before_stripe_broke_down_is_kept(stripe):
    live(stripe)
    book(stripe.events())
    missing = Payment.objects.without_fee().count()
    gateway = gateway_from_settings()
    assert fetch_missing(gateway=gateway, now=NOW, limit=5).asked == 5
    stripe.faults.error_rate = 1.0
    with pytest.raises(StripeUnreachable):
        sweep()
    assert StripeObject.objects.count() == 5
    assert Payment.objects.without_fee().count() < missing


def test_an_object_that_stripe_fails_over_each_time_stops_no_other(stripe):
    broken, *whole = [stripe.charge(None, 10_00, at=START + n) for n in range(4)]
    book(stripe.events())
    stripe.faults.routes[f"/v1/balance_transactions/{broken['balance_transaction']}"] = Weather(error_rate=1.0)
    with pytest.raises(StripeUnreachable):
        sweep()
    with_fee = Payment.objects.exclude(stripe_fee_cents=None).values_list("stripe_charge_id", flat=True)
    assert set(with_fee) == {charge["id"] for charge in whole}


def test_an_object_stripe_does_not_have_stops_no_other_and_is_given_up_in_the_end(stripe, caplog):
    elsewhere = Sim(seed="elsewhere")
    lost = elsewhere.charge(None, 10_00, at=START)
    found = stripe.charge(None, 20_00, at=START)
    book([*elsewhere.events(), *stripe.events()])
    first = sweep()
    assert (first.asked, first.in_vain) == (2, 1)
    assert Payment.objects.get(stripe_charge_id=found["id"]).stripe_fee_cents is not None
    assert sweep(now=NOW + dt.timedelta(hours=23)).asked == 0
    for day in range(1, 5):
        assert sweep(now=NOW + dt.timedelta(days=day, minutes=1)).in_vain == 1
    assert "is not asked again" in caplog.text
    assert sweep(now=NOW + dt.timedelta(days=400)).asked == 0
    outcomes = StripeObject.objects.filter(stripe_id=lost["balance_transaction"]).order_by("pk")
    assert list(outcomes.values_list("object_type", flat=True)) == [REFUSED] * 4 + [GIVEN_UP]
    assert not replay(events=StripeEvent.objects.all(), objects=StripeObject.objects.all()).failed


def test_a_wrong_key_ends_the_sweep_and_is_held_against_no_object(stripe, settings):
    live(stripe)
    book(stripe.events())
    settings.STRIPE_API_KEY = "sk_test_WrongWrongWrongWrongWrong"
    with pytest.raises(StripeRefused, match="Invalid API Key"):
        sweep()
    assert not StripeObject.objects.exists()
    settings.STRIPE_API_KEY = API_KEY
    sweep()
    assert not Payment.objects.without_fee().exists()


def test_what_stripe_has_no_answer_to_yet_is_asked_again_after_hours(stripe):
    paid = stripe.charge(None, 10_00, at=START, settled=False)
    book(stripe.events())
    assert sweep().asked == 1
    assert sweep(now=NOW + dt.timedelta(hours=5)).asked == 0
    stripe.clock = lambda: int(NOW.timestamp()) + 7 * 3600
    stripe.settle(paid, at=START + DAY)
    assert sweep(now=NOW + dt.timedelta(hours=7)).asked == 1
    payment = Payment.objects.get()
    assert (payment.net_amount_cents, payment.received_at) == (9_41, at(START + DAY))


def test_what_stripe_has_not_told_in_a_week_is_asked_each_month(stripe):
    stripe.charge(None, 10_00, at=START, settled=False)
    book(stripe.events())
    asked = 0
    for day in range(0, 365, 5):
        stripe.clock = lambda day=day: int(NOW.timestamp()) + day * DAY
        asked += sweep(now=NOW + dt.timedelta(days=day, minutes=1)).asked
    assert 2 + 10 <= asked <= 2 + 12
    assert StripeObject.objects.count() == asked


def test_a_doubt_that_the_books_cannot_settle_is_not_asked_each_minute(stripe):
    buyer = stripe.customer("Acorn", at=START)
    note = stripe.credit_note(stripe.pay(stripe.invoice(buyer, [("Service", 50_00)], at=START), at=START), 5_00)
    AppliedVersion.objects.create(
        stripe_id=note["id"], object_type="credit_note", seen_created=START, doubted_at=at(START)
    )
    stripe.clock = lambda: int(NOW.timestamp())
    assert [sweep(now=NOW + dt.timedelta(minutes=minute)).asked for minute in range(2, 100, 10)] == [1] + [0] * 9


def test_an_answer_the_books_cannot_take_yet_is_kept_and_booked_by_a_replay(stripe):
    buyer = stripe.customer("Acorn", at=START)
    invoice = stripe.pay(stripe.invoice(buyer, [("Service", 50_00)], at=START), at=START)
    note = stripe.credit_note(invoice, 5_00, at=START + DAY)
    question = Question(kind="credit_note", stripe_id=note["id"])
    with pytest.raises(NotBooked, match="kept, but not booked"):
        fetch(gateway=gateway_from_settings(), question=question, now=NOW)
    book(event for event in stripe.events() if not event["type"].startswith("credit_note"))
    replayed = replay(events=StripeEvent.objects.none(), objects=StripeObject.objects.all())
    assert replayed.changed["credit_notes"] == 1
    assert CreditNote.objects.get().total_cents == 5_00


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_ask_about_one_object_at_once(stripe):
    paid = stripe.charge(None, 10_00, at=START, settled=False)
    book(stripe.events())
    question = Question(kind="charge", stripe_id=paid["id"])
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"fetch:{paid['id']}"])
        with pytest.raises(BeingFetched):
            fetch(gateway=gateway_from_settings(), question=question, now=NOW)
        assert not stripe.api.requests
        other.execute("SELECT pg_advisory_unlock_all()")
    fetch(gateway=gateway_from_settings(), question=question, now=NOW)
    assert len(stripe.api.requests) == 1
