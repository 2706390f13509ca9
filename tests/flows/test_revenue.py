"""Story 3 over real HTTP: revenue, exports and the read API, by key and by session."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing_site.kit.models import ServiceKey
from invoices.models import Customer, Seller
from invoices.services import NewLine, draft_invoice
from payments.enums import BillingCycle
from payments.models import Subscription
from tests.reporting import rows

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 10, 20, 12, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def october():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ask(client):
    """Ask as a machine whose key has these scopes."""

    def answer(path, *scopes, **query):
        _, written = ServiceKey.objects.create_key(name="dashboard", scopes=list(scopes))
        return client.get(path, query, headers={"Authorization": f"Api-Key {written}"})

    return answer


@pytest.fixture
def staff(client):
    def signed_in(role=None):
        user = get_user_model().objects.create_user("pat", password="pw", is_staff=True)
        if role:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def company():
    """Two months of dollars, one yen payment, one dinar payment, one subscription."""
    first = rows.payment(10000, "2026-09-10T12:00", fee=320, currency="USD")
    rows.payment(2999, "2026-10-10T12:00", fee=117, currency="USD")
    rows.refund(first, 4000, "2026-10-11T12:00")
    rows.cash(500, "2026-10-12T12:00", currency="JPY")
    rows.cash(1234, "2026-10-12T12:00", currency="KWD")
    Subscription.objects.create(
        customer=Customer.objects.create(name="Acme"),
        stripe_subscription_id="sub_1",
        status="active",
        currency="USD",
        mrr_cents=4999,
        billing_cycle=BillingCycle.MONTHLY,
        created_at=NOW,
    )


def test_revenue_has_exactly_the_documented_shape(ask, company):
    answer = ask("/admin/revenue", "reports:read")
    body = answer.json()
    assert list(body) == ["currency", "overview", "monthly_breakdown", "mrr_arr", "currencies"]
    assert body["currency"] == "USD"
    assert body["overview"] == {
        "total_revenue_cents": 12999,
        "monthly_revenue_cents": 2999,
        "stripe_fees_cents": 117,
        "refunds_cents": 4000,
        "net_monthly_revenue_cents": 2999 - 4000 - 117,
    }
    assert len(body["monthly_breakdown"]) == 12
    assert body["monthly_breakdown"][-2:] == [
        {"month": "2026-09", "revenue_cents": 10000, "revenue_dollars": 100.0},
        {"month": "2026-10", "revenue_cents": 2999, "revenue_dollars": 29.99},
    ]
    assert body["mrr_arr"] == {"mrr_cents": 4999, "mrr_dollars": 49.99, "arr_cents": 59988, "arr_dollars": 599.88}
    assert [other["currency"] for other in body["currencies"]] == ["JPY", "KWD"]
    assert set(body["currencies"][0]) == {"currency", "overview", "monthly_breakdown", "mrr_arr"}


def test_dollars_are_exact_numbers_in_the_digits_of_their_currency(ask, company):
    body = json.loads(ask("/admin/revenue", "reports:read").content, parse_float=str, parse_int=int)
    yen, dinars = (other["monthly_breakdown"][-1]["revenue_dollars"] for other in body["currencies"])
    assert (body["monthly_breakdown"][-1]["revenue_dollars"], yen, dinars) == ("29.99", 500, "1.234")


def test_huge_amounts_lose_no_digit(ask):
    rows.cash(9_007_199_254_740_993, "2026-10-12T12:00", currency="USD")
    body = json.loads(ask("/admin/revenue", "reports:read").content, parse_float=Decimal)
    assert body["monthly_breakdown"][-1]["revenue_dollars"] == Decimal("90071992547409.93")


def test_the_currency_asked_for_comes_first(ask, company):
    body = ask("/admin/revenue", "reports:read", currency="JPY").json()
    assert (body["currency"], body["overview"]["total_revenue_cents"]) == ("JPY", 500)
    assert [other["currency"] for other in body["currencies"]] == ["KWD", "USD"]


def test_a_currency_without_a_movement_is_zeros(ask):
    body = ask("/admin/revenue", "reports:read", currency="EUR").json()
    assert (body["overview"]["total_revenue_cents"], body["currencies"]) == (0, [])


@pytest.mark.parametrize("nonsense", ["EURO", "usd", "", "\x00"])
def test_an_unknown_currency_is_a_400_problem(ask, nonsense):
    answer = ask("/admin/revenue", "reports:read", currency=nonsense)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["parameter"] == "currency"


def test_the_api_and_the_admin_give_the_same_answer(ask, company):
    assert ask("/api/v1/revenue", "reports:read").content == ask("/admin/revenue", "reports:read").content


@pytest.mark.parametrize(
    "path", ["/admin/revenue", "/api/v1/revenue", "/admin/exports/payments.csv", "/api/v1/invoices", "/api/v1/payments"]
)
def test_nobody_is_401_and_a_key_without_the_scope_is_403(client, ask, path):
    anonymous = client.get(path)
    assert (anonymous.status_code, anonymous["Content-Type"]) == (401, "application/problem+json")
    wrong = client.get(path, headers={"Authorization": "Api-Key abcd1234." + "x" * 32})
    assert wrong.status_code == 401
    assert ask(path, "usage:write").status_code == 403
    assert ask(path, "*").status_code == 200


@pytest.mark.parametrize("path", ["/admin/revenue", "/admin/exports/payments.csv"])
def test_staff_need_the_permission(staff, path):
    client = staff()
    assert client.get(path).status_code == 403
    get_user_model().objects.get().groups.add(Group.objects.get(name="Auditor"))
    assert client.get(path).status_code == 200


def test_a_customer_who_signed_in_is_nobody_here(client):
    client.force_login(get_user_model().objects.create_user("guest"))
    assert client.get("/admin/revenue").status_code == 401


def test_a_browser_gets_the_answer_too(staff):
    assert staff("Auditor").get("/admin/revenue", headers={"Accept": "text/html"}).status_code == 200


def test_revenue_costs_the_same_queries_at_any_size(ask):
    counts = []
    for size in (1, 30):
        for _ in range(size):
            rows.payment(10000, "2026-10-05T10:00", fee=320, currency="USD")
        with CaptureQueriesContext(connection) as queries:
            ask("/admin/revenue", "reports:read")
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- payments.csv ------------------------------------------------------------------------------------------------


def read_csv(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_export_has_every_payment_with_its_columns(ask, company):
    answer = ask("/admin/exports/payments.csv", "exports:read")
    found = read_csv(answer)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "payments-2026-10-20.csv" in answer["Content-Disposition"]
    assert list(found[0])[:9] == [
        "id", "invoice_id", "user_id", "amount_cents", "currency", "status", "stripe_fee_cents", "net_amount_cents",
        "created_at",
    ]  # fmt: skip
    assert [(row["amount_cents"], row["currency"], row["net_amount_cents"]) for row in found] == [
        ("10000", "USD", "9680"), ("2999", "USD", "2882"), ("500", "JPY", ""), ("1234", "KWD", ""),
    ]  # fmt: skip
    assert found[0]["created_at"] == "2026-09-10T12:00:00.000000+00:00"


def test_the_export_filters_days_currency_and_status(ask, company):
    def amounts(**query):
        return [row["amount_cents"] for row in read_csv(ask("/admin/exports/payments.csv", "exports:read", **query))]

    assert amounts(**{"from": "2026-10-10", "to": "2026-10-10"}) == ["2999"]
    assert amounts(currency="JPY") == ["500"]
    assert amounts(status="failed") == []
    assert amounts(to="2026-09-30") == ["10000"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-10-02", "to": "2026-10-01"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"currency": "EURO"}, "currency"),
        ({"currency": "\x00"}, "currency"),
        ({"status": "lost"}, "status"),
        ({"since": "2026-10-01"}, "since"),
    ],
)
def test_a_senseless_filter_is_a_400_problem(ask, query, parameter):
    answer = ask("/admin/exports/payments.csv", "exports:read", **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["parameter"] == parameter


def test_text_of_the_export_never_becomes_a_formula(ask):
    rows.cash(100, "2026-10-12T12:00", user_id="=HYPERLINK(1)", reference="@evil")
    row = read_csv(ask("/admin/exports/payments.csv", "exports:read"))[0]
    assert (row["user_id"], row["reference"]) == ("'=HYPERLINK(1)", "'@evil")


# --- /api/v1/invoices and /api/v1/payments -----------------------------------------------------------------------


@pytest.fixture
def invoice():
    seller = Seller.objects.create(name="We", legal_name="We Ltd", address="Here", country="DE", email="we@example.com")
    lines = [NewLine(description="Deeds", quantity=Decimal(3), unit_price=Decimal("0.0196"))]
    return draft_invoice(
        customer=Customer.objects.create(name="Acme"), seller=seller, currency="USD", lines=lines, by="test"
    )


def test_an_invoice_shows_its_lines(ask, invoice):
    shown = ask(f"/api/v1/invoices/{invoice.pk}", "invoices:read").json()
    assert (shown["status"], shown["total_cents"], shown["currency"]) == ("draft", 6, "USD")
    assert [
        (line["description"], line["quantity"], line["unit_price"], line["amount_cents"])
        for line in shown["line_items"]
    ] == [("Deeds", "3", "0.0196", 6)]


def test_an_invoice_that_does_not_exist_is_a_404_problem(ask):
    answer = ask("/api/v1/invoices/999", "invoices:read")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_payments_come_in_pages_that_lose_nobody(ask, company):
    first = ask("/api/v1/payments", "payments:read", page_size=3).json()
    rest = ask(first["next"], "payments:read").json()
    assert [row["amount_cents"] for row in first["data"] + rest["data"]] == [10000, 2999, 500, 1234]
    assert rest["next"] is None


def test_one_payment_shows_fee_and_net(ask):
    paid = rows.payment(2999, "2026-10-10T12:00", fee=117, currency="USD")
    shown = ask(f"/api/v1/payments/{paid.pk}", "payments:read").json()
    assert (shown["amount_cents"], shown["stripe_fee_cents"], shown["net_amount_cents"]) == (2999, 117, 2882)


def test_a_list_filter_that_makes_no_sense_is_a_400_problem(ask):
    assert ask("/api/v1/payments", "payments:read", status="lost").status_code == 400
    assert ask("/api/v1/invoices", "invoices:read", customer="x").status_code == 400


def test_lists_cost_the_same_queries_at_any_length(ask, invoice):
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            ask("/api/v1/invoices", "invoices:read")
        counts.append(len(queries))
        draft_invoice(
            customer=invoice.customer,
            seller=invoice.seller,
            currency="USD",
            lines=[NewLine(description="More")],
            by="test",
        )
    assert counts[0] == counts[1]


def test_the_openapi_document_is_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))
    written = (tmp_path / "openapi.yaml").read_text()
    assert all(f"  {path}:" in written for path in ("/api/v1/revenue", "/api/v1/invoices/{id}", "/api/v1/payments"))
    assert "/admin/" not in written
