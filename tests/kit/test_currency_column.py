from __future__ import annotations

import pytest

from invoices.models import Customer
from payments.models import Payment
from tests.reporting import rows

pytestmark = pytest.mark.django_db


def test_many_rows_at_once_keep_their_whole_currency():
    Customer.objects.bulk_create([Customer(name="One", currency="USD"), Customer(name="Two", currency="JPY")])
    assert list(Customer.objects.order_by("pk").values_list("currency", flat=True)) == ["USD", "JPY"]


def test_no_settlement_currency_reads_back_as_nothing():
    rows.cash(100, "2026-10-14T12:00")
    assert Payment.objects.get().settlement_currency == ""
    assert Payment.objects.filter(settlement_currency="").exists()
