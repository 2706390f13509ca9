"""The month end: previewed, approved and billed once, whoever runs it, however often, and wherever it dies."""

from __future__ import annotations

import datetime as dt
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from billing_site.kit.errors import Refused
from billing_site.kit.periods import Period
from invoices.models import Invoice, InvoiceLine, NumberSeries
from invoices.services import void_invoice
from partners.models import BilledPeriod, BillingRun, PurchaseOrder
from partners.services import (
    MonthAtWork,
    NotApproved,
    NotAPreview,
    NotAWholeMonth,
    NothingToApprove,
    NothingToBill,
    RunUnderWay,
    approve_run,
    build_run,
    cancel_run,
    due_months,
    issue_run,
    month_at_work,
    running_contracts,
    totals_of_run,
)
from partners.tasks import bill_due_months, issue_approved_runs
from tests.ground import ROOT
from tests.partners.agreements import (
    AFTER_OCTOBER,
    NOVEMBER,
    OCTOBER,
    ON,
    UTC,
    a_contract,
    a_partner,
    approved_run,
    bill,
    use,
)

pytestmark = pytest.mark.django_db
THE_MONTH = {"period_start": OCTOBER.start, "period_end": OCTOBER.end, "terms": {}, "usage": {}}


def issued() -> list[tuple[str, int]]:
    return list(Invoice.objects.issued().order_by("pk").values_list("invoice_number", "total_cents"))


def states(run: BillingRun) -> dict[str, str]:
    return dict(run.entries.values_list("contract__reference", "state"))


# --- What is billed ----------------------------------------------------------------------------------------------


