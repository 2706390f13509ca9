"""The demo's company: the same day gives the same books, which balance and leave the last month to bill."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, Sum
from django.test import override_settings

from billing_site.demo import cast, subscribers
from billing_site.demo.dates import Dates
from billing_site.demo.loading import load
from invoices.models import Customer, Delivery, Invoice
from partners.enums import PricingModel
from partners.models import BilledPeriod, Contract, UsageConflict, UsageEvent
from payments.models import (
    AppliedVersion,
    BalanceTransaction,
    EventListing,
    MrrMovement,
    Payment,
    Payout,
    StripeEvent,
)
from payments.stripe.applying import apply_due_events, requeue_events
from payments.stripe.sim import keeping
from reporting.invariants import broken_invariants, broken_usage
from reporting.models import Reconciliation

pytestmark = pytest.mark.django_db

DATES = Dates(dt.date(2026, 3, 1), ZoneInfo("UTC"))  # the shortest month is the one to bill
FEBRUARY = dt.date(2026, 2, 1)


@pytest.fixture(scope="module")
def stripe_file(tmp_path_factory):
    return tmp_path_factory.mktemp("stripe") / "sim.json.gz"


@pytest.fixture(scope="module")
def company(stripe_file, django_db_setup, django_db_blocker):
    """Four partners, one of each pricing model, and two subscribers; told twice, the first time is taken back.

    Loaded once for all tests here: each of them rolls back to it. What it gives is what the first telling came to.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        first = transaction.savepoint()
        tell(stripe_file)
        before = totals()
        transaction.savepoint_rollback(first)
        tell(stripe_file)
        yield before
        transaction.set_rollback(True)


def tell(stripe_file):
    with override_settings(STRIPE_WEBHOOK_SECRETS=["whsec_" + "demo" * 8]):
        load(DATES, stripe_file=stripe_file, customers=7)


def totals():
    invoices = Invoice.objects.order_by().values("origin", "status", "currency")
    payments = Payment.objects.order_by().values("status", "currency")
    return (
        sorted(invoices.annotate(n=Count("pk"), sum=Sum("total_cents"), due=Sum("amount_due_cents")), key=str),
        sorted(payments.annotate(n=Count("pk"), sum=Sum("amount_cents"), net=Sum("net_amount_cents")), key=str),
        sorted(Invoice.objects.native().issued().values_list("invoice_number", "total_cents")),
        sorted(StripeEvent.objects.values_list("event_id", flat=True)),
    )


def test_the_same_day_gives_the_same_books(company):
    assert totals() == company


def test_every_month_but_the_last_is_billed(company):
    assert not BilledPeriod.objects.filter(period_start=FEBRUARY).exists()
    assert BilledPeriod.objects.values("period_start").distinct().count() == 13
    assert set(Contract.objects.values_list("pricing_model", flat=True)) == set(PricingModel.values)
    assert set(Contract.objects.unbilled(start=FEBRUARY, end=DATES.as_of)) == set(
        Contract.objects.in_force(start=FEBRUARY, end=DATES.as_of)
    )


def test_the_books_balance_and_stripes_agree_up_to_yesterday(company):
    assert broken_invariants() + broken_usage() == []
    assert list(Reconciliation.objects.values_list("break_count", flat=True)) == [0] * 8
    assert not Payment.objects.without_fee().exists()
    assert not StripeEvent.objects.pending().exists()
    assert not AppliedVersion.objects.doubted().exists()


def test_one_deed_is_in_conflict_taken_back_and_counted_anew(company):
    conflict, undo = UsageConflict.objects.get(), UsageEvent.objects.exclude(reverses=None).get()
    assert (conflict.times, conflict.kept_id, conflict.sent["quantity"]) == (2, undo.reverses, "1")
    alike = UsageEvent.objects.filter(partner=conflict.partner, resource_id="deed_483920117")
    assert alike.aggregate(sum=Sum("quantity"))["sum"] == 1


def test_the_one_dead_letter_is_cured_by_another_try(company):
    letter = StripeEvent.objects.dead().get()
    assert "which has not arrived" in letter.last_error
    requeue_events(events=StripeEvent.objects.dead(), now=DATES.ends_at)
    assert apply_due_events(now=DATES.ends_at) == {"applied": 1}
    assert Payment.objects.filter(user_id="usr_7301", status="succeeded").count() == 1


