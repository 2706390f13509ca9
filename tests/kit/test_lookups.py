"""Many keys asked for in one parameter find what they find one by one."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from invoices.models import Customer, Invoice
from tests.books import a_draft

pytestmark = pytest.mark.django_db


def test_any_finds_what_in_finds():
    one, two, _ = (a_draft() for _ in range(3))
    assert set(Invoice.objects.filter(pk__any=[one.pk, two.pk, 0])) == {one, two}
    assert set(Invoice.objects.filter(customer__any={one.customer_id, two.customer_id})) >= {one, two}
    assert set(Customer.objects.filter(invoices__pk__any=[one.pk])) == {one.customer}
    assert set(Customer.objects.filter(invoices__any=[two.pk])) == {two.customer}
    assert not Invoice.objects.filter(pk__any=[]).exists()


def test_without_any_of_some_keys_the_others_are_found():
    one, two = a_draft(), a_draft()
    assert set(Invoice.objects.exclude(pk__any=[one.pk, None])) == {two}
    assert set(Invoice.objects.exclude(seller__any=[])) == {one, two}


def test_text_is_not_cut_to_fit_a_column():
    a_draft(currency="EUR")
    with pytest.raises(DatabaseError), transaction.atomic():
        Invoice.objects.filter(currency__any=["EURO"]).exists()


def test_a_thousand_keys_are_one_parameter():
    _, params = Invoice.objects.filter(pk__any=range(1000)).query.sql_with_params()
    assert params == (list(range(1000)),)
