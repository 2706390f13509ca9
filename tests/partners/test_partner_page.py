"""A partner's page: the running month and where it is heading, contracts in time, usage by day, and the money."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing_site.kit.periods import Period
from partners.admin.panels.contracts import TimeAxis, axis_of
from partners.models import ApiUsage, Contract, PurchaseOrder
from partners.outlook import outlooks, projected, totals
from partners.services import Unpriceable
from tests.back_office import signed_in, someone
from tests.partners.agreements import OCTOBER, UTC, a_contract, a_partner, bill, use

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 11, 9, tzinfo=dt.UTC)  # ten full days of thirty


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def auditor():
    return signed_in(someone("Auditor"))


def page_of(partner) -> str:
    return reverse("admin:partners_partner_change", args=[partner.pk])


def shown(client, partner) -> str:
    answer = client.get(page_of(partner))
    assert answer.status_code == 200
    return answer.content.decode()


def count_days(partner, quantity: int, start: dt.date, days: int, meter: str = "deed", **fields) -> None:
    ApiUsage.objects.bulk_create(
        ApiUsage(
            partner=partner,
            day=start + dt.timedelta(days=offset),
            event_type=meter,
            requests=quantity,
            quantity=quantity,
            **fields,
        )
        for offset in range(days)
    )


# --- The running month -----------------------------------------------------------------------------------------------


def test_ten_days_of_thirty_are_projected_threefold_and_today_counts_only_so_far():
    contract = a_contract("per_deed")  # 2.40 a deed
    count_days(contract.partner, 5, dt.date(2026, 11, 1), 10)
    count_days(contract.partner, 7, dt.date(2026, 11, 11), 1)
    (found,) = outlooks(partner=contract.partner, now=NOW)
    assert (found.full_days, found.days) == (10, 30)
    assert (found.so_far.usage["deed"], found.so_far.total_cents) == (57, 136_80)
    assert (found.at_end.usage["deed"], found.at_end.total_cents) == (150, 360_00)


def test_a_projection_is_rated_as_the_month_will_be():
    contract = a_contract("hybrid", tax_rate=Decimal("0.19"))  # 500.00, 100 deeds included, then 0.40
    count_days(contract.partner, 8, dt.date(2026, 11, 1), 10)
    (found,) = outlooks(partner=contract.partner, now=NOW)
    assert (found.so_far.total_cents, found.at_end.total_cents) == (595_00, 661_64)  # 240 deeds: 140 beyond the fee


def test_yen_are_projected_in_yen(auditor):
    contract = a_contract("per_request", currency="JPY", price_per_1000_requests=Decimal(120))
    count_days(contract.partner, 10_000, dt.date(2026, 11, 1), 10, "request")
    (found,) = outlooks(partner=contract.partner, now=NOW)
    assert (found.so_far.total_cents, found.at_end.total_cents) == (12_000, 36_000)
    page = shown(auditor, contract.partner)
    assert "¥12,000" in page
    assert "¥36,000" in page
    assert "300,000 requests" in page


def test_a_contract_that_began_mid_month_is_projected_over_its_own_days():
    contract = a_contract("per_deed", start_date=dt.date(2026, 11, 6))
    count_days(contract.partner, 4, dt.date(2026, 11, 6), 5)
    (found,) = outlooks(partner=contract.partner, now=NOW)
    assert (found.full_days, found.days, found.at_end.usage["deed"]) == (5, 25, 100)


def test_before_the_first_full_day_there_is_no_projection(auditor, november):
    november.move_to(dt.datetime(2026, 11, 1, 23, tzinfo=dt.UTC))
    contract = a_contract("per_deed")
    use(contract.partner, 3, at="2026-11-01T12:00:00+00:00")
    (found,) = outlooks(partner=contract.partner, now=dt.datetime(2026, 11, 1, 23, tzinfo=dt.UTC))
    assert (found.so_far.total_cents, found.at_end) == (7_20, None)
    assert "A projection needs one full day." in shown(auditor, contract.partner)


def test_the_month_is_the_partners_own(november):
    november.move_to(at := dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC))  # still October in New York
    contract = a_contract("per_deed", zone="America/New_York")
    (found,) = outlooks(partner=contract.partner, now=at)
    assert (found.month.label(), found.full_days, found.days) == ("2026-10", 30, 31)


def test_late_usage_of_an_earlier_month_is_in_both_figures():
    contract = a_contract("per_deed")
    use(contract.partner, 10)
    bill(OCTOBER, dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC))
    use(contract.partner, 5)
    (found,) = outlooks(partner=contract.partner, now=NOW)
    assert (found.so_far.total_cents, found.at_end.total_cents) == (12_00, 12_00)


def test_a_contract_that_cannot_be_rated_says_why_and_hides_no_other(auditor):
    partner = a_partner("Hanse")
    Contract.objects.filter(pk=a_contract("flat", partner=partner).pk)
    broken = a_contract("per_deed", partner=partner, product="Deeds", zone="Europe/Berlin")
    found = outlooks(partner=partner, now=NOW)
    assert sorted(isinstance(one.so_far, Unpriceable) for one in found) == [False, True]
    page = shown(auditor, partner)
    assert f"but {broken} bills in Europe/Berlin" in page
    assert "$500.00" in page


def test_figures_of_two_currencies_are_never_added():
    partner = a_partner("Hanse")
    a_contract("flat", partner=partner)
    a_contract("flat", partner=partner, product="Reports", currency="EUR")
    found = totals([one.so_far for one in outlooks(partner=partner, now=NOW)])
    assert sorted(str(money) for money in found) == ["EUR 500.00", "USD 500.00"]


def test_a_projection_is_in_whole_units():
    assert projected({"deed": Decimal("2.5"), "request": Decimal(7)}, full_days=3, days=31) == {
        "deed": Decimal(26),
        "request": Decimal(72),
    }


# --- Contracts in time -----------------------------------------------------------------------------------------------


def test_a_time_line_spans_all_versions_and_its_places_are_exact():
    axis = TimeAxis(dt.date(2026, 1, 1), dt.date(2026, 4, 11), dt.date(2026, 3, 2))
    assert (axis.at(dt.date(2026, 1, 1)), axis.at(axis.today), axis.at(dt.date(2027, 1, 1))) == (
        "0.00%",
        "60.00%",
        "100.00%",
    )
    assert (axis.width(dt.date(2026, 1, 11), dt.date(2026, 1, 21)), axis.width(dt.date(2026, 1, 11), None)) == (
        "10.00%",
        "90.00%",
    )


def test_a_time_line_without_contracts_and_one_in_the_future_are_drawn():
    today = dt.date(2026, 11, 11)
    assert axis_of([], today=today).at(today) == "0.00%"
    future = Contract(start_date=dt.date(2027, 2, 1))
    assert axis_of([future], today=today).width(future.start_date, None) == "52.32%"


# --- The page --------------------------------------------------------------------------------------------------------


def test_a_partner_without_contract_and_usage_has_a_page(auditor):
    page = shown(auditor, a_partner("Hanse"))
    for said in (
        "No contract is in force this month.",
        "No contract yet.",
        "Nothing was used in the last 92 days.",
        "Nothing was invoiced yet.",
        "No key yet",
    ):
        assert said in page


def test_a_partner_with_three_years_of_history_has_a_page_of_the_same_queries(auditor):
    def cost(partner) -> int:
        shown(auditor, partner)
        with CaptureQueriesContext(connection) as queries:
            shown(auditor, partner)
        return len(queries)

    young, old = a_contract("per_deed"), a_contract("per_deed", start_date=dt.date(2023, 11, 1))
    count_days(young.partner, 1, dt.date(2026, 10, 1), 41)
    count_days(old.partner, 3, dt.date(2023, 11, 1), 1106)
    count_days(old.partner, 900, dt.date(2023, 11, 1), 1106, "request")
    month = Period.month(2023, 11, UTC)
    while month.start < dt.date(2026, 10, 1):
        bill(month, dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC))
        month = month.next_month()
    bill(OCTOBER, dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC))
    assert old.billed_periods.count() == 36
    assert cost(old.partner) == cost(young.partner)


def test_a_page_costs_the_same_with_one_contract_and_with_three(auditor):
    partner = a_partner("Hanse")

    def cost() -> int:
        shown(auditor, partner)
        with CaptureQueriesContext(connection) as queries:
            shown(auditor, partner)
        return len(queries)

    a_contract("flat", partner=partner)
    one = cost()
    for product in ("Reports", "Maps"):
        a_contract("flat", partner=partner, product=product)
    assert cost() == one


def test_each_bar_of_the_chart_tells_its_day(auditor):
    contract = a_contract("per_deed")
    count_days(contract.partner, 1234, dt.date(2026, 11, 3), 1)
    page = shown(auditor, contract.partner).replace("\N{NO-BREAK SPACE}", " ")
    assert "<title>Tue 3 Nov 2026: 1,234</title>" in page
    assert 'role="img" aria-label="Deed retrievals per day, last 92 days"' in page
    assert "most on 3 Nov 2026: 1,234" in page


def test_purchase_orders_stand_with_what_is_left_of_each(auditor):
    partner = a_partner("Hanse")
    PurchaseOrder.objects.create(partner=partner, number="PO-1", currency="EUR", amount_cents=500_00)
    page = shown(auditor, partner)
    assert "PO-1" in page
    assert page.count("€500.00") == 2  # its amount, and all of it left


def test_who_may_not_see_contracts_usage_or_invoices_sees_none_of_them(auditor):
    contract = a_contract("flat")
    count_days(contract.partner, 5, dt.date(2026, 11, 1), 3)
    page = shown(signed_in(someone("", "partners.view_partner")), contract.partner)
    for hidden in ("so far", "per day", "Balance", "Partner keys", str(contract)):
        assert hidden not in page
