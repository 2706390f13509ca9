"""What a contract may say, kept by PostgreSQL, and that no contract goes unbilled in silence."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from billing_site.kit.errors import sentence_of
from partners.models import Contract
from partners.services import terms_of
from partners.terms import ContractWithoutPrice, Flat, Hybrid, PerDeed, PerRequest
from tests.partners.agreements import NOVEMBER, OCTOBER, a_contract, a_partner, bill

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "shape"), [("flat", Flat), ("per_deed", PerDeed), ("hybrid", Hybrid), ("per_request", PerRequest)]
)
def test_terms_are_read_as_agreed(model, shape):
    assert type(terms_of(a_contract(model))) is shape


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("flat", {"monthly_fee_cents": 0}),
        ("per_deed", {"price_per_deed": None}),
        ("hybrid", {"price_per_deed": None}),
        ("per_request", {"price_per_1000_requests": None}),
    ],
)
def test_a_contract_without_its_price_stays_a_draft(model, missing):
    with pytest.raises(DatabaseError, match="contract_has_its_price"), transaction.atomic():
        a_contract(model, **missing)
    draft = a_contract(model, status="draft", **missing)
    with pytest.raises(ContractWithoutPrice):
        terms_of(draft)


def test_contracts_of_a_partner_never_overlap():
    partner = a_partner()
    a_contract(partner=partner, end_date=dt.date(2026, 11, 1))
    with pytest.raises(DatabaseError, match="contracts_of_a_partner_never_overlap"), transaction.atomic():
        a_contract(partner=partner, start_date=dt.date(2026, 10, 31))
    a_contract(partner=partner, start_date=dt.date(2026, 11, 1))


def test_agreed_terms_are_never_changed_but_ended():
    contract = a_contract("flat")
    contract.monthly_fee_cents = 1
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        contract.save()
    assert sentence_of(refused.value).endswith("is agreed and keeps its terms. End it and add a new version.")
    Contract.objects.filter(pk=contract.pk).update(end_date=dt.date(2026, 12, 1), status="ended")


def test_contracts_wait_for_their_months_and_no_longer():
    first = a_contract("flat", end_date=dt.date(2026, 11, 1))
    second = a_contract("flat", start_date=dt.date(2026, 10, 31))
    draft = a_contract("flat", status="draft")
    months = [Contract.objects.unbilled(start=month.start, end=month.end) for month in (OCTOBER, NOVEMBER)]
    assert [list(month) for month in months] == [[first, second], [second]]
    bill()
    assert [list(month.all()) for month in months] == [[], [second]]
    assert draft not in months[0]
