"""A month is due when it is over where its contract bills; what was missed is caught up, the oldest first."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import transaction

from billing_site.kit.periods import Period
from invoices.models import Invoice, InvoiceLine
from partners.models import BillingRun
from partners.services import (
    approve_run,
    build_run,
    due_months,
    running_contracts,
)
from partners.tasks import bill_due_months, issue_approved_runs
from tests.partners.agreements import (
    AFTER_OCTOBER,
    OCTOBER,
    UTC,
    a_contract,
    bill,
    use,
)
from tests.partners.billed import issued, states

pytestmark = pytest.mark.django_db
THE_MONTH = {"period_start": OCTOBER.start, "period_end": OCTOBER.end, "terms": {}, "usage": {}}


def test_months_missed_are_due_oldest_first_with_their_own_dates():
    contract = a_contract("flat", start_date=dt.date(2026, 8, 20), end_date=dt.date(2026, 10, 16))
    assert due_months(now=AFTER_OCTOBER) == [dt.date(2026, 8, 1), dt.date(2026, 9, 1), dt.date(2026, 10, 1)]
    for start in due_months(now=AFTER_OCTOBER):
        bill(Period.month(start.year, start.month, UTC))
    spans = InvoiceLine.objects.order_by("pk").values_list("service_period_start", "service_period_end")
    assert list(spans) == [
        (dt.date(2026, 8, 20), dt.date(2026, 9, 1)),
        (dt.date(2026, 9, 1), dt.date(2026, 10, 1)),
        (dt.date(2026, 10, 1), dt.date(2026, 10, 16)),
    ]
    assert due_months(now=AFTER_OCTOBER + dt.timedelta(days=300)) == []
    assert contract.billed_periods.count() == 3


def test_a_month_is_due_when_it_is_over_where_the_contract_bills():
    new_york = a_contract("flat", zone="America/New_York")
    auckland = a_contract("flat", zone="Pacific/Auckland")
    early = dt.datetime(2026, 11, 1, 3, 59, tzinfo=dt.UTC)
    assert states(build_run(period=OCTOBER, now=early, by="ada")) == {auckland.reference: "previewed"}
    assert list(running_contracts(month=OCTOBER, now=early)) == [new_york]
    run = build_run(period=OCTOBER, now=early + dt.timedelta(minutes=1), by="ada")
    assert states(run) == {new_york.reference: "previewed", auckland.reference: "previewed"}


def test_the_time_zone_of_the_server_changes_no_invoice(settings):
    contracts = [a_contract(zone=zone) for zone in ("UTC", "Asia/Tokyo", "America/New_York")]
    for contract in contracts:
        for at in ("2026-09-30T20:00:00+00:00", "2026-10-31T13:00:00+00:00", "2026-11-01T02:00:00+00:00"):
            use(contract.partner, at=at)
    totals = []
    for zone in ("UTC", "America/Chicago", "Pacific/Kiritimati"):
        settings.TIME_ZONE = zone
        with transaction.atomic():
            run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
            totals.append(list(run.entries.order_by("contract").values_list("total_cents", flat=True)))
            transaction.set_rollback(True)
    assert totals == [[2_40, 4_80, 4_80]] * 3


@time_machine.travel(dt.datetime(2026, 11, 11, 2, tzinfo=dt.UTC), tick=False)
def test_ten_days_of_silence_are_caught_up_as_previews_for_people():
    a_contract("flat", start_date=dt.date(2026, 9, 1))
    assert bill_due_months() == "2026-09: 1 contract previewed, 0 parked; 2026-10: 1 contract previewed, 0 parked"
    assert bill_due_months() == "no month is due that is not previewed"
    assert Invoice.objects.count() == 0
    for run in BillingRun.objects.all():
        approve_run(run=run, now=dt.datetime(2026, 11, 10, tzinfo=dt.UTC), by="grace")
    assert issue_approved_runs() == "2026-09: 1 invoice, USD 500.00; 0 parked; 2026-10: 1 invoice, USD 500.00; 0 parked"
    assert issue_approved_runs() == "no approved run waits"
    dated = Invoice.objects.order_by("pk").values_list("issue_date", "billing_period_start")
    approval = dt.date(2026, 11, 10)
    assert list(dated) == [(approval, dt.date(2026, 9, 1)), (approval, dt.date(2026, 10, 1))]


@time_machine.travel(dt.datetime(2026, 11, 11, 2, tzinfo=dt.UTC), tick=False)
def test_a_contract_signed_after_the_preview_joins_it():
    a_contract("flat")
    bill_due_months()
    a_contract("flat")
    assert bill_due_months() == "2026-10: 2 contracts previewed, 0 parked"
    assert BillingRun.objects.unfinished().count() == 1


@time_machine.travel(dt.datetime(2026, 11, 11, 2, tzinfo=dt.UTC), tick=False)
def test_the_clock_approves_only_where_the_settings_say_so(settings):
    settings.PARTNER_RUN_AUTO_APPROVE = True
    a_contract("flat")
    bill_due_months()
    issue_approved_runs()
    assert issued() == [("INV-2026-000001", 500_00)]
