"""Files that a spreadsheet opens without harm, with amounts exact to the last digit."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing_site.kit.exports import cell, copy_csv, neutral, stream_csv
from billing_site.kit.exports.formats import TooManyRows, csv_lines, write_xlsx
from invoices.models import Invoice
from payments.models import Payment
from tests.books import NOW, a_customer, a_draft, an_invoice
from tests.kit.back_office_pages import InvoiceResource, PaymentResource


def read(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8"))))


def sheet_of(workbook: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        return parts.read("xl/worksheets/sheet1.xml").decode()


# --- Cells -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\N{FULLWIDTH EQUALS SIGN}1", "==2", "=cmd|' /C calc'!A0"],
)
def test_text_that_would_run_is_neutralised(text):
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ltd", "1-2", "a=b", "'quoted", " =1", "ünï"])
def test_other_text_is_left_as_it_is(text):
    assert neutral(text) == text


def test_numbers_stay_numbers_even_when_negative():
    assert cell(-5) == -5
    assert cell(Decimal("-0.019600000000")) == Decimal("-0.0196")
    assert cell(Decimal("100.000000000000")) == Decimal(100)


def test_what_is_absent_stays_empty_and_not_the_word_none():
    assert cell(None) is None
    assert b"".join(csv_lines([["a", "b"], [None, 1]])) == b"a,b\r\n,1\r\n"


def test_an_instant_carries_its_zone():
    assert cell(dt.datetime(2026, 10, 31, 23, 30, tzinfo=dt.UTC)) == "2026-10-31T23:30:00+00:00"


def test_a_workbook_holds_no_formula_and_no_rounded_number():
    out = io.BytesIO()
    write_xlsx([["note", "big", "rate", "absent"], ["'=1+1", 12345678901234567, Decimal("0.123456789012"), None]], out)
    sheet = sheet_of(out.getvalue())
    assert "<f>" not in sheet
    assert "<v>0.123456789012</v>" in sheet
    assert "<t>12345678901234567</t>" in sheet


def test_a_sheet_that_would_be_cut_off_is_refused(monkeypatch):
    monkeypatch.setattr("billing_site.kit.exports.formats._MOST_XLSX_ROWS", 2)
    with pytest.raises(TooManyRows):
        write_xlsx([["n"], [1], [2], [3]], io.BytesIO())


# --- Resources ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_minor_units_have_a_readable_twin_with_the_currencys_digits():
    for price, currency in (("12.50", "USD"), ("500", "JPY"), ("1.234", "KWD")):
        an_invoice(price, currency=currency)
    rows = read(b"".join(csv_lines(InvoiceResource().rows(Invoice.objects.order_by("id")))))
    assert [(row["total_cents"], row["total_amount"]) for row in rows] == [
        ("1250", "12.50"),
        ("500", "500"),
        ("1234", "1.234"),
    ]


@pytest.mark.django_db
def test_the_twin_stands_beside_its_minor_units():
    head = next(InvoiceResource().rows(Invoice.objects.all()))
    assert head[head.index("total_cents") + 1] == "total_amount"


@pytest.mark.django_db
def test_a_fee_is_written_in_the_currency_it_was_taken_in():
    Payment.objects.create(
        amount_cents=500,
        currency="JPY",
        status="succeeded",
        created_at=NOW,
        stripe_fee_cents=17,
        settlement_currency="USD",
        settlement_amount_cents=333,
        net_amount_cents=316,
    )
    row = read(b"".join(csv_lines(PaymentResource().rows(Payment.objects.all()))))[0]
    assert (row["amount_amount"], row["stripe_fee_amount"]) == ("500", "0.17")


@pytest.mark.django_db
def test_exporting_more_rows_costs_no_more_queries():
    for _ in range(3):
        an_invoice("1.00")
    with CaptureQueriesContext(connection) as asked:
        list(InvoiceResource().rows(Invoice.objects.select_related("customer")))
    assert len(asked) == 1


@pytest.mark.django_db
def test_a_hostile_name_is_harmless_in_any_format():
    a_draft("1.00", customer=a_customer(name="=HYPERLINK(1)", currency="EUR"))
    dataset = InvoiceResource().export(Invoice.objects.all())
    assert dataset.dict[0]["customer_name"] == "'=HYPERLINK(1)"


# --- COPY --------------------------------------------------------------------------------------------------------


COLUMNS = {
    "id": "id",
    "total_cents": "total_cents",
    "customer": "customer__name",
    "paid_at": "paid_at",
    "created_at": "created_at",
    "double": F("total_cents") * 2,
}


@pytest.mark.django_db
def test_copy_writes_what_the_rows_say():
    invoice = an_invoice("12.50", customer=a_customer(name='Grün, "Söhne"\nKG'))
    out = io.BytesIO()
    copy_csv(Invoice.objects.all(), COLUMNS, out)
    row = read(out.getvalue())[0]
    assert (row["id"], row["total_cents"], row["double"]) == (str(invoice.pk), "1250", "2500")
    assert row["customer"] == 'Grün, "Söhne"\nKG'
    assert row["paid_at"] == ""
    assert dt.datetime.fromisoformat(row["created_at"]) == invoice.created_at


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\N{FULLWIDTH EQUALS SIGN}1", "fine", "a=b", "%s", "it's", "\\"],
)
def test_copy_guards_text_as_the_cells_do(name):
    a_draft("1.00", customer=a_customer(name=name))
    row = read(b"".join(stream_csv(Invoice.objects.all(), COLUMNS)))[0]
    assert row["customer"] == neutral(name)


@pytest.mark.django_db
def test_copy_keeps_filters_and_order():
    an_invoice("1.00")
    wanted = [an_invoice(price, customer=a_customer(name="O'Brien")).pk for price in ("2.00", "3.00")]
    rows = read(b"".join(stream_csv(Invoice.objects.filter(customer__name="O'Brien").order_by("-id"), COLUMNS)))
    assert [int(row["id"]) for row in rows] == sorted(wanted, reverse=True)


@pytest.mark.django_db
def test_copy_of_nothing_is_a_head():
    assert b"".join(stream_csv(Invoice.objects.none(), {"id": "id"})) == b"id\r\n"


# --- The admin's buttons -----------------------------------------------------------------------------------------

pages = pytest.mark.urls("tests.kit.back_office_pages")
EXPORT = "admin:invoices_invoice_export"


def sent(file_format: int, **more):
    columns = {f"invoiceresource_{name}": "on" for name in InvoiceResource().get_export_order()}
    return {"format": file_format, "resource": "0", **columns, **more}


@pages
@pytest.mark.django_db
def test_the_list_is_exported_as_filtered(admin_client):
    a_draft("5.00")
    an_invoice("1.00")
    body = admin_client.post(reverse(EXPORT) + "?status__exact=open", sent(0)).getvalue()
    assert [row["total_amount"] for row in read(body)] == ["1.00"]


@pages
@pytest.mark.django_db
def test_only_chosen_columns_are_exported(admin_client):
    an_invoice("1.00")
    body = admin_client.post(
        reverse(EXPORT), {"format": 0, "resource": "0", "invoiceresource_total_amount": "on"}
    ).getvalue()
    assert body == b"total_amount\r\n1.00\r\n"


@pages
@pytest.mark.django_db
def test_a_workbook_comes_out_of_the_same_button(admin_client):
    an_invoice("1.00")
    answer = admin_client.post(reverse(EXPORT), sent(1))
    assert answer["Content-Disposition"].endswith('.xlsx"')
    assert "<v>1.00</v>" in sheet_of(answer.getvalue()) or "<v>1</v>" in sheet_of(answer.getvalue())


@pages
@pytest.mark.django_db
def test_selected_rows_are_exported_and_no_others(admin_client):
    chosen, _other = an_invoice("1.00"), an_invoice("2.00")
    asked = admin_client.post(
        reverse("admin:invoices_invoice_changelist") + "?status__exact=open",
        {
            "action": "export_selected",
            "index": 0,
            "_selected_action": [chosen.pk],
        },
    )
    assert "status__exact=open" in asked.context_data["export_url"]
    body = admin_client.post(asked.context_data["export_url"], sent(0, export_items=[chosen.pk])).getvalue()
    assert [row["total_amount"] for row in read(body)] == ["1.00"]


@pages
@pytest.mark.django_db
def test_who_may_not_see_may_not_export(client):
    user = User.objects.create_user("ada", password="x", is_staff=True)
    client.force_login(user)
    assert client.post(reverse(EXPORT), sent(0)).status_code == 403
    user.user_permissions.add(Permission.objects.get(content_type__app_label="invoices", codename="view_invoice"))
    assert client.post(reverse(EXPORT), sent(0)).status_code == 200


@pages
@pytest.mark.django_db
def test_the_export_page_offers_two_formats(admin_client):
    page = admin_client.get(reverse(EXPORT)).content.decode()
    assert ">csv<" in page
    assert ">xlsx<" in page
    assert "json" not in page.lower().split("<form", 1)[1].split("</form", 1)[0]
