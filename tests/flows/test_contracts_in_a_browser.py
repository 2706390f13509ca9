"""A contract as a person types and changes it: in a real browser, under the policy that allows no inline script."""

from __future__ import annotations

import pytest
from django.utils import timezone

from partners.models import Contract
from tests.back_office import someone
from tests.flows.test_admin_in_a_browser import browser, signed_in_page  # noqa: F401 - a fixture
from tests.partners.agreements import a_contract, a_partner, a_seller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]


@pytest.fixture
def page(browser, live_site):  # noqa: F811
    yield from signed_in_page(browser, live_site, someone("Partner manager"))


def test_the_form_shows_what_the_model_knows_and_tiers_are_rows(page):
    seller, partner = a_seller(), a_partner()
    page.goto(f"/admin/partners/contract/add/?partner={partner.pk}&seller={seller.pk}&currency=EUR")
    shown = {"flat": "monthly_fee_cents", "per_deed": "price_per_deed", "per_request": "price_per_1000_requests"}
    for model, name in shown.items():
        page.select_option("[name=pricing_model]", model)
        assert [other for other in shown.values() if page.is_visible(f"[name={other}]")] == [name]
    page.fill("[name=reference]", "PC-7")
    page.fill("[name=start_date]", "2026-10-01")
    page.select_option("[name=tier_mode]", "volume")
    page.fill("[name=tiers_up_to] >> nth=0", "5,000")
    page.click("text=Add a tier")
    page.fill("[name=tiers_up_to] >> nth=1", "9000")
    assert page.locator(".tier-from").all_inner_texts() == ["1", "5,001", "9,001"]
    for place, price in enumerate(("2", "1.5", "1")):
        page.fill(f"[name=tiers_unit_price] >> nth={place}", price)
    page.click(".tier-drop >> nth=1")
    page.click("button[name=_save]")
    page.wait_for_selector("text=was added successfully")
    contract = Contract.objects.get()
    assert contract.tiers == [{"up_to": 5000, "unit_price": "2"}, {"up_to": None, "unit_price": "1"}]
    assert (contract.pricing_model, contract.tier_mode, contract.price_per_1000_requests) == (
        "per_request",
        "volume",
        None,
    )


def test_terms_are_changed_after_a_look_at_what_changes(page):
    contract = a_contract("hybrid", start_date=timezone.localdate().replace(day=1))
    page.goto(f"/admin/partners/contract/{contract.pk}/change/")
    page.click("a:has-text('Change terms')")
    page.fill("[name=monthly_fee_cents]", "600")
    page.click("text=Show what changes")
    page.wait_for_selector("text=$600.00")
    page.click("text=Back to the terms")
    page.fill("[name=monthly_fee_cents]", "650")
    page.click("text=Show what changes")
    page.click(f"text=Agree on {contract.reference} v2")
    page.wait_for_selector("text=is agreed from")
    assert list(Contract.objects.order_by("version").values_list("monthly_fee_cents", "status")) == [
        (500_00, "active"),
        (650_00, "active"),
    ]