def test_a_month_of_deeds_becomes_a_numbered_invoice():
    contract = a_contract(
        tax_rate=Decimal("0.19"),
        payment_terms_days=14,
        currency="EUR",
        price_per_deed=Decimal("0.0196"),
    )
    use(contract.partner, 1_234_567)
    PurchaseOrder.objects.create(partner=contract.partner, number="PO-7", currency="EUR")
    bill()
    invoice = Invoice.objects.get()
    assert invoice.invoice_number == "INV-2026-000001"
    assert (invoice.subtotal_cents, invoice.tax_cents, invoice.total_cents) == (24_197_51, 4_597_53, 28_795_04)
    assert (invoice.issue_date, invoice.due_date) == (ON, dt.date(2026, 11, 16))
    assert (invoice.billing_period_start, invoice.billing_period_end) == (dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    assert (invoice.purchase_order, invoice.contract_reference) == ("PO-7", contract.reference)
    line = invoice.lines.get()
    assert (line.quantity, line.unit_price, line.meter) == (1_234_567, Decimal("0.0196"), "deed")
    assert (line.service_period_start, line.service_period_end) == (dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    assert (line.description, line.unit_label) == ("Deed retrievals", "deeds")
    assert line.detail == "1,234,567 deeds at €0.0196"


def test_a_billed_month_keeps_terms_and_usage():
    contract = a_contract("hybrid")
    use(contract.partner, 130)
    run = bill()
    billed = BilledPeriod.objects.get()
    assert (billed.contract, billed.run, billed.revision) == (contract, run, 1)
    assert billed.usage == {"deed": "130", "request": "0"}
    assert (billed.terms["monthly_fee_cents"], billed.terms["unit_price"], billed.terms["included"]) == (
        50000,
        "0.4",
        "100",
    )
    assert billed.invoice.total_cents == 500_00 + 30 * 40


@pytest.mark.parametrize(("rounding", "cents"), [("up", 3_70), ("exact", 1_85)])
def test_1001_requests_are_two_packages_or_their_exact_share(rounding, cents):
    contract = a_contract("per_request", rounding=rounding)
    use(contract.partner, 1001, meter="request")
    use(contract.partner, 5)  # deeds of a contract that rates requests
    bill()
    assert issued() == [("INV-2026-000001", cents)]


def test_a_minimum_is_billed_without_any_usage():
    a_contract(minimum_cents=90_00)
    bill()
    kinds = Invoice.objects.get().lines.order_by("position").values_list("kind", "amount_cents")
    assert list(kinds) == [("usage", 0), ("minimum", 90_00)]


def test_a_month_that_costs_nothing_is_recorded_without_an_invoice():
    contract = a_contract()
    run = bill()
    assert states(run) == {contract.reference: "empty"}
    assert BilledPeriod.objects.get().invoice is None
    assert due_months(now=AFTER_OCTOBER) == []
    with pytest.raises(NothingToBill, match="Nothing to bill for 2026-10"):
        build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")


def test_a_contract_that_starts_mid_month_pays_its_days_and_says_so():
    partner = a_partner()
    middle = dt.date(2026, 10, 12)
    a_contract("flat", partner=partner, end_date=middle, monthly_fee_cents=1000_01)
    a_contract("flat", partner=partner, start_date=middle, monthly_fee_cents=1000_01)
    bill()
    first, second = Invoice.objects.order_by("pk")
    assert first.total_cents + second.total_cents == 1000_01
    assert (first.lines.get().service_period_end, second.lines.get().service_period_start) == (middle, middle)
    assert second.lines.get().detail == "$1,000.01 a month, 20 of 31 days"


def test_two_versions_in_one_month_share_its_usage_by_day():
    partner = a_partner()
    middle = dt.date(2026, 10, 12)
    a_contract(partner=partner, end_date=middle)
    a_contract(partner=partner, start_date=middle, price_per_deed=Decimal(3))
    use(partner, 10, at="2026-10-11T23:59:59+00:00")
    use(partner, 10, at="2026-10-12T00:00:00+00:00")
    bill()
    assert [total for _, total in issued()] == [24_00, 30_00]


def test_yen_and_dinar_are_billed_in_their_own_minor_units():
    for currency, price in (("JPY", "0.5"), ("KWD", "0.0005")):
        use(a_contract(currency=currency, price_per_deed=Decimal(price)).partner, 1001)
    run = bill()
    assert sorted(str(total.total) for total in totals_of_run(run)) == ["JPY 501", "KWD 0.501"]


# --- Previews and approval ---------------------------------------------------------------------------------------


def test_a_preview_writes_no_invoice_and_shows_the_month_before():
    contract = a_contract()
    use(contract.partner, 10)
    use(contract.partner, 20, at="2026-11-03T00:00:00+00:00")
    bill()
    run = build_run(period=NOVEMBER, now=dt.datetime(2026, 12, 2, tzinfo=dt.UTC), by="ada")
    entry = run.entries.get()
    assert (entry.total_cents, entry.previous_total_cents) == (48_00, 24_00)
    assert entry.lines[0]["explanation"] == "20 deeds at $2.40"
    assert Invoice.objects.count() == 1


def test_nothing_is_issued_without_approval_and_approved_once():
    a_contract("flat")
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    with pytest.raises(NotApproved, match="approve its preview first"):
        issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    run = approve_run(run=run, now=AFTER_OCTOBER, by="grace")
    assert (run.approved_by, run.approved_at) == ("grace", AFTER_OCTOBER)
    with pytest.raises(NotAPreview, match="is approved"):
        approve_run(run=run, now=AFTER_OCTOBER, by="grace")
    with pytest.raises(RunUnderWay, match="issue it first"):
        build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    assert cancel_run(run=run, now=AFTER_OCTOBER).status == "canceled"


def test_a_new_preview_replaces_one_nobody_approved():
    a_contract("flat")
    first = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    second = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    first.refresh_from_db()
    assert (first.status, second.status) == ("canceled", "preview")


def test_what_was_not_approved_is_parked_and_not_billed():
    contract, other = a_contract(), a_contract("flat")
    use(contract.partner, 10)
    run = approved_run()
    use(contract.partner, 1)
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    assert states(run) == {contract.reference: "parked", other.reference: "billed"}
    reason = run.entries.parked().get().reason
    assert reason == "Approved were USD 24.00, now it is USD 26.40; build the run again and look at it."
    bill()
    assert [total for _, total in issued()] == [500_00, 26_40]


def test_a_changed_line_is_parked_though_its_total_is_the_same():
    contract = a_contract(included_deeds=100, minimum_cents=1_00)
    use(contract.partner, 10)
    run = approved_run()
    use(contract.partner, 1)
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    assert "its lines are not" in run.entries.parked().get().reason


def test_a_contract_that_cannot_be_priced_is_parked_and_stops_nobody():
    no_zone = a_contract("flat", zone="Mars/Olympus")
    other_days = a_contract(partner=a_partner(zone="Asia/Tokyo"))
    good = a_contract("flat")
    run = bill()
    assert states(run) == {no_zone.reference: "parked", other_days.reference: "parked", good.reference: "billed"}
    reasons = [entry.reason for entry in run.entries.parked().order_by("pk")]
    assert "time zone 'Mars/Olympus', which does not exist" in reasons[0]
    assert "counted in days of Asia/Tokyo, but" in reasons[1]
    with pytest.raises(NothingToApprove):
        approved_run()


def test_a_contract_that_fails_while_billing_costs_no_number():
    contracts = [a_contract("flat") for _ in range(5)]
    run = approved_run()
    BilledPeriod.objects.create(
        contract=contracts[2],
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        run=run,
        terms={},
        usage={"deed": "0"},
    )
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    assert [number[-1] for number, _ in issued()] == ["1", "2", "3", "4"]
    assert run.entries.parked().get().reason == f"2026-10 of {contracts[2]} is billed already, and came to nothing."


def test_runs_bill_calendar_months():
    with pytest.raises(NotAWholeMonth):
        build_run(period=Period(dt.date(2026, 10, 2), dt.date(2026, 11, 2), UTC), now=AFTER_OCTOBER, by="ada")


def test_previewed_totals_are_issued_totals_for_random_contracts():
    """150 contracts over all models and options, currencies, days and edges, through PostgreSQL."""
    luck = random.Random(20)  # noqa: S311
    for _ in range(150):
        model = luck.choice(["flat", "per_deed", "hybrid", "per_request"])
        contract = a_contract(
            model,
            currency=luck.choice(["USD", "EUR", "JPY", "KWD"]),
            monthly_fee_cents=luck.randint(1, 99999),
            **_random_prices(luck, model),
            discount_rate=luck.choice([Decimal(0), Decimal("0.1"), Decimal("0.333333")]),
            maximum_cents=luck.choice([None, 5_000, 99_999]),
            proration=luck.choice(["days", "none"]),
            included_deeds=luck.choice([0, 99, 100, 101]),
            included_requests=luck.choice([0, 999, 1000, 1001]),
            rounding=luck.choice(["up", "exact"]),
            minimum_cents=luck.choice([0, 1, 5000]),
            tax_rate=luck.choice([Decimal(0), Decimal("0.07"), Decimal("0.19")]),
            start_date=luck.choice([dt.date(2026, 10, 1), dt.date(2026, 10, 12), dt.date(2025, 1, 1)]),
            end_date=luck.choice([None, dt.date(2026, 10, 30)]),
        )
        for meter, quantity in (("deed", luck.choice([0, 99, 100, 101])), ("request", luck.choice([0, 1000, 1001]))):
            if quantity:
                use(contract.partner, quantity, meter=meter)
    run = approved_run()
    previewed = {entry.contract_id: entry.total_cents for entry in run.entries.all()}
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada", chunk=100)
    assert not run.entries.parked().exists()
    billed = {
        p.contract_id: p.invoice.total_cents if p.invoice else 0 for p in BilledPeriod.objects.select_related("invoice")
    }
    assert billed == previewed
    assert len(billed) == 150


def _random_prices(luck, model):
    """One price or two tiers of prices."""
    prices = [str(Decimal(luck.randint(0, 10**6)) / 10**5) for _ in range(2)]
    name = "price_per_1000_requests" if model == "per_request" else "price_per_deed"
    if model == "flat" or luck.random() < 0.5:
        return {name: Decimal(prices[0])}
    tiers = [{"up_to": luck.choice([1_000, 2_000]), "unit_price": prices[0]}, {"up_to": None, "unit_price": prices[1]}]
    return {name: None, "tiers": tiers, "tier_mode": luck.choice(["graduated", "volume"])}


def test_building_a_run_takes_the_same_queries_for_one_contract_and_for_ten():
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
        return len(captured)

    a_contract()
    build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    one = queries()
    for _ in range(9):
        a_contract()
    assert queries() == one


# --- Once, whoever runs it, and however it ends ------------------------------------------------------------------


def test_second_run_bills_nothing():
    a_contract("flat")
    run = bill()
    assert issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada").status == "issued"
    with pytest.raises(NothingToBill):
        approved_run()
    assert len(issued()) == 1


def test_a_retry_after_61_seconds_is_still_one_invoice():
    a_contract("flat")
    bill()
    with pytest.raises(NothingToBill):
        bill(now=AFTER_OCTOBER + dt.timedelta(seconds=61))
    assert len(issued()) == 1


def test_the_database_refuses_a_second_billing_of_a_month():
    contract = a_contract("flat")
    run = bill()
    again = {
        "contract": contract,
        "period_start": OCTOBER.start,
        "period_end": OCTOBER.end,
        "run": run,
        "terms": {},
        "usage": {},
    }
    with pytest.raises(IntegrityError, match="contract_billed_once_per_period"), transaction.atomic():
        BilledPeriod.objects.create(**again)
    with pytest.raises(IntegrityError, match="void or fully credit it"), transaction.atomic():
        BilledPeriod.objects.create(**again, revision=2)
    void_invoice(invoice=Invoice.objects.get(), now=AFTER_OCTOBER, by="ada", reason="wrong")
    BilledPeriod.objects.create(**again, revision=2)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_invoice_for_paris():
    """20:00 and 23:00 UTC of the last day: only the later one is November in Paris; two workers there bill once."""
    use(a_contract(zone="Europe/Paris").partner, 10)
    with pytest.raises(NothingToBill):
        build_run(period=OCTOBER, now=dt.datetime(2026, 10, 31, 20, tzinfo=dt.UTC), by="ada")
    late_evening = dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC)
    start = threading.Barrier(2)

    def work(_: int) -> str:
        try:
            start.wait()
            bill(now=late_evening)
        except Refused as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()
        return "billed"

    with ThreadPoolExecutor(2) as workers:
        told = list(workers.map(work, range(2)))
    assert "billed" in told
    assert len(issued()) == 1
    assert BilledPeriod.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_month_at_work_is_left_to_whoever_has_it():
    a_contract("flat")
    run = approved_run()

    def other() -> str:
        try:
            issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="bob")
        except MonthAtWork as refusal:
            return str(refusal)
        finally:
            connections.close_all()
        return "issued"

    with ThreadPoolExecutor(1) as worker:
        with month_at_work(OCTOBER.start):
            assert worker.submit(other).result() == "Another run of 2026-10 is at work; look again when it is done."
        assert worker.submit(other).result() == "issued"


