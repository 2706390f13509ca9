"""A mistyped filter is refused: it must not answer with everything, as if there were no filter."""

from __future__ import annotations

import pytest

from billing_site.kit.models import ServiceKey
from tests.books import an_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(client):
    key = ServiceKey.objects.create_key(name="dashboard", scopes=["*"])[1]
    return lambda path: client.get(path, headers={"Authorization": f"Api-Key {key}"})


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/v1/invoices", "status, currency, origin, customer, cursor, page_size"),
        ("/api/v1/payments", "status, currency, origin, customer, invoice, cursor, page_size"),
        ("/api/v1/revenue", "currency"),
        ("/admin/revenue", "currency"),
    ],
)
def test_an_unknown_parameter_is_named_with_the_known_ones(ask, path, known):
    answer = ask(f"{path}?curency=JPY")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"detail": f"Unknown parameter curency. Known here: {known}.", "parameter": "curency"}
    ]


def test_every_known_parameter_is_taken(ask):
    invoice = an_invoice("1.00")
    asked = f"status=open&currency=EUR&origin=native&customer={invoice.customer_id}&page_size=5"
    assert [row["id"] for row in ask(f"/api/v1/invoices?{asked}").json()["data"]] == [invoice.pk]
    assert ask("/admin/revenue?currency=JPY").status_code == 200


def test_who_may_not_come_in_is_told_nothing(client):
    assert client.get("/api/v1/invoices?curency=JPY").status_code == 401
