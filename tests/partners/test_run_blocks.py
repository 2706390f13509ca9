"""A run is written in blocks: what a block cannot be written with is found, and costs nobody else anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invoices.models import Invoice, NumberSeries
from partners.models import BilledPeriod, Contract
from partners.services import InvoiceDiffers, issue_run
from partners.services.runs.building import found_for
from partners.services.runs.choosing import refuse_other_amounts
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, ON, a_contract, approved_run, use

pytestmark = pytest.mark.django_db


def test_the_one_that_cannot_be_written_is_parked_and_its_block_is_billed():
    """Reverse charge without a tax id is refused only when the invoice is issued, after the block was drafted."""
    contracts = [a_contract("flat") for _ in range(4)]
    contracts.insert(2, a_contract("flat", tax_category="AE"))
    run = approved_run()
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
    parked = run.entries.parked().get()
    assert parked.contract == contracts[2]
    assert parked.reason == (
        f"The invoice of {contracts[2].reference} has lines under reverse charge or within the EU: "
        f"{contracts[2].partner} and Parcelbase both need a tax id."
    )
    numbers = sorted(Invoice.objects.values_list("invoice_number", flat=True))
    assert numbers == [f"INV-2026-{n:06}" for n in range(1, 5)]
    assert NumberSeries.objects.get().last_number == BilledPeriod.objects.count() == 4


def test_a_block_takes_the_same_statements_for_two_contracts_and_for_twenty():
    def statements(contracts: int) -> int:
        for _ in range(contracts):
            use(a_contract("hybrid").partner, 130)
        run = approved_run()
        with CaptureQueriesContext(connection) as captured:
            issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada")
        assert run.entries.billed().count() == contracts
        return len(captured)

    assert statements(2) == statements(20)


def test_what_a_block_writes_is_what_one_alone_writes():
    def written(chunk: int) -> list[tuple[object, ...]]:
        for _ in range(3):
            use(a_contract("hybrid").partner, 130)
        run = approved_run()
        issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="ada", chunk=chunk)
        said = ("status", "total_cents", "due_date", "bill_to__country", "lines__description", "lines__detail")
        billed = Invoice.objects.filter(billed_period__run=run)
        return sorted(
            billed.values_list(*said, "lines__amount_cents", "lines__unit_label", "sold_by", "metadata"), key=str
        )

    assert written(chunk=500) == written(chunk=1)


def test_an_invoice_that_would_ask_for_something_else_than_was_rated_is_told_in_money():
    a_contract("flat", currency="KWD")
    (found,) = found_for(Contract.objects.with_parties(), OCTOBER)
    refuse_other_amounts(found)
    odd = replace(found, lines=(replace(found.lines[0], amount_cents=50_001),))
    with pytest.raises(InvoiceDiffers, match=r"was rated at KWD 50\.001, but its invoice would ask for KWD 50\.000"):
        refuse_other_amounts(odd)
