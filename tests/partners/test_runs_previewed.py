"""A preview writes no invoice; what is approved is what is billed, and what differs is parked."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing_site.kit.periods import Period
from invoices.models import Invoice
from invoices.recounting import recount
from partners.models import BilledPeriod
from partners.services import (
    NotApproved,
    NotAPreview,
    NotAWholeMonth,
    NothingToApprove,
    RunUnderWay,
    approve_run,
    build_run,
    cancel_run,
    issue_run,
)
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
from tests.partners.billed import issued, states

pytestmark = pytest.mark.django_db
GONE = object()
THE_MONTH = {"period_start": OCTOBER.start, "period_end": OCTOBER.end, "terms": {}, "usage": {}}


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


@pytest.mark.parametrize(
    ("kept", "is_billed"),
    [
        ({}, True),
        ({"description": "Deeds, told otherwise"}, True),
        ({"unit_label": GONE}, True),  # as runs kept them before
        ({"packages": GONE}, False),
        ({"surcharge_cents": 1}, False),
        ({"unit_label": GONE, "surcharge_cents": 1}, False),
    ],
)
def test_a_line_is_billed_as_it_is_kept_whatever_its_words(kept, is_billed):
    a_contract("flat")
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    entry = run.entries.get()
    entry.lines[0] = {name: value for name, value in (entry.lines[0] | kept).items() if value is not GONE}
    entry.save()
    approve_run(run=run, now=AFTER_OCTOBER, by="ada")
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    assert run.entries.get().state == ("billed" if is_billed else "parked")


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
    assert recount().of_ours == ()  # the preview added up the lines that its invoice has


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