@pytest.mark.django_db(transaction=True)
def test_eight_workers_issue_chunks_of_one_run_without_a_hole():
    """Without the lock of the month, on the row locks alone: a chunk each, some of them rolled back."""
    from partners.services.billing import bill_entries

    for _ in range(80):
        a_contract("flat")
    run = approved_run()
    ids = list(run.entries.values_list("pk", flat=True))

    def work(worker: int) -> None:
        luck = random.Random(worker)  # noqa: S311
        chunks = [ids[at : at + 8] for at in range(0, 80, 8)]
        try:
            for chunk in luck.sample(chunks, len(chunks)):
                rolled_back = luck.random() < 0.1
                with transaction.atomic():
                    bill_entries(run=run, ids=chunk, on=ON, now=AFTER_OCTOBER, by=f"worker {worker}")
                    transaction.set_rollback(rolled_back)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    numbers = sorted(Invoice.objects.issued().values_list("invoice_number", flat=True))
    assert numbers == [f"INV-2026-{n:06}" for n in range(1, 81)]
    assert NumberSeries.objects.get().last_number == BilledPeriod.objects.count() == 80


@pytest.mark.django_db(transaction=True)
def test_a_run_killed_in_the_middle_bills_exactly_what_is_missing():
    for _ in range(60):
        a_contract("flat")
    run = approved_run()
    child = subprocess.Popen(
        [sys.executable, "-c", _ISSUE_SLOWLY, str(run.pk)],
        cwd=ROOT,
    )
    deadline = time.monotonic() + 30
    while Invoice.objects.issued().count() < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    first = issued()
    assert 10 <= len(first) < 60
    _wait_until_free(OCTOBER.start)
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    assert issued()[: len(first)] == first
    assert sorted(number for number, _ in issued()) == [f"INV-2026-{n:06}" for n in range(1, 61)]
    assert BilledPeriod.objects.count() == 60
    assert run.status == "issued"


