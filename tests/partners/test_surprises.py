"""What surprises about a run is said in figures, and what does not surprise is not said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from billing_site.kit.money import Money
from partners.surprises import ContractMonth, GonePartner, RunFacts, UnagreedUsage, UndoneMonth, surprises


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def said(*contracts: ContractMonth, change_percent: int = 30, **facts: Any) -> list[tuple[str, str]]:
    given = RunFacts(month="2026-10", before="2026-09", contracts=contracts, **facts)
    return [(one.kind, one.sentence) for one in surprises(given, change_percent=change_percent)]


def a_month(**changed: Any) -> ContractMonth:
    given = {
        "contract_id": 1,
        "partner_id": 2,
        "begun": dt.date(2026, 3, 1),
        "is_new_partner": False,
        "total": usd(100_00),
        "previous": [usd(100_00)],
    }
    return ContractMonth(**given | changed)


@pytest.mark.parametrize(
    ("previous", "now", "sentence"),
    [
        (100_00, 129_99, None),
        (100_00, 130_00, "$130.00 after $100.00 in 2026-09: +30.0 %."),
        (100_00, 70_01, None),
        (100_00, 70_00, "$70.00 after $100.00 in 2026-09: -30.0 %."),
        (1_00, 1234_56, "$1,234.56 after $1.00 in 2026-09: +123,356.0 %."),
        (0, 5, "$0.05 after nothing in 2026-09."),
        (0, 0, None),
        (None, 5, None),
    ],
)
def test_a_change_of_thirty_per_cent_is_told(previous, now, sentence):
    one = a_month(previous=[] if previous is None else [usd(previous)], total=usd(now))
    assert said(one) == ([("changed", sentence)] if sentence else [])


def test_the_threshold_is_the_runs_own():
    one = a_month(total=usd(110_00))
    assert said(one, change_percent=11) == []
    assert said(one, change_percent=10) == [("changed", "$110.00 after $100.00 in 2026-09: +10.0 %.")]


def test_another_currency_is_a_change_and_no_percentage():
    one = a_month(total=Money(100_00, "EUR"))
    assert said(one) == [("changed", "€100.00 after $100.00 in 2026-09: another currency.")]


def test_a_new_partner_is_told_with_its_first_amount():
    assert said(a_month(is_new_partner=True, previous=[])) == [("new", "First month of this partner: $100.00.")]
    assert said(a_month(is_new_partner=True, previous=[], total=None)) == [("new", "First month of this partner.")]


def test_a_partner_that_is_gone_is_told_with_its_last_amounts():
    gone = GonePartner(partner_id=9, billed=[usd(5_00), Money(7, "JPY")])
    assert said(gone=[gone]) == [("gone", "Billed $5.00 and ¥7 for 2026-09, and nothing in this run.")]


def test_no_usage_after_usage_is_told_and_no_usage_as_ever_is_not():
    one = a_month(rates="deed", usage={"deed": Decimal(0)}, previous_usage={"deed": Decimal("1240.50")})
    assert said(one) == [("zero_usage", "No deeds in 2026-10 after 1,240.5 deeds in 2026-09.")]
    assert said(a_month(rates="deed", usage={"deed": Decimal(0)}, previous_usage={"deed": Decimal(0)})) == []
    assert said(a_month(rates="deed", usage={"deed": Decimal(1)}, previous_usage={"deed": Decimal(1)})) == []


def test_a_contract_that_was_never_used_is_told():
    one = a_month(rates="request", was_ever_used=False)
    assert said(one) == [("contract_without_usage", "No requests were ever counted since it began on 2026-03-01.")]


def test_usage_without_contract_is_told_with_days_and_quantity():
    day, last = dt.date(2026, 10, 3), dt.date(2026, 10, 9)
    used = [
        UnagreedUsage(partner_id=1, meter="deed", quantity=Decimal(1), days=1, first=day, last=day),
        UnagreedUsage(partner_id=1, meter="request", quantity=Decimal(31_000), days=4, first=day, last=last),
    ]
    assert [sentence for _, sentence in said(unagreed=used)] == [
        "1 deed on 1 day without a contract, on 2026-10-03: nobody will pay for them.",
        "31,000 requests on 4 days without a contract, from 2026-10-03 to 2026-10-09: nobody will pay for them.",
    ]


def test_late_usage_is_told_on_the_contract():
    assert said(a_month(late=["4 deeds of 2026-09 came late."])) == [("late_usage", "4 deeds of 2026-09 came late.")]


@pytest.mark.parametrize(("is_void", "fate"), [(True, "is void"), (False, "is credited in full")])
def test_a_month_that_nobody_billed_again_is_told_with_its_invoice(is_void, fate):
    month = {"contract_id": 1, "partner_id": 2, "month": "2026-09", "invoice": "PB-7", "total": usd(5_00)}
    told = [("undone", f"2026-09: PB-7 of $5.00 {fate}, and nobody billed the month again.")]
    assert said(undone=[UndoneMonth(is_void=is_void, **month)]) == told
