"""What PostgreSQL and services say, as sentences."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import ProtectedError

from billing_site.kit.errors import Refused, sentence_of
from invoices.models import Customer, Invoice, NumberSeries
from payments.models import Payment
from tests.books import NOW, a_customer, a_seller, an_invoice

pytestmark = pytest.mark.django_db


class NotToday(Refused):
    """Come back tomorrow."""


def refusal(write) -> str:
    with pytest.raises((DatabaseError, ProtectedError)) as refused, transaction.atomic():
        write()
    return sentence_of(refused.value)


def test_a_service_speaks_for_itself():
    assert sentence_of(NotToday("Invoice 7 is paid.")) == "Invoice 7 is paid."
    assert sentence_of(NotToday()) == "Come back tomorrow."


def test_validators_speak_in_one_line():
    assert sentence_of(ValidationError(["One.", "Two."])) == "One. Two."


def test_a_second_row_with_the_same_key_names_the_key():
    seller = a_seller()
    NumberSeries.objects.create(seller=seller, kind="invoice", year=2026)
    said = refusal(lambda: NumberSeries.objects.create(seller=seller, kind="invoice", year=2026))
    assert said == f"There is one already: seller id {seller.pk}, kind invoice, year 2026."


def test_a_check_is_read_by_its_name():
    said = refusal(lambda: Payment.objects.create(amount_cents=5, currency="EUR", status="lost", created_at=NOW))
    assert said == "Refused by a rule of the database: payment status known."


def test_a_missing_value_is_named():
    said = refusal(lambda: Customer.objects.filter(pk=a_customer().pk).update(name=None))
    assert said == "Name must be given."


def test_what_is_issued_says_how_it_is_corrected():
    invoice = an_invoice("1.00")
    said = refusal(
        lambda: Invoice.objects.filter(pk=invoice.pk).update(total_cents=5, subtotal_cents=5, amount_due_cents=5)
    )
    assert "credit note" in said


def test_what_is_in_use_says_by_what():
    customer = an_invoice("1.00").customer
    assert refusal(customer.delete) == "It is still used by 1 invoice row, so it cannot be deleted."


def test_a_date_out_of_order_never_shows_a_traceback():
    invoice = an_invoice("1.00")
    said = refusal(
        lambda: Invoice.objects.filter(pk=invoice.pk).update(
            billing_period_start=NOW, billing_period_end=NOW - dt.timedelta(days=9)
        )
    )
    assert said
    assert "Traceback" not in said


def test_an_error_without_a_diagnosis_is_still_a_sentence():
    assert sentence_of(IntegrityError("odd")) == "The database refused this: odd"
