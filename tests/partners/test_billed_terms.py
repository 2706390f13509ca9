"""What a contract agrees on reaches the invoice, in the language of the customer, and is kept with the month."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from invoices.models import Customer, Invoice, Seller
from partners.models import BilledPeriod
from partners.pricing import rate, terms_from_json
from partners.services import terms_of
from tests.partners.agreements import a_contract, a_partner, bill, use

pytestmark = pytest.mark.django_db

TIERS = [{"up_to": 100, "unit_price": "0.50"}, {"up_to": None, "unit_price": "0.40"}]


def printed():
    fields = "description", "detail", "unit_label", "amount_cents", "discount_cents"
    return list(Invoice.objects.get().lines.order_by("position").values_list(*fields))


def test_tiers_discount_and_maximum_are_lines_of_the_invoice():
    contract = a_contract(
        "hybrid",
        price_per_deed=None,
        tiers=TIERS,
        included_deeds=0,
        discount_rate=Decimal("0.1"),
        maximum_cents=500_00,
        tax_rate=Decimal("0.19"),
    )
    use(contract.partner, 350)
    bill()
    assert printed() == [
        ("Monthly fee", "$500.00 a month", "month", 500_00, 50_00),
        ("Deed retrievals", "350 deeds, tier 1\u2013100: 100 at $0.50", "deeds", 50_00, 5_00),
        ("Deed retrievals", "tier from 101: 250 at $0.40", "deeds", 100_00, 10_00),
        ("Monthly maximum", "Limit: $500.00, without it: $585.00", "", -85_00, 0),
    ]
    invoice = Invoice.objects.get()
    assert (invoice.subtotal_cents, invoice.discount_cents, invoice.tax_cents) == (565_00, 65_00, 95_00)
    assert invoice.total_cents == 595_00


def test_a_german_customer_reads_german_lines_and_finance_reads_english_ones():
    contract = a_contract(currency="EUR", tiers=TIERS, price_per_deed=None, discount_rate=Decimal("0.1"))
    Customer.objects.update(language="de")
    use(contract.partner, 101)
    run = bill()
    assert [line[:3] for line in printed()] == [
        ("Urkundenabrufe", "101 Urkunden, Stufe 1\u2013100: 100 zu 0,50 €", "Urkunden"),
        ("Urkundenabrufe", "Stufe ab 101: 1 zu 0,40 €", "Urkunde"),
    ]
    entry = run.entries.get()
    assert [line["description"] for line in entry.lines] == ["Deed retrievals"] * 2
    assert entry.lines[1]["explanation"] == "tier from 101: 1 at €0.40"
    assert sum(line["net_cents"] for line in entry.lines) == Invoice.objects.get().total_cents == 45_36


def test_reverse_charge_is_printed_with_its_sentence():
    contract = a_contract("flat", tax_category="AE", tax_note="Reverse charge, Art. 196 of Directive 2006/112/EC.")
    Seller.objects.update(tax_id="DE299999993")
    Customer.objects.update(tax_id="ATU00000024")
    bill()
    invoice = Invoice.objects.get()
    assert invoice.lines.get().tax_category == "AE"
    assert (invoice.tax_note, invoice.tax_cents) == (contract.tax_note, 0)


def test_a_contract_that_is_not_prorated_bills_its_first_month_whole():
    a_contract("flat", start_date=dt.date(2026, 10, 20), proration="none")
    bill()
    assert Invoice.objects.get().total_cents == 500_00


def test_a_billed_month_is_rated_again_on_the_terms_it_was_billed_with():
    contract = a_contract(
        partner=a_partner(),
        tiers=TIERS,
        price_per_deed=None,
        tier_mode="volume",
        discount_rate=Decimal("0.25"),
        minimum_cents=10_00,
        maximum_cents=90_00,
        start_date=dt.date(2026, 10, 12),
        end_date=dt.date(2026, 11, 1),
    )
    use(contract.partner, 120)
    bill()
    billed = BilledPeriod.objects.get()
    terms, proration = terms_from_json(billed.terms)
    assert terms == terms_of(contract)
    assert (proration.days, proration.of_days) == (20, 31)
    usage = {meter: Decimal(quantity) for meter, quantity in billed.usage.items()}
    again = sum(line.net_cents for line in rate(terms, usage, proration))
    assert again == Invoice.objects.get().total_cents == 36_00
