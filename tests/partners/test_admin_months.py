"""The page of a billed month says in words what it was billed on."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from partners.admin.terms_words import kept_rows
from partners.models import BilledPeriod, Correction
from tests.partners.agreements import NOVEMBER, a_contract, bill, use
from tests.partners.pages import page_of, words_of

pytestmark = pytest.mark.django_db
TIERS = [{"up_to": 100, "unit_price": "0.50"}, {"up_to": None, "unit_price": "0.40"}]


def test_a_billed_month_tells_its_terms_in_words(partner_manager: Client):
    contract = a_contract(
        "hybrid",
        price_per_deed=None,
        tiers=TIERS,
        included_deeds=50,
        discount_rate=Decimal("0.1"),
        minimum_cents=100_00,
        maximum_cents=900_00,
        tax_rate=Decimal("0.19"),
        start_date=dt.date(2026, 10, 12),
    )
    use(contract.partner, 350)
    bill()
    billed = BilledPeriod.objects.get()
    assert kept_rows(billed) == [
        ("Pricing model", "Fee and overage"),
        ("Currency", "USD"),
        ("Monthly fee", "$500.00"),
        ("Tiers per deed", "1\u2013100: $0.50 · from 101: $0.40"),
        ("Tiers price", "Each unit at the price of its tier"),
        ("Included deeds", "50"),
        ("Discount", "10 %"),
        ("Minimum commitment", "$100.00"),
        ("Maximum of a month", "$900.00"),
        ("Share of the month", "20 of 31 days"),
        ("Tax", "19 %"),
    ]
    said = words_of(partner_manager.get(page_of(billed)))
    assert "Days billed 12 Oct 2026 \u2013 31 Oct 2026" in said
    assert "Counted when it was billed 350 deeds" in said
    assert "Discount 10 %" in said


def test_packages_and_reverse_charge_are_kept_in_words():
    a_contract("per_request", included_requests=500, tax_category="AE", tax_note="Reverse charge.")
    bill()
    assert kept_rows(BilledPeriod.objects.get())[2:] == [
        ("Price per 1,000 requests", "$1.85"),
        ("Included requests", "500"),
        ("Rounding", "Started packages count whole"),
        ("Tax", "0 %"),
        ("Tax category", "Reverse charge"),
        ("Tax note", "Reverse charge."),
    ]


def late_usage_of_october() -> Correction:
    """Ten deeds on time, and two that November's invoice asks for."""
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    bill(NOVEMBER, dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC))
    return Correction.objects.get()


def test_late_usage_opens_from_its_list_and_tells_its_amount(partner_manager: Client):
    step = late_usage_of_october()
    listed = partner_manager.get(reverse("admin:partners_correction_changelist")).content.decode()
    assert re.search(rf'<a href="{page_of(step)}"[^>]*>2026-10</a>', listed)
    said = words_of(partner_manager.get(page_of(step)))
    assert "Before tax $4.80" in said
    assert "Billed from then on 12 deeds" in said


def test_late_usage_has_one_name_wherever_it_is_told(partner_manager: Client):
    step = late_usage_of_october()
    assert str(step) == f"{step.billed_period} · late usage 1"
    for page in (reverse("admin:partners_correction_changelist"), page_of(step), page_of(step.billed_period)):
        said = words_of(partner_manager.get(page))
        assert ("Late usage" in said, "orrection" in said) == (True, False)


def test_terms_that_cannot_be_read_say_so():
    a_contract("flat")
    bill()
    assert kept_rows(BilledPeriod(terms={})) == [
        ("Terms", "The terms kept of this month cannot be read: 'pricing_model'.")
    ]
