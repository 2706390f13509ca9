"""The pages of contracts and purchase orders: tiers as rows, changes shown before they are agreed, what is left."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
import time_machine

from partners.models import Contract, PurchaseOrder
from tests.back_office import signed_in, someone
from tests.partners.agreements import a_contract, a_partner, bill, use
from tests.partners.pages import button_of, page_of
from tests.partners.test_admin_partners import terms

pytestmark = pytest.mark.django_db
ADD = "/admin/partners/contract/add/"
NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)


def tiered(partner, *rows, **changed):
    ends, prices = zip(*rows, strict=True)
    given = terms(partner, price_per_deed="", tiers_up_to=ends, tiers_unit_price=prices, tier_mode="graduated")
    return given | changed


def changed_terms(contract, **changed):
    """What the form of the terms in force sends, but for what changes."""
    given = {
        "start_date": "2026-12-01", "pricing_model": contract.pricing_model, "currency": contract.currency,
        "price_per_deed": contract.price_per_deed, "included_deeds": contract.included_deeds, "proration": "days",
        "tax_rate": "0", "payment_terms_days": 30, "billing_time_zone": contract.billing_time_zone,
    }  # fmt: skip
    return given | changed


def said(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


# --- Drafts ------------------------------------------------------------------------------------------------------


def test_tiers_are_typed_as_rows(partner_manager):
    rows = [("1,000", "0.50"), ("5000", "0.4"), ("", "0.30"), ("", "")]
    partner_manager.post(ADD, tiered(a_partner(), *rows, discount_rate="10", maximum_cents="900"))
    contract = Contract.objects.get()
    assert contract.tiers == [
        {"up_to": 1000, "unit_price": "0.5"},
        {"up_to": 5000, "unit_price": "0.4"},
        {"up_to": None, "unit_price": "0.3"},
    ]
    assert (contract.tier_mode, contract.price_per_deed) == ("graduated", None)
    assert (contract.discount_rate, contract.maximum_cents) == (Decimal("0.1"), 900_00)
    page = said(partner_manager.get(page_of(contract)))
    assert 'name="tiers_up_to" value="5000"' in page
    assert 'name="tiers_unit_price" value="0.3"' in page


@pytest.mark.parametrize(
    ("rows", "changed", "sentence"),
    [
        ([("100", "1")], {}, "The last tier ends at 100, but usage may not"),
        ([("200", "1"), ("100", "1"), ("", "1")], {}, "above the end of the one before"),
        ([("many", "1"), ("", "1")], {}, "A tier ends at a whole number of units such as 5000, not at many."),
        ([("100", "1,5"), ("", "1")], {}, "Each tier has a price such as 0.35"),
        ([("100", ""), ("", "1")], {}, "Each tier has a price such as 0.35"),
        ([("", "")], {}, "Enter the tiers, or choose one price."),
        ([("", "1")], {"tier_mode": ""}, "Say how the tiers price usage, or remove them."),
        ([("", "1")], {"price_per_deed": "1"}, "Tiers take the place of one price; leave it empty."),
        ([("", "1")], {"maximum_cents": "1", "minimum_cents": "2"}, "above zero and not below its minimum"),
        ([("", "1")], {"discount_rate": "101"}, "Write a percentage from 0 to 100"),
    ],
)
def test_tiers_that_make_no_sense_are_refused_in_words_beside_them(partner_manager, rows, changed, sentence):
    answer = partner_manager.post(ADD, tiered(a_partner(), *rows, **changed))
    assert sentence in said(answer)
    assert not Contract.objects.exists()


def test_packages_that_count_whole_refuse_tiers_inside_a_package(partner_manager):
    sent = tiered(a_partner(), ("1500", "1"), ("", "1"), pricing_model="per_request", monthly_fee_cents="")
    sent |= {"included_deeds": "", "rounding": "up"}
    assert "A tier ends at 1,500, inside a package of 1,000" in said(partner_manager.post(ADD, sent))
    partner_manager.post(ADD, sent | {"rounding": "exact"})
    assert Contract.objects.get().rounding == "exact"


def test_what_the_form_hides_is_not_sent_and_not_kept(partner_manager):
    draft = a_contract("per_deed", status="draft", included_deeds=100)
    sent = terms(draft.partner, pricing_model="flat", monthly_fee_cents="50")
    for hidden in ("price_per_deed", "included_deeds", "included_requests", "rounding"):
        del sent[hidden]
    partner_manager.post(page_of(draft), sent)
    draft.refresh_from_db()
    assert (draft.pricing_model, draft.monthly_fee_cents) == ("flat", 50_00)
    assert (draft.price_per_deed, draft.included_deeds, draft.tiers) == (None, 0, [])


def test_an_end_that_reaches_into_another_contract_is_refused_in_the_form(partner_manager):
    first = a_contract("flat", end_date=dt.date(2026, 11, 1))
    a_contract("flat", partner=first.partner, start_date=dt.date(2026, 11, 1))
    answer = partner_manager.post(page_of(first), {"end_date": "2026-12-01"})
    assert "The partner has a contract for this product on some of these days." in said(answer)
    first.refresh_from_db()
    assert first.end_date == dt.date(2026, 11, 1)


# --- Changing an agreed contract ---------------------------------------------------------------------------------


@time_machine.travel(NOW, tick=False)
def test_the_form_starts_with_the_terms_in_force_and_the_first_of_next_month(partner_manager):
    contract = a_contract("per_deed", included_deeds=100, discount_rate=Decimal("0.05"))
    page = said(partner_manager.get(button_of(contract, "change-terms")))
    for filled in ('value="2026-12-01"', 'value="2.4"', 'value="100"', 'value="5"'):
        assert filled in page


@time_machine.travel(NOW, tick=False)
def test_what_changes_is_shown_with_the_effect_on_the_last_billed_month_before_it_is_agreed(partner_manager):
    contract = a_contract("per_deed")
    use(contract.partner, 100)
    bill()
    url, sent = button_of(contract, "change-terms"), changed_terms(contract, price_per_deed="3")
    page = said(partner_manager.post(url, sent | {"step": "review"}))
    row = r'<td>([^<]*)</td> ?<td><span class="change-before">([^<]*)</span></td> ?<td><b>([^<]*)</b>'
    assert re.findall(row, page) == [("Price per deed", "$2.40", "$3.00")]
    assert "October 2026, with 100 deeds, would have cost" in page
    assert "$60.00 more (25.0 %)" in page
    assert "100 deeds at $2.40" in page
    assert "100 deeds at $3.00" in page
    assert Contract.objects.count() == 1

    partner_manager.post(url, sent | {"step": "confirm"})
    old, new = Contract.objects.order_by("version")
    assert (old.end_date, old.status) == (dt.date(2026, 12, 1), "active")
    assert (new.version, new.status, new.start_date, new.price_per_deed) == (2, "active", old.end_date, 3)


@time_machine.travel(NOW, tick=False)
def test_a_double_click_makes_one_version(partner_manager):
    contract = a_contract("per_deed")
    sent = changed_terms(contract, price_per_deed="3") | {"step": "confirm"}
    partner_manager.post(button_of(contract, "change-terms"), sent)
    again = said(partner_manager.post(button_of(contract, "change-terms"), sent))
    assert f"{contract} was changed already: {contract.reference} v2 follows it. Change that one." in again
    assert Contract.objects.count() == 2


@time_machine.travel(NOW, tick=False)
def test_one_goes_back_from_what_changes_with_what_was_typed(partner_manager):
    contract = a_contract("per_deed")
    sent = changed_terms(contract, price_per_deed="3.21") | {"step": "edit"}
    assert 'value="3.21"' in said(partner_manager.post(button_of(contract, "change-terms"), sent))
    assert Contract.objects.count() == 1


@time_machine.travel(NOW, tick=False)
def test_another_model_and_tiers_are_shown_as_what_changes(partner_manager):
    contract = a_contract("per_deed")
    sent = changed_terms(contract, pricing_model="hybrid", monthly_fee_cents="50", price_per_deed="")
    sent |= {"tier_mode": "volume", "tiers_up_to": ["100", ""], "tiers_unit_price": ["2", "1.5"], "step": "review"}
    page = said(partner_manager.post(button_of(contract, "change-terms"), sent))
    for shown in ("Fee and overage", "$50.00", "1\N{EN DASH}100: $2.00 · from 101: $1.50", "All units at the price"):
        assert shown in page
    assert "would have cost" not in page


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"start_date": "2026-10-01"}, "A new version starts after 2026-10-01."),
        ({"start_date": "2026-10-20"}, "October 2026 is billed and keeps its terms: start on 2026-11-01 or later."),
        ({"proration": "none", "start_date": "2026-11-15"}, "so both versions would bill it: start on the 1st."),
        ({"price_per_deed": ""}, "without a price per deed: enter it on the contract."),
        ({"tax_category": "AE"}, "Reverse charge needs the tax ids of both sides"),
        ({"billing_time_zone": "Asia/Tokyo"}, "give both the same time zone"),
        ({"end_date": "2026-11-30"}, "Refused by a rule: contract ends after it starts"),
    ],
)
def test_terms_that_cannot_be_agreed_are_refused_before_they_are_shown(partner_manager, changed, sentence):
    contract = a_contract("per_deed")
    use(contract.partner, 1)
    bill()
    sent = changed_terms(contract, **changed) | {"step": "review"}
    assert sentence in said(partner_manager.post(button_of(contract, "change-terms"), sent))


@pytest.mark.parametrize("role", ["Auditor", "Accountant", "Finance manager"])
def test_who_may_not_agree_changes_nothing(role):
    contract = a_contract("per_deed")
    answer = signed_in(someone(role)).post(button_of(contract, "change-terms"), {"step": "confirm"})
    assert answer.status_code == 403


def test_a_draft_and_an_ended_contract_offer_no_change(partner_manager):
    for status in ("draft", "ended"):
        page = said(partner_manager.get(page_of(a_contract("flat", status=status))))
        assert "change-terms" not in page
    assert "change-terms" in said(partner_manager.get(page_of(a_contract("flat"))))


def test_an_agreed_contract_tells_its_terms_and_versions(partner_manager):
    contract = a_contract("flat", maximum_cents=900_00, minimum_cents=100_00, discount_rate=Decimal("0.125"))
    page = said(partner_manager.get(page_of(contract)))
    for shown in ("Monthly fee", "$500.00", "Maximum of a month", "$900.00", "12.5 %", "By days of the month"):
        assert shown in page
    assert "$500.00 a month, less 12.5 %, at least $100.00, at most $900.00" in said(
        partner_manager.get("/admin/partners/contract/")
    )


# --- Purchase orders ---------------------------------------------------------------------------------------------


def test_an_order_is_entered_and_says_what_is_left(partner_manager):
    contract = a_contract("flat")
    sent = {
        "partner": contract.partner_id, "number": "PO-7", "currency": "USD", "amount_cents": "800.00",
        "start_date": "2026-10-01", "end_date": "", "product": "", "notes": "",
    }  # fmt: skip
    partner_manager.post("/admin/partners/purchaseorder/add/", sent)
    order = PurchaseOrder.objects.get()
    assert order.amount_cents == 800_00
    bill()
    for page in ("/admin/partners/purchaseorder/", page_of(order), page_of(contract), page_of(contract.partner)):
        assert "$300.00" in said(partner_manager.get(page))


def test_an_order_that_invoices_name_keeps_its_number(partner_manager):
    contract = a_contract("flat")
    order = PurchaseOrder.objects.create(partner=contract.partner, number="PO-7", currency="USD")
    bill()
    sent = {"number": "PO-8", "amount_cents": "499.99", "product": "", "notes": ""}
    answer = partner_manager.post(page_of(order), sent)
    assert "Purchase order PO-7 has not that much left." in said(answer)
    partner_manager.post(page_of(order), sent | {"amount_cents": "500.00"})
    order.refresh_from_db()
    assert (order.number, order.amount_cents) == ("PO-7", 500_00)


def test_an_order_shows_the_months_drawn_on_it_and_stays(partner_manager):
    contract = a_contract("flat")
    named, unnamed = (
        PurchaseOrder.objects.create(partner=contract.partner, number=number, currency="USD")
        for number in ("PO-7", "PO-8")
    )
    bill()
    page = said(partner_manager.get(page_of(named)))
    assert re.findall(r"Months billed on it|Delete purchase order", page) == ["Months billed on it"]
    assert (page.count("$500.00"), contract.billed_periods.get().invoice.invoice_number in page) == (2, True)
    assert re.findall(r"Months billed on it|Delete purchase order", said(partner_manager.get(page_of(unnamed)))) == [
        "Delete purchase order"
    ]


def test_a_price_below_zero_is_refused_by_the_name_of_its_field(partner_manager):
    contract = a_contract("per_deed")
    sent = changed_terms(contract, price_per_deed="-1") | {"step": "review"}
    assert "Price per deed is -1: write an exact number, not below zero." in said(
        partner_manager.post(button_of(contract, "change-terms"), sent)
    )


def test_a_contract_that_needs_an_order_says_that_none_is_known(partner_manager):
    contract = a_contract("flat", needs_purchase_order=True)
    assert "None is known: months are held until one is." in said(partner_manager.get(page_of(contract)))
