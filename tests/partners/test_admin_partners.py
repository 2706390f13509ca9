"""Contracts are agreed once, keys are shown once, and a month's run is previewed, approved and issued."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from partners.admin.runs import change_text
from partners.models import BillingRun, Contract, Partner
from partners.services import build_run
from tests.back_office import signed_in, someone
from tests.books import a_customer
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, a_contract, a_partner, a_seller, use
from tests.partners.pages import button_of, page_of, pressed

pytestmark = pytest.mark.django_db
RUNS = "/admin/partners/billingrun/"


def terms(partner, **changed):
    given = {
        "partner": partner.pk,
        "seller": a_seller().pk,
        "reference": "PC-1",
        "version": 1,
        "start_date": "2026-10-01",
        "billing_time_zone": "UTC",
        "pricing_model": "hybrid",
        "currency": "EUR",
        "monthly_fee_cents": "500.00",
        "minimum_cents": "0",
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


def test_a_new_version_starts_with_the_same_terms(partner_manager):
    contract = a_contract("hybrid")
    partner_manager.post(button_of(contract, "new-version"), {"starts_on": "2027-01-01"})
    version = Contract.objects.get(version=2)
    assert (version.reference, version.status, version.price_per_deed, version.start_date) == (
        contract.reference,
        "active",
        contract.price_per_deed,
        dt.date(2027, 1, 1),
    )


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


def test_a_month_is_previewed_approved_and_issued(finance_manager):
    contract = a_contract("per_deed")
    use(contract.partner, 10)
    finance_manager.post(f"{RUNS}preview-a-month/", {"month": "2026-10"})
    run = BillingRun.objects.get()
    page = finance_manager.get(page_of(run)).content.decode()
    assert "$24.00" in page
    assert "new" in page
    pressed(finance_manager, run, "approve")
    finance_manager.post(button_of(run, "issue"))
    run.refresh_from_db()
    assert (run.status, run.entries.billed().count(), run.approved_by) == ("issued", 1, run.started_by)
    assert contract.billed_periods.get().invoice.total_cents == 2400


@pytest.mark.parametrize(
    ("month", "said"), [("2026-13", "month"), ("October", "month"), ("", "required"), ("2019-01", "Nothing to bill")]
)
def test_a_month_that_cannot_be_billed_is_refused_in_words(finance_manager, month, said):
    a_contract("flat")
    assert said in finance_manager.post(f"{RUNS}preview-a-month/", {"month": month}).content.decode()
    assert not BillingRun.objects.exists()


def test_a_parked_contract_says_why_and_what_to_do(finance_manager):
    a_contract("per_deed", partner=a_partner(zone="UTC"), zone="Europe/Berlin")
    a_contract("flat")
    page = finance_manager.get(page_of(build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada"))).content.decode()
    assert "Parked" in page
    assert "give both the same time zone" in page


def test_a_preview_is_not_issued_and_an_issued_run_not_canceled(finance_manager):
    a_contract("flat")
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    assert "approve its preview first" in finance_manager.post(button_of(run, "issue")).content.decode()
    pressed(finance_manager, run, "approve")
    finance_manager.post(button_of(run, "issue"))
    assert "cannot be canceled" in pressed(finance_manager, run, "cancel").content.decode()


@pytest.mark.parametrize("role", ["Auditor", "Accountant", "Partner manager"])
def test_who_may_not_decide_runs_nothing(role):
    client = signed_in(someone(role))
    a_contract("flat")
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    assert client.post(f"{RUNS}preview-a-month/", {"month": "2026-10"}).status_code == 403
    assert client.post(button_of(run, "issue")).status_code == 403
    assert pressed(client, run, "approve").status_code == 403
    assert "Preview a month" not in client.get(RUNS).content.decode()


def test_a_run_says_its_totals_per_currency(finance_manager):
    a_contract("flat")
    a_contract("flat", currency="EUR")
    build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    assert "€500.00 · $500.00" in finance_manager.get(RUNS).content.decode()


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (None, 5, "new"),
        (0, 0, "\N{EN DASH}"),
        (0, 5, "from nothing"),
        (100, 100, "0.0 %"),
        (200, 150, "-25.0 %"),
        (300, 310, "+3.3 %"),
    ],
)
def test_a_change_is_told_beside_the_month_before(before, now, said):
    assert said in change_text(before, now)
