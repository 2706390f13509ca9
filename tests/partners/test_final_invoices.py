"""What came late for a contract that is over: its final invoice draws on orders, is held and waits as a month does."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from invoices.models import Invoice, InvoiceLine
from partners.models import BillingRunEntry, Contract, Partner, PurchaseOrder
from partners.services import (
    NothingToBill,
    approve_run,
    build_run,
    due_months,
    hold_entry,
    issue_run,
    late_usage,
    release_entry,
    retry_parked,
)
from tests.partners.agreements import NOVEMBER, ON, a_contract, approved_run, bill, use
from tests.partners.billed import issued, states

pytestmark = pytest.mark.django_db
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
AFTER_DECEMBER = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)
DECEMBER = NOVEMBER.next_month()


def over_and_late(deeds: int = 80, **fields) -> Contract:
    """A contract that ended with October, billed for 50 deeds at a dollar, and what was counted since."""
    contract = a_contract(end_date=NOVEMBER.start, price_per_deed=Decimal(1), **fields)
    use(contract.partner, 50)
    bill()
    use(contract.partner, deeds)
    return contract


def in_zone(partner: Partner, zone: str) -> None:
    """Give a partner another zone than its contract, and so park it, or its own again."""
    Partner.objects.filter(pk=partner.pk).update(billing_time_zone=zone)


# --- Purchase orders ---------------------------------------------------------------------------------------------


def test_a_final_invoice_that_was_parked_first_draws_on_its_order_all_the_same():
    contract = over_and_late()
    order = PurchaseOrder.objects.create(partner=contract.partner, number="PO-1", currency="USD", amount_cents=100_00)
    in_zone(contract.partner, "Asia/Tokyo")
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    assert states(run) == {contract.reference: "parked"}
    in_zone(contract.partner, "UTC")
    (entry,) = retry_parked(run=run)
    entry.refresh_from_db()
    assert (entry.kind, entry.total_cents, entry.purchase_order) == ("final", 80_00, order)
    run = approve_run(run=run, now=AFTER_NOVEMBER, by="grace")
    issue_run(run=run, on=ON, now=AFTER_NOVEMBER, by="grace")
    assert PurchaseOrder.objects.with_drawn().get().left_cents == 20_00
    use(contract.partner, 70)
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert [cents for _, cents in issued()] == [50_00, 80_00, 70_00]
    assert list(Invoice.objects.order_by("pk").values_list("purchase_order", flat=True)) == ["", "PO-1", ""]


@pytest.mark.parametrize("changed", [{"number": "PO-2"}, {"currency": "EUR"}])
def test_an_order_that_a_final_invoice_names_keeps_its_number_and_currency(changed):
    contract = over_and_late()
    order = PurchaseOrder.objects.create(partner=contract.partner, number="PO-1", currency="USD")
    bill(NOVEMBER, AFTER_NOVEMBER)
    with pytest.raises(DatabaseError, match="Invoices name purchase order PO-1"), transaction.atomic():
        PurchaseOrder.objects.filter(pk=order.pk).update(**changed)


# --- Held --------------------------------------------------------------------------------------------------------


def test_a_held_final_invoice_stays_held_in_the_runs_of_later_months():
    contract = over_and_late()
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    hold_entry(entry=run.entries.get(), reason="Disputes the count", now=AFTER_NOVEMBER, by="ada")
    december = build_run(period=DECEMBER, now=AFTER_DECEMBER, by="the schedule")
    entry = december.entries.get()
    assert (entry.kind, entry.state, entry.reason, entry.decided_by) == ("final", "held", "Disputes the count", "ada")
    assert release_entry(entry=entry, now=AFTER_DECEMBER, by="grace").state == "previewed"
    assert states(build_run(period=DECEMBER, now=AFTER_DECEMBER, by="ada")) == {contract.reference: "previewed"}


def test_a_held_final_invoice_that_is_parked_and_tried_again_stays_held():
    contract = over_and_late()
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    hold_entry(entry=run.entries.get(), reason="Disputes the count", now=AFTER_NOVEMBER, by="ada")
    in_zone(contract.partner, "Asia/Tokyo")
    december = build_run(period=DECEMBER, now=AFTER_DECEMBER, by="ada")
    in_zone(contract.partner, "UTC")
    retry_parked(run=december)
    assert states(december) == {contract.reference: "held"}


# --- Who carries it ----------------------------------------------------------------------------------------------


def goes_on(contract: Contract, start: dt.date) -> Contract:
    """The same terms again from a later day."""
    return a_contract(partner=contract.partner, price_per_deed=Decimal(1), start_date=start)


def test_late_usage_does_not_wait_half_a_year_for_the_next_contract():
    contract = over_and_late()
    goes_on(contract, dt.date(2027, 6, 1))
    assert due_months(now=AFTER_NOVEMBER) == [NOVEMBER.start]
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert [cents for _, cents in issued()] == [50_00, 80_00]
    assert late_usage() == []


@pytest.mark.parametrize("start", [NOVEMBER.start, dt.date(2026, 11, 20), DECEMBER.start, dt.date(2026, 12, 31)])
def test_a_contract_that_goes_on_this_month_or_next_carries_it(start):
    goes_on(over_and_late(), start)
    with suppress(NothingToBill):
        bill(NOVEMBER, AFTER_NOVEMBER)
    bill(DECEMBER, AFTER_DECEMBER)
    kinds = [line.kind for line in InvoiceLine.objects.order_by("invoice", "position")]
    assert (kinds.count("correction"), late_usage()) == (1, [])
    assert BillingRunEntry.objects.filter(kind="final").count() == 0


def test_of_a_final_invoice_and_a_contract_that_goes_on_one_bills_it():
    """The final invoice was approved and not issued when a contract alike was signed, and billed first."""
    contract = over_and_late()
    final = approved_run(NOVEMBER, AFTER_NOVEMBER)
    goes_on(contract, DECEMBER.start)
    bill(DECEMBER, AFTER_DECEMBER)
    issue_run(run=final, on=ON, now=AFTER_DECEMBER, by="grace")
    assert states(final) == {contract.reference: "parked"}
    assert [cents for _, cents in issued()] == [50_00, 80_00]
    assert late_usage() == []
