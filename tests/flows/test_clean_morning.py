"""Stories 1, 3 and 4 together: what Stripe tells by events and by its ledger makes books that agree to the cent."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from payments.models import Payment
from payments.stripe.booking import book
from payments.stripe.fetching import fetch_missing
from payments.stripe.gateway import gateway_from_settings
from payments.stripe.projections import facts_from_event
from payments.stripe.sim import Settlement
from reporting.reconciling import fetch_theirs, reconcile
from reporting.recurring import recurring_by_currency
from reporting.revenue import revenue, revenue_by_currency

pytestmark = pytest.mark.django_db
UTC, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
FIRST, LAST = dt.date(2026, 10, 1), dt.date(2027, 1, 1)
NOW = dt.datetime(2027, 1, 2, tzinfo=dt.UTC)


def at(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def book_everything(sim):
    """Apply every event, then fetch what no event tells."""
    for event in sim.events():
        book(facts_from_event(event))
    fetch_missing(gateway=gateway_from_settings(), now=NOW)


def proof(start=FIRST, end=LAST):
    theirs = fetch_theirs(gateway=gateway_from_settings(), start=start, end=end)
    return reconcile(start=start, end=end, theirs=theirs, now=NOW)


@pytest.fixture
def quarter(stripe_sim):
    """A quarter in three currencies with everything that can happen to money."""
    sim = stripe_sim
    sim.settles["eur"] = Settlement("usd", Decimal("1.085"))
    anna, kenji = sim.customer("Anna", at=at("2026-10-01")), sim.customer("Kenji", at=at("2026-10-01"))
    plan = sim.subscribe(anna, sim.price(4999, "usd", at=at("2026-10-01")), at=at("2026-10-02"))
    sim.renew(plan, at=at("2026-11-02"))
    euros = sim.charge(anna, 10000, "eur", at=at("2026-10-05"), fee=617)
    sim.refund(euros, 10000, at=at("2026-11-10"), exchange_rate=Decimal("1.102"))
    yen = sim.charge(kenji, 5000, "jpy", at=at("2026-10-06"))
    sim.refund(yen, 3000, at=at("2026-10-07"))
    won, lost = (sim.charge(anna, amount, "usd", at=at("2026-10-08")) for amount in (2999, 7000))
    sim.close_dispute(sim.dispute(won, at=at("2026-11-11")), won=True, at=at("2026-12-03"))
    sim.close_dispute(sim.dispute(lost, at=at("2026-11-12")), won=False, at=at("2026-12-04"))
    returned = sim.refund(sim.charge(anna, 1500, "usd", at=at("2026-10-09")), at=at("2026-10-10"))
    sim.fail_refund(returned, at=at("2026-10-20"))
    sim.charge(anna, 100, "usd", at=at("2026-10-11"), decline="insufficient_funds")
    sim.settle(sim.charge(anna, 800, "usd", at=at("2026-10-12"), settled=False), at=at("2026-10-12"))
    sim.account_fee(700, at=at("2026-10-31"))
    sim.payout(at=at("2026-12-20"))
    book_everything(sim)
    return sim


def test_a_quarter_of_everything_has_no_breaks(quarter):
    run = proof()
    assert [(row.kind, row.stripe_id) for row in run.breaks.all()] == []
    assert run.matched_count == run.theirs_count == len(quarter.store.newest_first("balance_transaction"))


def test_net_revenue_of_all_currencies_is_stripes_ledger_before_payouts(quarter):
    proof()
    net = {code: found.ever for code, found in revenue_by_currency(as_of=LAST, zone=UTC).items()}
    ledger = [row for row in quarter.store.newest_first("balance_transaction") if row["type"] != "payout"]
    in_yen = sum(row["net"] for row in ledger if row["currency"] == "jpy")
    in_dollars = sum(row["net"] for row in ledger if row["currency"] == "usd")
    assert (net["JPY"].net_cents, net["USD"].net_cents, net["EUR"].net_cents) == (in_yen, in_dollars, 0)


def test_recurring_revenue_follows_the_subscription(quarter):
    assert recurring_by_currency()["USD"].mrr_cents == 4999


def test_a_row_changed_behind_our_back_is_found_next_morning(quarter):
    proof()
    row = Payment.objects.in_currency("JPY").get()
    Payment.objects.filter(pk=row.pk).update(stripe_fee_cents=1, net_amount_cents=4999)
    run = proof()
    assert [(found.kind, found.stripe_id) for found in run.breaks.open()] == [("fee", row.stripe_charge_id)]


def test_the_cut_off_case_through_stripe(stripe_sim):
    """EUR in Berlin: October 12562, November -3674, December 2999, together 11887."""
    anna = stripe_sim.customer("Anna", at=at("2026-10-01"))
    first = stripe_sim.charge(anna, 10000, "eur", at=at("2026-10-05T10:00"), fee=320)
    second = stripe_sim.charge(anna, 2999, "eur", at=at("2026-10-06T10:00"), fee=117)
    stripe_sim.charge(anna, 5000, "eur", at=at("2026-10-31T23:30"), fee=175)
    stripe_sim.refund(first, 4000, at=at("2026-11-10"))
    disputed = stripe_sim.dispute(second, at=at("2026-11-11"), fee=1500)
    stripe_sim.close_dispute(disputed, won=True, at=at("2026-12-03"))
    book_everything(stripe_sim)
    found = revenue(currency="EUR", as_of=dt.date(2026, 12, 31), zone=BERLIN)
    assert [month.movements.net_cents for month in found.months[-3:]] == [12562, -3674, 2999]
    assert found.ever.net_cents == 11887


def test_the_exchange_case_through_stripe(stripe_sim):
    """EUR 100.00 settles as USD 108.50, fee 6.17, and goes back at -110.20: USD -7.87, of which exchange -1.70."""
    stripe_sim.settles["eur"] = Settlement("usd", Decimal("1.085"))
    anna = stripe_sim.customer("Anna", at=at("2026-10-01"))
    paid = stripe_sim.charge(anna, 10000, "eur", at=at("2026-10-05"), fee=617)
    stripe_sim.refund(paid, at=at("2026-11-10"), exchange_rate=Decimal("1.102"))
    book_everything(stripe_sim)
    assert Payment.objects.get().net_amount_cents == 10233
    euros, dollars = (revenue(currency=code, as_of=LAST, zone=BERLIN).ever for code in ("EUR", "USD"))
    assert (euros.gross_cents, euros.refunds_cents) == (10000, 10000)
    assert (dollars.net_cents, dollars.exchange_cents) == (-787, -170)
