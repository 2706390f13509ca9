"""A contract changes by a new version: the old one ends, the new one is agreed, and billed months stay as they are."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, connections, transaction
from psycopg.sql import SQL, Identifier

from billing_site.kit.errors import Refused, sentence_of
from invoices.models import Customer, Invoice, Seller
from partners.models import BilledPeriod, Contract
from partners.pricing import rate, terms_from_json
from partners.services import (
    AlreadyChanged,
    MonthsAreBilled,
    NotADraftContract,
    NotInForceToChange,
    OverlapsAnother,
    SplitsAWholeMonth,
    TermsIncomplete,
    activate_contract,
    change_contract,
    terms_of,
)
from partners.services.what_if import last_month_on
from tests.partners.agreements import (
    AFTER_OCTOBER,
    NOVEMBER,
    OCTOBER,
    ON,
    a_contract,
    a_partner,
    a_seller,
    bill,
    use,
)

pytestmark = pytest.mark.django_db
DECEMBER_1 = dt.date(2026, 12, 1)
NEW_PRICE = {"price_per_deed": Decimal(3)}


def change(contract, starts_on=DECEMBER_1, **terms):
    return change_contract(contract=contract, starts_on=starts_on, terms=terms or NEW_PRICE, today=ON)


def versions():
    return list(Contract.objects.order_by("version").values_list("version", "status", "start_date", "end_date"))


# --- A new version -----------------------------------------------------------------------------------------------


def test_the_old_version_ends_when_the_new_one_starts():
    first = a_contract(included_deeds=10, minimum_cents=5_00)
    second = change(first)
    assert versions() == [
        (1, "active", dt.date(2026, 10, 1), DECEMBER_1),
        (2, "active", DECEMBER_1, None),
    ]
    assert (second.reference, second.price_per_deed) == (first.reference, Decimal(3))
    assert (second.included_deeds, second.minimum_cents) == (10, 5_00)


def test_a_version_that_starts_today_or_before_ends_the_old_one_at_once():
    change(a_contract("flat"), starts_on=ON, monthly_fee_cents=1_00)
    assert [status for _, status, *_ in versions()] == ["ended", "active"]


def test_the_end_of_a_contract_is_that_of_its_last_version():
    until = dt.date(2027, 4, 1)
    assert change(a_contract(end_date=until)).end_date == until
    assert change(a_contract(end_date=DECEMBER_1)).end_date is None


def test_each_version_bills_its_own_days():
    contract = a_contract("flat", monthly_fee_cents=310_00)
    change(contract, starts_on=dt.date(2026, 10, 11), monthly_fee_cents=620_00)
    bill()
    assert sorted(Invoice.objects.values_list("total_cents", flat=True)) == [100_00, 420_00]


def test_a_contract_is_changed_once():
    contract = a_contract()
    second = change(contract)
    with pytest.raises(AlreadyChanged, match=f"{second} follows it. Change that one."):
        change(contract)
    assert len(versions()) == 2


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_make_one_version():
    contract, start = a_contract(), threading.Barrier(2)

    def press(_):
        try:
            start.wait()
            return str(change(contract))
        except Refused as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as people:
        told = sorted(people.map(press, range(2)))
    assert told == ["AlreadyChanged", f"{contract.reference} v2"]
    assert len(versions()) == 2


def test_a_billed_month_keeps_the_terms_it_was_billed_with():
    contract = a_contract("per_deed")
    use(contract.partner, 100)
    bill()
    with pytest.raises(MonthsAreBilled, match="October 2026 is billed and keeps its terms: start on 2026-11-01"):
        change(contract, starts_on=dt.date(2026, 10, 15))
    change(contract, starts_on=NOVEMBER.start, price_per_deed=Decimal(9), discount_rate=Decimal("0.5"))
    billed = BilledPeriod.objects.get()
    terms, proration = terms_from_json(billed.terms)
    (line,) = rate(terms, {"deed": Decimal(billed.usage["deed"])}, proration)
    assert line.amount_cents == billed.invoice.total_cents == 240_00


@pytest.mark.parametrize("day", ["2026-09-01", "2026-10-01", "2026-12-02"])
def test_a_version_starts_on_a_day_of_the_one_in_force(day):
    contract = a_contract(end_date=DECEMBER_1)
    with pytest.raises(NotInForceToChange, match="A new version starts after 2026-10-01 and not after 2026-12-01"):
        change(contract, starts_on=dt.date.fromisoformat(day))


def test_a_draft_is_changed_on_its_own_page():
    with pytest.raises(NotInForceToChange, match="is a draft: change it on its own page"):
        change(a_contract(status="draft"))


@pytest.mark.parametrize(("before", "after"), [("none", "days"), ("days", "none"), ("none", "none")])
def test_a_month_that_is_billed_whole_is_not_split(before, after):
    contract = a_contract("flat", proration=before)
    with pytest.raises(SplitsAWholeMonth, match="both versions would bill it: start on the 1st"):
        change(contract, starts_on=dt.date(2026, 11, 15), proration=after)
    change(contract, starts_on=DECEMBER_1, proration=after)


def test_new_terms_that_could_not_be_billed_change_nothing():
    contract = a_contract()
    with pytest.raises(TermsIncomplete, match="without a price per deed"):
        change(contract, price_per_deed=None)
    assert versions() == [(1, "active", dt.date(2026, 10, 1), None)]


# --- What a month would have cost --------------------------------------------------------------------------------


def test_the_last_billed_month_is_rated_on_the_new_terms():
    contract = a_contract()
    use(contract.partner, 100)
    bill()
    contract.price_per_deed, contract.minimum_cents = Decimal(2), 210_00
    found = last_month_on(contract)
    assert [cost.cents for cost in found.costs] == [240_00, 210_00]
    assert [line.kind for line in found.after] == ["usage", "minimum"]


def test_no_month_is_compared_before_one_is_billed_or_across_currencies():
    contract = a_contract("flat")
    assert last_month_on(contract) is None
    bill()
    contract.currency = "EUR"
    assert last_month_on(contract) is None


# --- What is agreed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"price_per_deed": None}, "A per_deed contract cannot be billed without a price per deed"),
        ({"tiers": [{"up_to": 5, "unit_price": "1"}], "price_per_deed": None}, "The last tier ends at 5"),
        ({"tiers": [{"unit_price": 1.5}], "price_per_deed": None}, "Each tier has an end"),
        ({"tiers": [{"unit_price": "1"}]}, "one price or tiers of prices"),
        ({"billing_time_zone": "Mars/Olympus"}, "which does not exist"),
        ({"billing_time_zone": "Asia/Tokyo"}, "give both the same time zone"),
        ({"tax_category": "AE"}, "Reverse charge needs the tax ids of both sides"),
        ({"tax_category": "E"}, "says in its tax note which law exempts it"),
    ],
)
def test_a_draft_that_could_not_be_billed_is_not_agreed_and_says_why(terms, sentence):
    draft = a_contract(status="draft", **terms)
    with pytest.raises(Refused, match=sentence):
        activate_contract(contract=draft)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_packages_that_count_whole_need_tiers_of_whole_packages():
    tiers = [{"up_to": 1500, "unit_price": "2"}, {"up_to": None, "unit_price": "1"}]
    draft = a_contract("per_request", status="draft", price_per_1000_requests=None, tiers=tiers)
    with pytest.raises(TermsIncomplete, match="A tier ends at 1,500, inside a package of 1,000"):
        activate_contract(contract=draft)
    draft.rounding = "exact"
    draft.save()
    assert activate_contract(contract=draft).status == "active"


def test_reverse_charge_is_agreed_once_both_have_a_tax_id():
    draft = a_contract("flat", status="draft", tax_category="AE")
    Customer.objects.update(tax_id="ATU00000024")
    Seller.objects.update(tax_id="DE299999993")
    assert activate_contract(contract=draft).status == "active"
    with pytest.raises(NotADraftContract):
        activate_contract(contract=draft)


def test_a_partner_has_one_contract_for_a_product_and_one_for_a_meter():
    partner = a_partner()
    deeds = a_contract(partner=partner, product="Deeds")
    refused = a_contract("hybrid", partner=partner, product="More deeds", status="draft")
    with pytest.raises(OverlapsAnother, match=f"has {deeds} that rates its deeds from 2026-10-01 without an end"):
        activate_contract(contract=refused)
    again = a_contract("per_request", partner=partner, product="Deeds", status="draft")
    with pytest.raises(OverlapsAnother, match=f"has {deeds} for Deeds from"):
        activate_contract(contract=again)
    for model, product in (("per_request", "API"), ("flat", "Support")):
        activate_contract(contract=a_contract(model, partner=partner, product=product, status="draft"))


@pytest.mark.parametrize(
    ("models", "products", "constraint"),
    [
        (("flat", "per_deed"), ("API", "API"), "The partner has a contract for this product on some of these days."),
        (("hybrid", "per_deed"), ("A", "B"), "Another contract of the partner rates its deeds on some of these days."),
        (
            ("per_request", "per_request"),
            ("A", "B"),
            "Another contract of the partner rates its requests on some of these days.",
        ),
    ],
)
def test_postgresql_refuses_what_overlaps_in_the_same_words(models, products, constraint):
    partner = a_partner()
    a_contract(models[0], partner=partner, product=products[0], end_date=dt.date(2026, 11, 2))
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        a_contract(models[1], partner=partner, product=products[1], start_date=dt.date(2026, 11, 1))
    assert sentence_of(refused.value) == constraint
    a_contract(models[1], partner=partner, product=products[1], start_date=dt.date(2026, 11, 2))


# --- Agreed terms are kept ---------------------------------------------------------------------------------------

_UPDATE = "UPDATE api_partner_contracts SET {} = %s WHERE id = %s"
MAY_CHANGE = {"id", "status", "end_date", "needs_purchase_order", "updated_at"}
OTHER = {
    "pricing_model": "flat", "currency": "EUR", "monthly_fee_cents": 1, "price_per_deed": "9", "included_deeds": 7,
    "price_per_1000_requests": "9", "included_requests": 7, "rounding": "exact", "tier_mode": "volume",
    "tiers": '[{"unit_price": "1"}]', "discount_rate": "0.5", "minimum_cents": 1, "maximum_cents": 10**6,
    "proration": "none", "tax_rate": "0.07", "tax_category": "AE", "tax_note": "x", "payment_terms_days": 7,
    "billing_time_zone": "Asia/Tokyo", "start_date": "2026-09-01", "reference": "other", "version": 9, "product": "x",
    "created_at": "2020-01-01T00:00:00+00:00",
}  # fmt: skip
KEPT = [field.name for field in Contract._meta.concrete_fields if field.name not in MAY_CHANGE]


def _other(column):
    if column == "partner":
        return a_partner().pk
    return a_seller(name="Other", legal_name="Other Inc.").pk if column == "seller" else OTHER[column]


@pytest.mark.parametrize("column", KEPT)
def test_no_column_of_an_agreed_contract_changes_by_orm_or_sql(column):
    contract = a_contract()
    other, name = _other(column), Contract._meta.get_field(column).column
    with pytest.raises(DatabaseError) as by_sql, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SQL(_UPDATE).format(Identifier(name)), [other, contract.pk])
    value = [{"unit_price": "1"}] if column == "tiers" else other
    with pytest.raises(DatabaseError) as by_orm, transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(**{name: value})
    said = f"Contract {contract.reference} version 1 is agreed and keeps its terms. End it and add a new version."
    assert [sentence_of(refused.value) for refused in (by_sql, by_orm)] == [said, said]


def test_a_draft_may_still_change_and_be_deleted():
    draft = a_contract(status="draft")
    draft.price_per_deed = Decimal(9)
    draft.save()
    draft.delete()
    assert not Contract.objects.exists()


def test_terms_are_read_from_every_column():
    contract = a_contract(
        "per_request",
        price_per_1000_requests=None,
        tiers=[{"up_to": 5000, "unit_price": "2"}, {"up_to": None, "unit_price": "1.5"}],
        tier_mode="volume",
        included_requests=100,
        rounding="exact",
        discount_rate=Decimal("0.1"),
        minimum_cents=1_00,
        maximum_cents=9_00,
    )
    contract.refresh_from_db()
    terms = terms_of(contract)
    assert [(tier.up_to, tier.unit_price) for tier in terms.tiers] == [(5000, 2), (None, Decimal("1.5"))]
    assert (terms.tier_mode, terms.included, terms.rounding) == ("volume", 100, "exact")
    assert (terms.discount_rate, terms.minimum_cents, terms.maximum_cents) == (Decimal("0.1"), 1_00, 9_00)


def test_october_and_november_of_a_changed_contract_are_billed_on_their_own_terms():
    contract = a_contract("flat")
    bill()
    change(contract, starts_on=NOVEMBER.start, monthly_fee_cents=700_00)
    bill(NOVEMBER, dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC))
    assert list(Invoice.objects.order_by("pk").values_list("total_cents", flat=True)) == [500_00, 700_00]
    assert {OCTOBER.start, NOVEMBER.start} == set(BilledPeriod.objects.values_list("period_start", flat=True))
    assert AFTER_OCTOBER.date() == ON
