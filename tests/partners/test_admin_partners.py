"""Contracts are agreed once, and partners are added."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from partners.models import Contract, Partner
from tests.books import a_customer
from tests.partners.agreements import a_contract, a_partner, a_seller
from tests.partners.pages import button_of, page_of, pressed

pytestmark = pytest.mark.django_db


def terms(partner, **changed):
    given = {
        "partner": partner.pk,
        "seller": a_seller().pk,
        "reference": "PC-1",
        "start_date": "2026-10-01",
        "billing_time_zone": "UTC",
        "pricing_model": "hybrid",
        "currency": "EUR",
        "monthly_fee_cents": "500.00",
        "minimum_cents": "0",
        "product": "API",
        "price_per_deed": "0.0196",
        "included_deeds": 100,
        "included_requests": 0,
        "rounding": "up",
        "tax_rate": "19",
        "payment_terms_days": 30,
    }
    return given | changed


def test_a_contract_is_drafted_and_agreed(partner_manager):
    partner_manager.post("/admin/partners/contract/add/", terms(a_partner()))
    contract = Contract.objects.get()
    assert (contract.status, contract.monthly_fee_cents, contract.price_per_deed, contract.tax_rate) == (
        "draft",
        50000,
        Decimal("0.0196"),
        Decimal("0.19"),
    )
    pressed(partner_manager, contract, "activate")
    contract.refresh_from_db()
    assert contract.status == "active"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pricing_model": "flat"}, "does not use this; leave it empty"),
        ({"billing_time_zone": "Europe/Atlantis"}, "does not exist"),
        ({"tax_rate": "119"}, "from 0 to below 100"),
        ({"tax_rate": "a fifth"}, "Write a percentage"),
        ({"end_date": "2026-09-01"}, "Refused by a rule: contract ends after it starts"),
        ({"currency": "DOGE"}, "DOGE"),
        ({"monthly_fee_cents": "1.234"}, "EUR has 2 decimals"),
    ],
)
def test_terms_that_make_no_sense_are_refused_in_words(partner_manager, changed, said):
    answer = partner_manager.post("/admin/partners/contract/add/", terms(a_partner(), **changed))
    assert said in answer.content.decode()
    assert not Contract.objects.exists()


def test_a_contract_without_price_is_not_agreed(partner_manager):
    contract = a_contract("per_deed", status="draft", price_per_deed=None)
    assert "without a price per deed" in pressed(partner_manager, contract, "activate").content.decode()
    contract.refresh_from_db()
    assert contract.status == "draft"


def test_a_second_contract_of_the_same_days_is_not_agreed(partner_manager):
    first = a_contract("flat")
    second = a_contract("flat", partner=first.partner, status="draft")
    said = pressed(partner_manager, second, "activate").content.decode()
    assert f"has {first} for API from 2026-10-01 without an end; end it" in said


def test_an_agreed_contract_changes_its_end_and_nothing_else(partner_manager):
    contract = a_contract("flat")
    sent = {
        "end_date": "2026-12-01",
        "needs_purchase_order": "on",
        "monthly_fee_cents": "1.00",
        "currency": "JPY",
        "status": "draft",
    }
    partner_manager.post(page_of(contract), sent)
    contract.refresh_from_db()
    assert (contract.end_date, contract.needs_purchase_order) == (dt.date(2026, 12, 1), True)
    assert (contract.monthly_fee_cents, contract.currency, contract.status) == (50000, "USD", "active")


def test_an_agreed_contract_is_not_deleted(partner_manager):
    assert partner_manager.post(button_of(a_contract("flat"), "delete"), {"post": "yes"}).status_code == 403
    draft = a_contract("flat", status="draft")
    partner_manager.post(button_of(draft, "delete"), {"post": "yes"})
    assert not Contract.objects.filter(pk=draft.pk).exists()


def test_a_partner_is_added(partner_manager):
    customer = a_customer()
    sent = {"name": "Hanse", "customer": customer.pk, "billing_time_zone": "Europe/Berlin", "is_active": "on"}
    partner_manager.post("/admin/partners/partner/add/", sent)
    assert Partner.objects.get().customer == customer
