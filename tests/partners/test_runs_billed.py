"""What a month of a contract is billed for, line by line."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from invoices.models import Invoice
from partners.models import BilledPeriod, PurchaseOrder
from partners.services import (
    NothingToBill,
    build_run,
    due_months,
    totals_of_run,
)
from tests.partners.agreements import (
    AFTER_OCTOBER,
    OCTOBER,
    ON,
    a_contract,
    a_partner,
    bill,
    use,
)
from tests.partners.billed import issued, states

pytestmark = pytest.mark.django_db
THE_MONTH = {"period_start": OCTOBER.start, "period_end": OCTOBER.end, "terms": {}, "usage": {}}


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
