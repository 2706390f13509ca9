"""Story 4 on the fake Stripe over real HTTP: what Stripe's ledger says against our rows."""

from __future__ import annotations

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing_site.kit.models import JobRun
from payments.enums import PaymentOrigin, PaymentStatus
from payments.models import BalanceTransaction, Dispute, Payment, Payout, Refund, StripeObject
from payments.stripe.gateway import gateway_from_settings
from reporting.models import Break, Reconciliation
from reporting.reconciling import fetch_theirs, reconcile
from reporting.tasks import days_due, reconcile_yesterday

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 10, 14)
NEXT = dt.date(2026, 10, 15)
NOON = dt.datetime(2026, 10, 14, 12, 0, tzinfo=dt.UTC)
MORNING = dt.datetime(2026, 10, 15, 6, 0, tzinfo=dt.UTC)


def instant(seconds):
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def book(sim, charge, **changes):
    """Write the payment as its webhook and its fetched fee would have."""
    moved = sim.get("balance_transaction", charge["balance_transaction"])
    known = {
        "origin": PaymentOrigin.STRIPE,
        "stripe_charge_id": charge["id"],
        "stripe_payment_intent_id": charge["payment_intent"],
        "stripe_balance_transaction_id": moved["id"],
        "amount_cents": charge["amount"],
        "currency": charge["currency"].upper(),
        "status": PaymentStatus.SUCCEEDED,
        "stripe_fee_cents": moved["fee"],
        "net_amount_cents": moved["net"],
        "settlement_currency": moved["currency"].upper(),
        "settlement_amount_cents": moved["amount"],
        "received_at": instant(moved["created"]),
        "created_at": instant(charge["created"]),
    }
    return Payment.objects.create(**(known | changes))


def book_refund(paid, refund, **changes):
    known = {
        "stripe_refund_id": refund["id"],
        "payment": paid,
        "stripe_balance_transaction_id": refund["balance_transaction"],
        "amount_cents": refund["amount"],
        "currency": refund["currency"].upper(),
        "status": refund["status"],
        "created_at": instant(refund["created"]),
    }
    return Refund.objects.create(**(known | changes))


def book_dispute(paid, dispute, **changes):
    known = {
        "stripe_dispute_id": dispute["id"],
        "payment": paid,
        "amount_cents": dispute["amount"],
        "currency": dispute["currency"].upper(),
        "status": dispute["status"],
        "funds_withdrawn_at": instant(dispute["created"]),
        "created_at": instant(dispute["created"]),
    }
    return Dispute.objects.create(**(known | changes))


@pytest.fixture
def customer(stripe_sim):
    return stripe_sim.customer(at=NOON)


def charge(sim, customer, amount=2999, currency="usd", at=NOON, **terms):
    return sim.charge(customer, amount, currency, at=at, **terms)


def morning(now=MORNING):
    theirs = fetch_theirs(gateway=gateway_from_settings(), start=DAY, end=NEXT)
    return reconcile(start=DAY, end=NEXT, theirs=theirs, now=now)


def breaks(run):
    return sorted((row.kind, row.stripe_id, row.difference_cents) for row in run.breaks.open())


def test_a_clean_morning_writes_down_zero_breaks(stripe_sim, customer):
    paid = book(stripe_sim, charge(stripe_sim, customer))
    book_refund(paid, stripe_sim.refund(paid.stripe_charge_id, 1000, at=NOON))
    disputed = book(stripe_sim, charge(stripe_sim, customer, 5000))
    book_dispute(disputed, stripe_sim.dispute(disputed.stripe_charge_id, at=NOON))
    stripe_sim.account_fee(700, at=NOON)
    run = morning()
    assert breaks(run) == []
    assert (run.theirs_count, run.matched_count, run.break_count) == (5, 5, 0)
    assert run.totals["USD"]["difference_cents"] == 0
    assert Reconciliation.objects.count() == 1


def test_missing_payment_wrong_amount_and_wrong_fee_are_exactly_those_breaks(stripe_sim, customer):
    book(stripe_sim, charge(stripe_sim, customer))
    unknown = charge(stripe_sim, customer, 1200)
    wrong = charge(stripe_sim, customer, 4000)
    book(stripe_sim, wrong, amount_cents=3900, settlement_amount_cents=3900, net_amount_cents=3900 - 146)
    fee = charge(stripe_sim, customer, 5000)
    book(stripe_sim, fee, stripe_fee_cents=100, net_amount_cents=4900)
    assert breaks(morning()) == sorted(
        [("missing_here", unknown["id"], 1200), ("amount", wrong["id"], 100), ("fee", fee["id"], 75)]
    )


