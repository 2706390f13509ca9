"""A preview says what surprises, before anybody approves it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.models import BillingRun
from partners.services import build_run
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, OCTOBER, a_contract, a_partner, bill, use

pytestmark = pytest.mark.django_db
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
IN_NOVEMBER = "2026-11-03T00:00:00+00:00"


def november(**options) -> BillingRun:
    return build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada", **options)


def flags(run: BillingRun) -> set[tuple[str, str, str]]:
    return set(run.flags.values_list("partner__name", "kind", "sentence"))


def test_a_preview_flags_who_is_new_gone_changed_and_silent():
    steady, gone, more, silent = (a_partner(name) for name in ("Steady", "Gone", "More", "Silent"))
    a_contract("flat", partner=steady)
    a_contract("flat", partner=gone, end_date=dt.date(2026, 11, 1))
    a_contract(partner=more)
    a_contract("hybrid", partner=silent)
    use(more, 10)
    use(silent, 100)
    bill()
    use(more, 13, at=IN_NOVEMBER)
    a_contract("flat", partner=a_partner("New"), start_date=dt.date(2026, 11, 1))
    assert flags(november()) == {
        ("Gone", "gone", "Billed $500.00 for 2026-10, and nothing in this run."),
        ("More", "changed", "$31.20 after $24.00 in 2026-10: +30.0 %."),
        ("Silent", "zero_usage", "No deeds in 2026-11 after 100 deeds in 2026-10."),
        ("New", "new", "First month of this partner: $500.00."),
    }


def test_a_preview_flags_contracts_never_used_and_usage_nobody_agreed_on():
    idle, early = a_partner("Idle"), a_partner("Early")
    a_contract("per_request", partner=idle)
    a_contract("flat", partner=early, start_date=dt.date(2026, 10, 20))
    use(early, 3, at="2026-10-02T00:00:00+00:00")
    use(early, 4, at="2026-10-19T23:59:59+00:00")
    use(early, 9, at="2026-10-20T00:00:00+00:00")
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    assert {(name, kind, said) for name, kind, said in flags(run) if kind != "new"} == {
        ("Idle", "contract_without_usage", "No requests were ever counted since it began on 2026-10-01."),
        (
            "Early",
            "usage_without_contract",
            "7 deeds on 2 days without a contract, from 2026-10-02 to 2026-10-19: nobody will pay for them.",
        ),
    }
    assert run.flags.get(kind="usage_without_contract").entry is None


def test_the_usage_of_the_month_before_stands_beside_this_one():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 20, at=IN_NOVEMBER)
    entry = november().entries.get()
    assert (entry.previous_usage["deed"], entry.previous_total_cents, entry.total_cents) == ("10", 24_00, 48_00)


def test_each_run_may_choose_its_own_threshold(settings):
    contract = a_contract()
    use(contract.partner, 100)
    bill()
    use(contract.partner, 110, at=IN_NOVEMBER)
    assert flags(november()) == set()
    assert {kind for _, kind, _ in flags(november(change_percent=10))} == {"changed"}
    settings.PARTNER_RUN_CHANGE_PERCENT = 10
    assert {kind for _, kind, _ in flags(november())} == {"changed"}


def test_a_run_of_one_partner_tells_nothing_of_others():
    gone, other = a_contract("flat", end_date=dt.date(2026, 11, 1)), a_contract("flat")
    bill()
    assert {kind for _, kind, _ in flags(november())} == {"gone"}
    assert flags(november(partner=other.partner)) == set()
    assert gone.partner != other.partner


def test_flags_take_the_same_queries_for_one_contract_and_for_ten():
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            november()
        return len(captured)

    def a_surprising_contract():
        use(a_contract(price_per_deed=Decimal(3)).partner, 1)

    a_surprising_contract()
    bill()
    november()
    one = queries()
    for _ in range(9):
        a_surprising_contract()
    assert queries() == one


def test_late_usage_is_flagged_on_the_contract_that_carries_it():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    use(contract.partner, 10, at=IN_NOVEMBER)
    assert {sentence for _, kind, sentence in flags(november()) if kind == "late_usage"} == {
        "2026-10: 2 deeds counted after billing; the month comes to $28.80, billed were $24.00."
    }
