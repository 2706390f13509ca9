"""dj-stripe's mirror and the fees follow the books over real HTTP, and never hold them up."""

from __future__ import annotations

import datetime as dt

import djstripe.models
import pytest

from payments.models import BalanceTransaction, Payment, StripeEvent, StripeObject, Subscription
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import fetch_missing
from payments.stripe.gateway import StripeUnreachable, gateway_from_settings
from payments.stripe.mirror import mirror_due_events
from payments.stripe.sim.faults import Weather
from tests.payments.posting import keep
from tests.payments.stripe_story import DAY, START, live

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


@pytest.fixture
def booked(stripe_sim):
    live(stripe_sim)
    keep(stripe_sim.events(), now=NOW)
    apply_due_events(now=NOW)
    stripe_sim.clock = lambda: int(NOW.timestamp())
    return stripe_sim


def test_the_mirror_shows_the_newest_of_each_object(booked):
    assert mirror_due_events(gateway=gateway_from_settings(), now=NOW)["failed"] == 0
    for model, kind in ((djstripe.models.Invoice, "invoice"), (djstripe.models.Charge, "charge")):
        shown = {row.id: row.stripe_data["status"] for row in model.objects.all()}
        assert shown == {obj["id"]: obj["status"] for obj in booked.store.newest_first(kind)}
    assert not StripeEvent.objects.filter(mirrored_at=None).exists()
    assert not djstripe.models.Event.objects.exists()


def test_the_mirror_knows_its_owner_and_keeps_no_key(booked):
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    owners = djstripe.models.Charge.objects.values_list("djstripe_owner_account__id", flat=True)
    assert set(owners) == {booked.account["id"]}
    assert not djstripe.models.APIKey.objects.exists()


def test_a_key_that_dj_stripe_kept_before_is_forgotten(booked):
    djstripe.models.APIKey.objects.get_or_create_by_api_key(booked.api_key)
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    assert not djstripe.models.APIKey.objects.exists()


def test_a_second_sweep_of_the_mirror_finds_nothing(booked):
    mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    asked = len(booked.api.requests)
    assert not mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    assert len(booked.api.requests) == asked


def test_the_mirror_waits_for_the_books(stripe_sim):
    stripe_sim.customer("Acorn", at=START)
    keep(stripe_sim.events(), now=NOW)
    assert not mirror_due_events(gateway=gateway_from_settings(), now=NOW)


def test_when_stripe_is_down_the_mirror_tries_again_later(booked):
    booked.faults.error_rate = 1.0
    outcomes = mirror_due_events(gateway=gateway_from_settings(), now=NOW)
    assert (outcomes["found Stripe unreachable"], outcomes["failed"]) == (1, 0)
    failed = StripeEvent.objects.exclude(last_mirror_error="")
    assert not failed.exclude(status__in=["applied", "unhandled"]).exists()
    assert all(row.next_mirror_at > NOW for row in failed)
    booked.faults.clear()
    later = NOW + dt.timedelta(minutes=5)
    assert mirror_due_events(gateway=gateway_from_settings(), now=later)["failed"] == 0
    assert not StripeEvent.objects.filter(mirrored_at=None).exists()


def test_fee_and_net_equal_stripes_ledger(booked):
    fetch_missing(gateway=gateway_from_settings(), now=NOW)
    assert not Payment.objects.without_fee().exists()
    for payment in Payment.objects.received():
        theirs = booked.get("balance_transaction", payment.stripe_balance_transaction_id)
        assert (payment.stripe_fee_cents, payment.net_amount_cents) == (theirs["fee"], theirs["net"])
        assert payment.received_at.timestamp() == theirs["created"]


def test_a_refunds_ledger_entry_is_fetched_too(booked):
    fetch_missing(gateway=gateway_from_settings(), now=NOW)
    refunds = BalanceTransaction.objects.filter(reporting_category="refund")
    assert sorted(refunds.values_list("amount_cents", flat=True)) == [-1000, -500]


def test_fetching_again_asks_for_nothing(booked):
    fetch_missing(gateway=gateway_from_settings(), now=NOW)
    asked, kept = len(booked.api.requests), StripeObject.objects.count()
    assert not fetch_missing(gateway=gateway_from_settings(), now=NOW).asked
    assert (len(booked.api.requests), StripeObject.objects.count()) == (asked, kept)


def test_what_is_fetched_is_kept_with_version_and_time(booked):
    fetch_missing(gateway=gateway_from_settings(), now=NOW)
    theirs = {payment.stripe_balance_transaction_id for payment in Payment.objects.received()}
    kept = StripeObject.objects.filter(stripe_id__in=theirs)
    assert kept.count() == len(theirs)
    [(version, asked_at)] = set(kept.values_list("api_version", "fetched_at"))
    assert version == "2026-05-27.dahlia"
    assert NOW - dt.timedelta(seconds=3) < asked_at <= NOW


def test_fees_wait_while_stripe_is_down(booked):
    booked.faults.routes["/v1/balance_transactions"] = Weather(error_rate=1.0, status=503)
    with pytest.raises(StripeUnreachable):
        fetch_missing(gateway=gateway_from_settings(), now=NOW)
    assert Payment.objects.without_fee().count() == 4


def test_a_coupon_named_only_by_id_is_fetched_before_mrr_is_believed(stripe_sim):
    price = stripe_sim.price(100_00, "usd", product="Team", at=START)
    half = stripe_sim.coupon(percent_off=50, duration="forever")
    stripe_sim.subscribe(stripe_sim.customer("Acorn", at=START), price, coupon=half, at=START)
    keep(stripe_sim.events(), now=NOW)
    apply_due_events(now=NOW)
    assert Subscription.objects.get().mrr_cents == 100_00
    mirror_due_events(gateway=gateway_from_settings(), now=NOW + dt.timedelta(seconds=DAY))
    assert Subscription.objects.get().mrr_cents == 50_00