def test_money_stripe_never_saw_is_missing_there(stripe_sim, customer):
    one = charge(stripe_sim, customer)
    book(stripe_sim, one, stripe_charge_id="ch_invented", stripe_payment_intent_id=None)
    book(stripe_sim, one)
    assert breaks(morning()) == [("missing_there", "ch_invented", -2999)]


def test_a_payment_we_call_failed_is_a_status_break(stripe_sim, customer):
    one = charge(stripe_sim, customer)
    book(stripe_sim, one, status=PaymentStatus.FAILED)
    assert breaks(morning()) == [("status", one["id"], 2999)]


def test_a_payment_in_another_currency_is_a_currency_break(stripe_sim, customer):
    one = charge(stripe_sim, customer)
    book(stripe_sim, one, currency="EUR", settlement_currency="EUR")
    assert breaks(morning()) == [("currency", one["id"], 2999)]


def test_a_payment_booked_after_midnight_is_timing_only(stripe_sim, customer):
    one = charge(stripe_sim, customer)
    book(stripe_sim, one, received_at=dt.datetime(2026, 10, 15, 0, 1, tzinfo=dt.UTC))
    assert breaks(morning()) == [("timing", one["id"], 0)]


def test_yen_and_foreign_settlements_agree(stripe_sim, customer):
    from decimal import Decimal

    from payments.stripe.sim import Settlement

    book(stripe_sim, charge(stripe_sim, customer, 500, "jpy"))
    stripe_sim.settles["eur"] = Settlement("usd", Decimal("1.085"))
    paid = book(stripe_sim, charge(stripe_sim, customer, 10000, "eur"))
    book_refund(paid, stripe_sim.refund(paid.stripe_charge_id, at=NOON, exchange_rate=Decimal("1.102")))
    run = morning()
    assert breaks(run) == []
    assert run.totals["USD"]["theirs_cents"] == 10850 - 11020


def test_a_fee_not_yet_known_is_a_fee_break_until_it_is(stripe_sim, customer):
    one = charge(stripe_sim, customer)
    row = book(
        stripe_sim,
        one,
        stripe_fee_cents=None,
        net_amount_cents=None,
        settlement_currency="",
        settlement_amount_cents=None,
    )
    assert breaks(morning()) == [("fee", one["id"], 117)]
    row.stripe_fee_cents, row.net_amount_cents = 117, 2882
    row.save()
    assert breaks(morning()) == []
    found = Break.objects.get()
    assert (found.status, found.resolved_at, "both sides agree" in found.note) == ("resolved", MORNING, True)


def test_a_break_found_again_is_the_same_break(stripe_sim, customer):
    charge(stripe_sim, customer)
    first, second = morning(), morning(MORNING + dt.timedelta(days=1))
    row = Break.objects.get()
    assert (row.found_at, row.reconciliation, first.break_count) == (MORNING, second, 1)


def test_another_day_does_not_resolve_yesterdays_break(stripe_sim, customer):
    charge(stripe_sim, customer)
    morning()
    theirs = fetch_theirs(gateway=gateway_from_settings(), start=NEXT, end=NEXT + dt.timedelta(days=1))
    reconcile(start=NEXT, end=NEXT + dt.timedelta(days=1), theirs=theirs, now=MORNING)
    assert Break.objects.open().count() == 1


def test_a_refund_that_failed_agrees_on_both_ways(stripe_sim, customer):
    paid = book(stripe_sim, charge(stripe_sim, customer))
    refund = stripe_sim.refund(paid.stripe_charge_id, at=NOON)
    row = book_refund(paid, refund)
    stripe_sim.fail_refund(refund, at=NOON)
    assert breaks(morning()) == [("status", f"{refund['id']} refund_failure", 2999)]
    Refund.objects.filter(pk=row.pk).update(status="failed")
    assert breaks(morning()) == []


def test_a_payout_without_a_row_of_ours_is_missing_here(stripe_sim, customer):
    early = NOON - dt.timedelta(days=5)
    stripe_sim.charge(customer, 2999, "usd", at=early)
    payout = stripe_sim.payout(at=NOON)[0]
    assert breaks(morning()) == [("missing_here", payout["id"], -2882)]
    Payout.objects.create(
        stripe_payout_id=payout["id"], amount_cents=2882, currency="USD", status="paid", created_at=NOON
    )
    assert breaks(morning()) == []


