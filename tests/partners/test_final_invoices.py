"""What came late for a contract that is over: its final invoice draws on orders, is held and waits as a month does."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from invoices.models import Invoice
from partners.models import Contract, Partner, PurchaseOrder
from partners.services import approve_run, build_run, hold_entry, issue_run, release_entry, retry_parked
from tests.partners.agreements import NOVEMBER, ON, a_contract, bill, use
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
