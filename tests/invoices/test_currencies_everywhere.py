"""Amounts of currencies without cents and with three digits, wherever a person or a machine reads them."""

from __future__ import annotations

import csv
import io
import subprocess
from decimal import Decimal

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from invoices.documents import preview_document
from tests.back_office import signed_in, someone
from tests.books import a_customer, an_invoice

pytestmark = pytest.mark.django_db
CASES = [("JPY", "500", 500, "¥500"), ("KWD", "1.234", 1234, "KWD 1.234")]
COLUMNS = ("currency", "total_cents", "total_amount")


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


def _invoice(currency, price):
    return an_invoice(price, currency=currency, customer=a_customer(currency=currency))


def _exported(manager, file_format):
    columns = {f"invoiceresource_{name}": "on" for name in COLUMNS}
    address = "/admin/invoices/invoice/export/"
    answer = manager.post(address, {"format": file_format, "resource": "0", **columns})
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize(("currency", "price", "cents", "shown"), CASES)
def test_the_list_and_the_page_show_the_digits_of_the_currency(manager, currency, price, cents, shown):
    invoice = _invoice(currency, price)
    page = reverse("admin:invoices_invoice_change", args=[invoice.pk])
    for address in ("/admin/invoices/invoice/", page):
        assert shown in manager.get(address).content.decode().replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("currency", "price", "cents", "shown"), CASES)
def test_spreadsheets_hold_minor_units_and_the_exact_amount(manager, currency, price, cents, shown):
    _invoice(currency, price)
    (row,) = csv.DictReader(io.StringIO(_exported(manager, "0").decode("utf-8-sig")))
    assert [row[name] for name in COLUMNS] == [currency, str(cents), price]
    head, cells = load_workbook(io.BytesIO(_exported(manager, "1"))).active.iter_rows(values_only=True)
    found = dict(zip(head, cells, strict=True))
    assert (found["total_cents"], Decimal(str(found["total_amount"]))) == (cents, Decimal(price))


@pytest.mark.parametrize(("currency", "price", "cents", "shown"), CASES)
def test_the_api_tells_minor_units(manager, currency, price, cents, shown):
    invoice = _invoice(currency, price)
    told = manager.get(f"/api/v1/invoices/{invoice.pk}").json()
    assert (told["currency"], told["total_cents"], told["line_items"][0]["amount_cents"]) == (currency, cents, cents)
    assert told["line_items"][0]["unit_price"] == price


@pytest.mark.needs("pdftotext")
@pytest.mark.parametrize(("currency", "price", "cents", "shown"), CASES)
def test_the_paper_prints_the_digits_of_the_currency(currency, price, cents, shown):
    paper = preview_document(invoice=_invoice(currency, price))
    text = subprocess.run(["pdftotext", "-", "-"], input=paper, capture_output=True, check=True).stdout.decode()
    assert shown in text.replace("\N{NO-BREAK SPACE}", " ")