_ISSUE_SLOWLY = """
import datetime as dt, sys, time
import django
django.setup()
from partners.models import BillingRun
from partners.services import billing, issue_run, runs

def slowly(**given):
    billing.bill_entries(**given)
    time.sleep(0.05)

runs.bill_entries = slowly
now = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
issue_run(run=BillingRun.objects.get(pk=sys.argv[1]), on=now.date(), now=now, by="child", chunk=5)
"""


def _wait_until_free(month: dt.date) -> None:
    """PostgreSQL notices a killed client when it next speaks to it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with month_at_work(month):
                return
        except MonthAtWork:
            time.sleep(0.05)
    pytest.fail("the lock of a killed process was not given back")


# --- When it is due ----------------------------------------------------------------------------------------------


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


# --- The clock ---------------------------------------------------------------------------------------------------


@time_machine.travel(dt.datetime(2026, 11, 11, 2, tzinfo=dt.UTC), tick=False)
def test_ten_days_of_silence_are_caught_up_as_previews_for_people():
    a_contract("flat", start_date=dt.date(2026, 9, 1))
    assert bill_due_months() == "2026-09: 1 contracts previewed, 0 parked; 2026-10: 1 contracts previewed, 0 parked"
    assert bill_due_months() == "no month is due that is not previewed"
    assert Invoice.objects.count() == 0
    for run in BillingRun.objects.all():
        approve_run(run=run, now=dt.datetime(2026, 11, 10, tzinfo=dt.UTC), by="grace")
    assert (
        issue_approved_runs() == "2026-09: 1 invoices, USD 500.00; 0 parked; 2026-10: 1 invoices, USD 500.00; 0 parked"
    )
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
