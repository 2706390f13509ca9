"""What came late for a contract that is over: its final invoice draws on orders, is held and waits as a month does."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from invoices.models import Invoice
from partners.models import Contract, Partner, PurchaseOrder
from partners.services import approve_run, build_run, issue_run, retry_parked
from tests.partners.agreements import NOVEMBER, ON, a_contract, bill, use
from tests.partners.billed import issued, states

pytestmark = pytest.mark.django_db
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)


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
