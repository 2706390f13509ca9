from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing_site.kit.currencies import UnknownCurrency
from payments.models import BalanceTransaction, Payment
from reporting.revenue import revenue, revenue_by_currency
from tests.reporting import rows

pytestmark = pytest.mark.django_db
BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
YEARS_END = dt.date(2026, 12, 31)


def of(currency, as_of=YEARS_END, zone=BERLIN):
    return revenue(currency=currency, as_of=as_of, zone=zone)


def months(report):
    return {month.period.label(): month.movements for month in report.months}


@pytest.fixture
def autumn():
    """The cut-off case: Berlin is an hour ahead at the end of October."""
    first = rows.payment(10000, "2026-10-05T10:00", fee=320)
    second = rows.payment(2999, "2026-10-06T10:00", fee=117)
    rows.payment(5000, "2026-10-31T23:30", fee=175)
    rows.refund(first, 4000, "2026-11-10T09:00")
    rows.win(rows.dispute(second, "2026-11-11T09:00", fee=1500), "2026-12-03T09:00")


def test_each_month_of_the_cut_off_case_is_exact(autumn):
    found = months(of("EUR"))
    assert [found[label].net_cents for label in ("2026-10", "2026-11", "2026-12")] == [12562, -3674, 2999]


def test_all_months_together_are_the_total(autumn):
    report = of("EUR")
    assert report.ever.net_cents == 11887 == sum(month.movements.net_cents for month in report.months)


def test_a_refund_belongs_to_its_own_month(autumn):
    found = months(of("EUR"))
    assert (found["2026-10"].refunds_cents, found["2026-11"].refunds_cents) == (0, 4000)


def test_a_late_evening_in_utc_is_the_next_month_in_berlin(autumn):
    assert months(of("EUR"))["2026-10"].gross_cents == 12999
    assert months(of("EUR", zone=UTC))["2026-10"].gross_cents == 17999


def test_a_dispute_won_comes_back_without_its_fee(autumn):
    december = months(of("EUR"))["2026-12"]
    assert (december.dispute_losses_cents, december.fees_cents) == (-2999, 0)


def test_nothing_after_the_day_counts(autumn):
    report = of("EUR", as_of=dt.date(2026, 10, 31))
    assert (report.ever.net_cents, report.this_month.gross_cents) == (12562, 12999)
    assert of("EUR", as_of=dt.date(2026, 11, 1)).this_month.gross_cents == 5000


def test_the_last_twelve_months_end_with_the_day_asked_for(autumn):
    labels = [month.period.label() for month in of("EUR", as_of=dt.date(2026, 10, 31)).months]
    assert (len(labels), labels[0], labels[-1]) == (12, "2025-11", "2026-10")


@pytest.fixture
def exchanged():
    """EUR 100.00 that settled as USD 108.50 and went back as USD 110.20."""
    paid = rows.payment(10000, "2026-10-05T10:00", fee=617, settles=(10850, "USD"), rate="1.085")
    rows.refund(paid, 10000, "2026-11-10T09:00", settles=(11020, "USD"))
    return paid


def test_a_payment_that_settles_elsewhere_keeps_its_net_there(exchanged):
    assert (exchanged.net_amount_cents, exchanged.settlement_currency) == (10233, "USD")


def test_gross_and_refunds_stay_in_the_currency_paid(exchanged):
    ever = of("EUR").ever
    assert (ever.gross_cents, ever.refunds_cents, ever.fees_cents, ever.net_cents) == (10000, 10000, 0, 0)


def test_fee_and_exchange_loss_stay_in_the_currency_settled(exchanged):
    ever = of("USD").ever
    assert (ever.gross_cents, ever.fees_cents, ever.exchange_cents, ever.net_cents) == (0, 617, -170, -787)


def test_the_exchange_loss_belongs_to_the_month_of_the_refund(exchanged):
    found = months(of("USD"))
    assert (found["2026-10"].exchange_cents, found["2026-11"].exchange_cents) == (0, -170)


def test_partial_refunds_lose_no_cent_of_what_was_settled():
    paid = rows.payment(10000, "2026-10-05T10:00", settles=(10850, "USD"), rate="1.085")
    for part in (3333, 3333, 3334):
        rows.refund(paid, part, "2026-11-10T09:00", settles=(part, "USD"))
    assert of("USD").ever.net_cents == 10850 - 10000


def test_a_refund_that_failed_comes_back_when_the_bank_sends_it():
    paid = rows.payment(10000, "2026-10-05T10:00")
    back = rows.refund(paid, 4000, "2026-10-10T09:00", status="failed")
    rows.movement(back.stripe_refund_id, 4000, "2026-11-02T09:00", category="refund_failure")
    found = months(of("EUR"))
    assert (found["2026-10"].refunds_cents, found["2026-11"].refunds_cents) == (4000, -4000)


def test_a_refund_that_never_left_counts_for_nothing():
    paid = rows.payment(10000, "2026-10-05T10:00")
    back = rows.refund(paid, 4000, "2026-10-10T09:00", status="failed")
    assert BalanceTransaction.objects.filter(source_id=back.stripe_refund_id).exists()
    assert of("EUR").ever.refunds_cents == 0


def test_a_manual_payment_is_revenue_without_a_fee():
    rows.cash(250000, "2026-10-12T12:00")
    october = months(of("EUR"))["2026-10"]
    assert (october.gross_cents, october.fees_cents) == (250000, 0)


def test_a_failed_payment_is_no_revenue():
    rows.cash(250000, "2026-10-12T12:00")
    Payment.objects.update(status="failed")
    assert of("EUR").ever.gross_cents == 0


def test_a_fee_of_the_account_is_a_fee():
    rows.movement("", -2500, "2026-10-31T12:00", category="fee", type="stripe_fee")
    assert of("EUR").ever.fees_cents == 2500


def test_a_fee_known_before_its_movement_counts_once():
    rows.payment(10000, "2026-10-05T10:00", fee=320)
    BalanceTransaction.objects.all().delete()
    assert of("EUR").ever.fees_cents == 320


def test_a_payment_counts_when_stripes_ledger_says():
    rows.payment(10000, "2026-11-01T10:00", received_at=rows.at("2026-10-31T10:00"))
    assert months(of("EUR"))["2026-11"].gross_cents == 10000


def test_currencies_never_mix():
    rows.cash(10000, "2026-10-12T12:00", currency="USD")
    rows.cash(500, "2026-10-12T12:00", currency="JPY")
    found = revenue_by_currency(as_of=YEARS_END, zone=BERLIN)
    assert {code: report.ever.gross_cents for code, report in found.items()} == {"JPY": 500, "USD": 10000}
    assert found["JPY"] == of("JPY")


def test_a_currency_without_movements_is_zero():
    assert of("GBP").ever.net_cents == 0


def test_an_unknown_currency_is_refused():
    with pytest.raises(UnknownCurrency):
        of("EURO")


def test_revenue_costs_one_query_at_any_size():
    for size in (1, 30):
        for _ in range(size):
            rows.payment(10000, "2026-10-05T10:00", fee=320)
        with CaptureQueriesContext(connection) as queries:
            revenue_by_currency(as_of=YEARS_END, zone=BERLIN)
        assert len(queries) == 1