def test_stripes_list_brought_what_no_webhook_did(company):
    found = StripeEvent.objects.filter(source="list")
    assert set(found.values_list("status", flat=True)) >= {"applied"}
    assert found.count() == EventListing.objects.latest("listed_until").kept
    assert StripeEvent.objects.unhandled().exists()


def test_payouts_come_to_what_they_contain(company):
    for payout in Payout.objects.all():
        contents = BalanceTransaction.objects.of_payout(payout.stripe_payout_id)
        assert contents.aggregate(net=Sum("net_cents"))["net"] == payout.amount_cents


def test_somebody_grew_shrank_and_left(company):
    moves = MrrMovement.objects.order_by("subscription", "occurred_at", "pk").values_list("subscription", "kind")
    kinds = {one: [kind for other, kind in moves if other == one] for one, _ in moves}
    assert ["new", "expansion", "contraction", "churn"] in kinds.values()


def test_everything_went_to_its_customer_the_last_month_by_mail(company):
    assert not Invoice.objects.not_sent().exclude(deliveries__state="failed").exists()
    mailed = Delivery.objects.filter(channel="email")
    assert set(mailed.values_list("state", flat=True)) <= {"sent", "failed"}
    assert mailed.filter(state="sent", invoice__documents__isnull=False).exists()
    assert not mailed.filter(invoice__issue_date__lt=FEBRUARY).exists()


def test_nothing_happens_after_the_day_it_is_told_for(company):
    assert not Invoice.objects.filter(issue_date__gte=DATES.as_of).exists()
    assert not Payment.objects.filter(received_at__gte=DATES.ends_at).exists()
    assert not StripeEvent.objects.filter(received_at__gt=DATES.ends_at).exists()
    assert not Customer.objects.filter(created_at__gt=DATES.ends_at).exists()
    assert not Delivery.objects.filter(requested_at__gt=DATES.ends_at).exists()


def test_the_pretended_stripe_keeps_what_the_books_took_from_it(company, stripe_file):
    sim = keeping.load(stripe_file, clock=lambda: int(DATES.ends_at.timestamp()))
    paid = {row["id"] for row in sim.store.newest_first("charge") if row["paid"]}
    assert paid == set(Payment.objects.from_stripe().received().values_list("stripe_charge_id", flat=True))


def test_two_payments_are_left_to_break_the_next_reconciliation():
    story = subscribers.tell(DATES, cast.subscriptions())
    unheard = [event for event in story.sim.events() if event["id"] in story.unheard]
    assert {event["type"] for event in unheard} >= {"charge.succeeded", "payment_intent.succeeded"}
    assert list(story.recharged.values()) == [75]
    days = {DATES.as_of - dt.timedelta(days=1)}
    assert {dt.datetime.fromtimestamp(event["created"], dt.UTC).date() for event in unheard} == days


@pytest.mark.parametrize("day", [dt.date(2026, 3, 31), dt.date(2028, 2, 29), dt.date(2027, 1, 1)])
def test_the_story_can_be_told_for_any_day(day):
    story = subscribers.tell(Dates(day, ZoneInfo("Asia/Tokyo")), cast.subscriptions())
    kinds = {kind: story.sim.store.newest_first(kind) for kind in ("refund", "dispute", "payout")}
    assert all(kinds.values())
    assert {row["status"] for row in kinds["dispute"]} == {"lost", "needs_response"}
    assert {row["currency"] for row in story.sim.store.newest_first("charge")} == {"usd", "eur", "gbp", "jpy"}


def test_demo_data_is_refused_in_production_and_beside_other_data(settings, company):
    with pytest.raises(CommandError, match="data already"):
        call_command("load_demo")
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="never loaded in production"):
        call_command("load_demo")


def test_a_day_that_is_none_is_refused():
    with pytest.raises(CommandError, match="no day"):
        call_command("load_demo", as_of="2026-02-30")
    with pytest.raises(CommandError, match="has not come yet"):
        call_command("load_demo", as_of="9999-01-01")
