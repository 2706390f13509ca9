"""What one partner counts, or one contract asks, is larger than the books hold: it is parked, and costs nobody else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
import time_machine

from partners.metering import CountsBatch, RequestCount
from partners.models import BillingRun, BillingRunEntry, Contract
from partners.services import TermsIncomplete, activate_contract, build_run, record_counts
from partners.services.runs.building import found_for, note_previews
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, a_contract, bill, use
from tests.partners.billed import issued, states
from tests.partners.pages import page_of, words_of

pytestmark = pytest.mark.django_db
MOST = "999999999999.999999"  # of one event
TOO_LARGE = "These amounts are larger than the books can hold: check quantities and prices."


def preview() -> BillingRun:
    return build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")


def reason_of(run: BillingRun, contract: Contract) -> str:
    entry = run.entries.get(contract=contract)
    assert entry.state == "parked"
    return entry.reason


def test_a_count_of_seventeen_digits_is_billed_and_told_in_full():
    contract = a_contract("per_request", rounding="exact", price_per_1000_requests=Decimal("0.000000001"))
    day = dt.date(2026, 10, 1)
    for number in range(12):
        lines = [RequestCount(day, 10**12 - 1, endpoint=f"/{n}") for n in range(1000)]
        record_counts(partner=contract.partner, batch=CountsBatch(f"b{number}", tuple(lines)), now=AFTER_OCTOBER)
    run = bill()
    (line,) = run.entries.get().lines
    assert line["explanation"] == "11,999,999,999,988,000 requests at $0.000000001 per 1,000"
    assert [cents for _, cents in issued()] == [12_000_00]


def test_a_month_beyond_the_books_is_parked_and_the_rest_is_billed():
    absurd, other = a_contract(price_per_deed=Decimal(1_000_000)), a_contract("flat")
    for _ in range(10):
        use(absurd.partner, MOST)
    assert reason_of(preview(), absurd) == TOO_LARGE
    run = bill()
    assert states(run) == {absurd.reference: "parked", other.reference: "billed"}
    assert [cents for _, cents in issued()] == [500_00]


def test_late_usage_beyond_the_books_is_parked_and_the_rest_is_billed():
    absurd, other = a_contract(price_per_deed=Decimal(1_000_000)), a_contract("flat")
    use(absurd.partner, 1)
    bill()
    for _ in range(10):
        use(absurd.partner, MOST)
    run = build_run(period=OCTOBER.next_month(), now=AFTER_OCTOBER + dt.timedelta(days=31), by="ada")
    assert reason_of(run, absurd) == TOO_LARGE
    assert states(run)[other.reference] == "previewed"


def test_a_fee_that_no_line_of_an_invoice_holds_is_parked():
    absurd, other = a_contract("flat", monthly_fee_cents=10**14), a_contract("flat", monthly_fee_cents=10**14 - 1)
    run = bill()
    assert reason_of(run, absurd) == TOO_LARGE
    assert states(run)[other.reference] == "billed"


def test_a_run_may_come_to_more_than_a_column_holds():
    for contract in (a_contract(price_per_deed=Decimal(60_000)) for _ in range(2)):
        use(contract.partner, "999999999999")
    run = bill()
    assert run.approved_totals == {"USD": 2 * 999_999_999_999 * 60_000_00}
    assert [cents for _, cents in issued()] == [999_999_999_999 * 60_000_00] * 2


@pytest.mark.parametrize(
    "terms",
    [
        {"monthly_fee_cents": 10**14},
        {"monthly_fee_cents": 100, "minimum_cents": 10**15},
        {"monthly_fee_cents": 9 * 10**18, "tax_rate": Decimal("0.19")},
    ],
)
def test_a_contract_that_asks_more_than_the_books_hold_is_not_agreed(terms):
    draft = a_contract("flat", status="draft", **terms)
    with pytest.raises(TermsIncomplete) as refused:
        activate_contract(contract=draft)
    assert str(refused.value) == TOO_LARGE


def test_a_line_that_cannot_be_told_parks_its_contract_alone():
    a_contract("flat"), a_contract("flat")
    contracts = list(Contract.objects.with_parties().order_by("pk"))
    odd, other = found_for(contracts, OCTOBER)
    odd = replace(odd, lines=(replace(odd.lines[0], kind="surcharge"),))
    entries = [BillingRunEntry(contract=contract) for contract in contracts]
    told = note_previews(entries, [odd, other])
    assert [(entry.state, entry.total_cents) for entry in entries] == [("parked", 0), ("previewed", 500_00)]
    assert [type(one).__name__ for one in told] == ["Unpriceable", "Preview"]
    assert entries[0].reason == (
        "It cannot be worked out by a fault of the program (KeyError); the log has the details."
    )


def test_the_page_of_such_a_partner_opens_and_says_why(partner_manager):
    contract = a_contract(price_per_deed=Decimal(1_000_000))
    for _ in range(10):
        use(contract.partner, MOST)
    with time_machine.travel(dt.datetime(2026, 10, 20, tzinfo=dt.UTC), tick=False):
        assert TOO_LARGE in words_of(partner_manager.get(page_of(contract.partner)))