def test_a_fee_of_the_account_is_kept_in_the_ledger_with_its_evidence(stripe_sim):
    moved = stripe_sim.account_fee(700, at=NOON)
    morning()
    morning()
    assert BalanceTransaction.objects.get(stripe_id=moved["id"]).amount_cents == -700
    assert StripeObject.objects.get(stripe_id=moved["id"]).object_type == "balance_transaction"


def test_queries_stay_the_same_with_one_payment_and_with_thirty(stripe_sim, customer):
    counts = []
    for size in (1, 30):
        for _ in range(size):
            book(stripe_sim, charge(stripe_sim, customer), stripe_fee_cents=1, net_amount_cents=2998)
        theirs = fetch_theirs(gateway=gateway_from_settings(), start=DAY, end=NEXT)
        with CaptureQueriesContext(connection) as queries:
            reconcile(start=DAY, end=NEXT, theirs=theirs, now=MORNING)
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 1  # found again: one more update, whatever the number
    assert (Break.objects.count(), Break.objects.open().count()) == (31, 30)  # the first payment has its fee by now


# --- The command and the job -------------------------------------------------------------------------------------


def run_command(*days):
    shown = StringIO()
    call_command("reconcile", *days, stdout=shown)
    return shown.getvalue()


def test_the_command_lists_breaks_and_ends_well(stripe_sim, customer):
    one = charge(stripe_sim, customer)
    shown = run_command("--from", "2026-10-14", "--to", "2026-10-14")
    assert one["id"] in shown
    assert "$29.99" in shown
    assert "1 break" in shown


def test_to_is_the_last_day_included(stripe_sim, customer):
    charge(stripe_sim, customer, at=NOON + dt.timedelta(days=1))
    assert "0 breaks" in run_command("--from", "2026-10-14")
    assert "1 break" in run_command("--from", "2026-10-14", "--to", "2026-10-15")


def test_without_a_key_the_command_says_which_variable_is_missing(settings):
    settings.STRIPE_API_KEY = ""
    with pytest.raises(CommandError, match="set STRIPE_API_KEY"):
        run_command("--from", "2026-10-14")


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (("--from", "14.10.2026"), "write it as 2026-10-01"),
        (("--from", "2026-02-30"), "is not a day"),
        (("--from", "2026-10-14", "--to", "2026-10-01"), "comes before"),
        (("--from", "2999-01-01"), "has not come yet"),
        (("--from", "0001-01-01"), "before anything"),
    ],
)
def test_impossible_days_are_one_sentence(days, sentence):
    with pytest.raises(CommandError, match=sentence):
        run_command(*days)


def test_an_unreachable_stripe_writes_nothing(settings):
    settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = "http://127.0.0.1:9", "sk_test_" + "a" * 24
    with pytest.raises(CommandError, match="Nothing was written"):
        run_command("--from", "2026-10-14")
    assert not Reconciliation.objects.exists()
    assert not BalanceTransaction.objects.exists()


def test_a_stripe_in_trouble_writes_nothing(stripe_sim):
    stripe_sim.faults.fail_next(10, status=500)
    with pytest.raises(CommandError):
        run_command("--from", "2026-10-14")
    assert not Reconciliation.objects.exists()


def test_missed_mornings_are_caught_up_oldest_first():
    Reconciliation.objects.create(
        period_start=DAY,
        period_end=NEXT,
        started_at=MORNING,
        finished_at=MORNING,
        theirs_count=0,
        ours_count=0,
        matched_count=0,
        break_count=0,
    )
    assert days_due(MORNING) == [DAY]
    assert days_due(MORNING + dt.timedelta(days=3)) == [NEXT + dt.timedelta(days=days) for days in range(3)]


def test_the_morning_job_leaves_a_line_in_the_diary(stripe_sim):
    reconcile_yesterday()
    row = JobRun.objects.get()
    assert (row.state, "0 breaks" in row.outcome) == ("done", True)


def test_the_morning_job_without_a_key_does_nothing(settings):
    settings.STRIPE_API_KEY = ""
    reconcile_yesterday()
    assert JobRun.objects.get().state == "nothing_to_do"
