"""A contract is billed or changed, never both at once: who comes second waits, and goes by what the first one did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from billing_site.kit.errors import sentence_of
from invoices.models import CreditNote, Invoice
from invoices.services import CreditLine, issue_credit_note, void_invoice
from partners.metering import NewUsage, Reversal
from partners.models import BilledPeriod, BillingRun, Contract
from partners.services import (
    MonthLeftUnbilled,
    MonthsAreBilled,
    NotToLeaveUnbilled,
    bill_again,
    change_contract,
    issue_run,
    leave_unbilled,
    record_usage,
    reopen_month,
)
from partners.services.moving import move_to_time_zone
from tests import ground
from tests.partners.agreements import (
    AFTER_OCTOBER,
    NOVEMBER,
    OCTOBER,
    ON,
    a_contract,
    a_partner,
    approved_run,
    bill,
    use,
)
from tests.partners.billed import issued, states
from tests.payments.storm import alone, at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
MID_OCTOBER = dt.date(2026, 10, 16)


def beside(first: Callable[[], Any], second: Callable[[], Any]) -> Future[Any]:
    """Do the second while the first is done and not committed; return it once both are over."""
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            first()
            waiting = other.submit(alone, second)
            wait_until_somebody_waits()
        waiting.exception()
    return waiting


def issue(run: BillingRun) -> BillingRun:
    return issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")


def change(contract: Contract, **terms: Any) -> Contract:
    return change_contract(contract=contract, starts_on=MID_OCTOBER, terms=terms, today=ON)


def end_in_its_form(contract: Contract, on: dt.date) -> None:
    """As the form does: read the row, change the day, save it."""
    row = Contract.objects.get(pk=contract.pk)
    row.end_date = on
    row.save()


def unless_billed(work: Callable[[Contract], Any], contract: Contract) -> None:
    with suppress(MonthsAreBilled):
        work(contract)


def in_turn(works: list[Callable[[], Any]]) -> None:
    for work in works:
        work()


def test_who_changes_a_contract_that_is_being_billed_finds_its_month_billed():
    contract = a_contract("flat", proration="days")
    late = beside(partial(issue, approved_run()), partial(change, contract, monthly_fee_cents=600_00))
    with pytest.raises(MonthsAreBilled, match="October 2026 is billed and keeps its terms: start on 2026-11-01"):
        late.result()
    assert issued() == [("INV-2026-000001", 500_00)]
    assert Contract.objects.get().end_date is None


def test_a_contract_does_not_end_in_its_form_within_a_month_that_is_being_billed():
    contract = a_contract("flat", proration="days")
    late = beside(partial(issue, approved_run()), partial(end_in_its_form, contract, MID_OCTOBER))
    with pytest.raises(DatabaseError) as refused:
        late.result()
    assert sentence_of(refused.value) == (
        f"The month 2026-10 of contract {contract.reference} is billed as it ran: "
        "end it on 2026-11-01 or later, or void invoice INV-2026-000001 or credit it in full first."
    )
    assert Contract.objects.get().end_date is None


def test_who_bills_a_month_again_finds_what_was_decided_about_it_meanwhile_and_the_other_way_round():
    a_contract("flat")
    bill()
    void_invoice(invoice=Invoice.objects.get(), now=AFTER_OCTOBER, by="ada", reason="Wrong")
    month = {"billed_period": BilledPeriod.objects.get(), "now": AFTER_OCTOBER, "by": "ada"}
    leave, again = partial(leave_unbilled, reason="Goodwill", **month), partial(bill_again, **month)
    with pytest.raises(MonthLeftUnbilled, match="ada left it unbilled: Goodwill"):
        beside(leave, again).result()
    reopen_month(**month)
    with pytest.raises(NotToLeaveUnbilled, match="cancel that run first"):
        beside(again, leave).result()
    assert (BillingRun.objects.unfinished().count(), BilledPeriod.objects.left_unbilled().count()) == (1, 0)


def test_a_contract_that_is_being_changed_is_billed_by_what_was_agreed_then():
    contract = a_contract("flat", proration="days")
    run = approved_run()
    beside(partial(change, contract, monthly_fee_cents=600_00), partial(issue, run)).result()
    entry = run.entries.get()
    assert (entry.state, entry.reason) == (
        "parked",
        "Approved were USD 500.00, now it is USD 241.94; build the run again and look at it.",
    )
    bill()
    assert [cents for _, cents in issued()] == [241_94, 309_68]


def test_a_contract_that_is_being_ended_in_its_form_is_billed_for_its_days():
    contract = a_contract("flat", proration="days")
    run = approved_run()
    beside(partial(end_in_its_form, contract, MID_OCTOBER), partial(issue, run)).result()
    assert states(run) == {contract.reference: "parked"}
    bill()
    assert [cents for _, cents in issued()] == [241_94]


def test_days_are_not_cut_anew_while_they_are_billed():
    contract = a_contract()
    use(contract.partner, 10, at="2026-10-31T20:00:00+00:00")
    move = partial(move_to_time_zone, partner=contract.partner, zone="Asia/Tokyo", now=AFTER_OCTOBER, by="ada")
    moved = beside(partial(issue, approved_run()), move)
    assert [str(effect) for effect in moved.result()] == [
        "2026-10: 10 deeds before, 0 after; the month is billed, so the difference is late usage.",
        "2026-11: 0 deeds before, 10 after.",
    ]


def test_a_run_changes_and_moves_never_wait_for_each_other_in_a_ring():
    """Each contract ends up billed whole or changed before, and PostgreSQL has no deadlock to break."""
    partner = a_partner()
    contracts = [a_contract("flat", partner=partner, product=f"P{n}", reference=f"R{n}") for n in range(12)]
    run = approved_run()
    zones = ("Asia/Tokyo", "UTC") * 3
    moves = [partial(move_to_time_zone, partner=partner, zone=zone, now=AFTER_OCTOBER, by="ada") for zone in zones]
    changes = [partial(unless_billed, change, contract) for contract in reversed(contracts)]
    run_of_chunks = partial(issue_run, run=run, on=ON, now=AFTER_OCTOBER, by="grace", chunk=3)
    at_once(run_of_chunks, partial(in_turn, moves), partial(in_turn, changes))
    whole = f"{OCTOBER.start}/{OCTOBER.end}"
    billed = set(BilledPeriod.objects.filter(terms__served=whole).values_list("contract__reference", flat=True))
    changed = set(Contract.objects.filter(version=2).values_list("reference", flat=True))
    assert (billed | changed, billed & changed) == ({contract.reference for contract in contracts}, set())


def test_who_credits_an_invoice_and_a_run_that_gives_back_never_wait_for_each_other_in_a_ring():
    contracts = [a_contract(), a_contract()]
    deeds = NewUsage("a", "deed", dt.datetime(2026, 10, 15, tzinfo=dt.UTC), Decimal(10))
    for sent in (deeds, Reversal("b", "a")):
        for contract in contracts:
            record_usage(partner=contract.partner, events=[sent], now=AFTER_OCTOBER)
        if sent is deeds:
            bill()
    run = approved_run(NOVEMBER, AFTER_NOVEMBER)
    give_back = partial(issue_run, run=run, on=AFTER_NOVEMBER.date(), now=AFTER_NOVEMBER, by="grace")
    paper = contracts[1].billed_periods.get().invoice
    goodwill = CreditLine(description="Goodwill", amount_cents=1_00)
    with ThreadPoolExecutor(1) as worker:
        with transaction.atomic():
            Invoice.objects.select_for_update(of=("self",)).get(pk=paper.pk)  # as who credits begins
            waiting = worker.submit(alone, give_back)
            wait_until_somebody_waits()
            issue_credit_note(invoice=paper, lines=[goodwill], reason="Slow", on=ON, now=AFTER_NOVEMBER, by="ada")
        waiting.result()
    assert list(run.entries.values_list("state", flat=True)) == ["credited", "credited"]
    assert list(CreditNote.objects.order_by("number").values_list("total_cents", flat=True)) == [1_00, 24_00, 23_00]


def test_what_is_wrong_with_the_program_parks_nobody():
    a_contract("flat")
    run = approved_run()
    with ground.administrator(name=connection.settings_dict["NAME"]) as owner:
        owner.execute("ALTER TABLE api_usage RENAME COLUMN requests TO calls")
        try:
            with pytest.raises(ProgrammingError, match="requests"):
                issue(run)
        finally:
            owner.execute("ALTER TABLE api_usage RENAME COLUMN calls TO requests")
    assert run.entries.get().state == "previewed"
    assert issue(run).status == "issued"
