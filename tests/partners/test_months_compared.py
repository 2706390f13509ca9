"""A month is compared with the one before where both have one currency, all versions of a contract together."""

from __future__ import annotations

import datetime as dt

import pytest

from partners.models import BillingRun, BillingRunEntry, Contract
from partners.services import approve_run, build_run, change_contract, hold_entry, issue_run, release_entry
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, OCTOBER, ON, a_contract, bill, use

pytestmark = pytest.mark.django_db
SEPTEMBER = OCTOBER.previous_month()
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
MIDDLE = dt.date(2026, 10, 16)


def previewed(month=OCTOBER, now: dt.datetime = AFTER_OCTOBER) -> BillingRun:
    return build_run(period=month, now=now, by="ada")


def told(run: BillingRun) -> list[tuple[int, str]]:
    return list(run.flags.order_by("pk").values_list("entry__contract__version", "sentence"))


def figures(run: BillingRun) -> list[tuple[int, int | None]]:
    entries = BillingRunEntry.objects.filter(run=run).order_by("contract__version")
    return list(entries.values_list("total_cents", "previous_total_cents"))


def a_split_october(*, model: str = "flat", used: int = 0, **terms: object) -> Contract:
    """A contract whose October, after a whole September, is shared by two versions."""
    fee = {"monthly_fee_cents": 310_00, "proration": "days"} if model == "flat" else {}
    contract = a_contract(model, start_date=SEPTEMBER.start, **fee)
    if used:
        use(contract.partner, used, at="2026-09-15T12:00:00+00:00")
    bill(SEPTEMBER)
    change_contract(contract=contract, starts_on=MIDDLE, terms=terms or {"payment_terms_days": 14}, today=ON)
    return contract


def test_the_versions_of_a_split_month_are_compared_together():
    a_split_october()
    run = previewed()
    assert figures(run) == [(150_00, None), (160_00, None)]
    assert told(run) == []


def test_a_split_month_that_changed_is_told_once_at_its_last_version():
    a_split_october(monthly_fee_cents=620_00)
    assert told(previewed()) == [(2, "$470.00 on 2 versions after $310.00 in 2026-09: +51.6 %.")]


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_worked_out_anew_is_compared_with_the_others_of_its_run(version):
    a_split_october(monthly_fee_cents=620_00)
    run = previewed()
    entry = run.entries.get(contract__version=version)
    held = hold_entry(entry=entry, reason="Asked", now=AFTER_OCTOBER, by="ada")
    release_entry(entry=held, now=AFTER_OCTOBER, by="ada")
    assert told(run) == [(version, "$470.00 on 2 versions after $310.00 in 2026-09: +51.6 %.")]


def test_a_version_billed_after_the_other_is_compared_together_with_it():
    contract = a_split_october()
    run = previewed()
    hold_entry(entry=run.entries.get(contract=contract), reason="Asked", now=AFTER_OCTOBER, by="ada")
    issue_run(run=approve_run(run=run, now=AFTER_OCTOBER, by="grace"), on=ON, now=AFTER_OCTOBER, by="grace")
    later = previewed()
    assert (figures(later), told(later)) == ([(150_00, None)], [])


def test_usage_in_one_part_of_a_split_month_is_usage_of_the_month():
    contract = a_split_october(model="per_deed", used=10)
    use(contract.partner, 10, at="2026-10-02T12:00:00+00:00")
    assert told(previewed()) == []
    use(contract.partner, 4, at="2026-10-20T12:00:00+00:00")
    assert told(previewed()) == [(2, "$33.60 on 2 versions after $24.00 in 2026-09: +40.0 %.")]


def test_a_month_after_a_split_one_is_compared_with_both_parts():
    a_split_october()
    bill()
    run = previewed(NOVEMBER, AFTER_NOVEMBER)
    assert (figures(run), told(run)) == ([(310_00, 310_00)], [])


def test_another_currency_leaves_no_month_to_compare_with_and_is_told():
    contract = a_contract("flat")
    bill()
    changes = {"currency": "JPY", "monthly_fee_cents": 500_00}
    change_contract(contract=contract, starts_on=NOVEMBER.start, terms=changes, today=ON)
    run = previewed(NOVEMBER, AFTER_NOVEMBER)
    assert figures(run) == [(500_00, None)]
    assert told(run) == [(2, "¥50,000 after $500.00 in 2026-10: another currency.")]


def test_a_month_in_two_currencies_is_not_added_up_to_compare_with():
    a_split_october(currency="EUR")
    run = previewed()
    assert told(run) == [(2, "€160.00 and $150.00 on 2 versions after $310.00 in 2026-09: another currency.")]
    bill()
    run = previewed(NOVEMBER, AFTER_NOVEMBER)
    assert figures(run) == [(310_00, None)]
    assert told(run) == [(2, "€310.00 after €160.00 and $150.00 in 2026-10: another currency.")]
