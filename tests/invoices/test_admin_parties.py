"""Sellers and customers as people enter them: what cannot be right is refused beside its field."""

from __future__ import annotations

import subprocess

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from invoices.documents import preview_document
from invoices.logos import logo_of
from invoices.models import Customer, Seller
from invoices.services import issue_invoice
from tests.back_office import signed_in, someone
from tests.books import NOW, TODAY, a_customer, a_draft, a_seller
from tests.invoices.test_identities import SVG, a_png

pytestmark = pytest.mark.django_db
SELLER = {
    "name": "Parcelbase",
    "legal_name": "Parcelbase GmbH",
    "address": "Torstraße 140\n10119 Berlin",
    "country": "DE",
    "email": "billing@parcelbase.example",
    "language": "en",
    "payment_terms_days": 14,
    "invoice_number_pattern": "INV-{year}-{seq:06}",
    "credit_note_number_pattern": "CN-{year}-{seq:06}",
}
CUSTOMER = {"name": "Nordkap", "currency": "EUR", "language": "en", "time_zone": "Europe/Berlin", "country": "DE"}
ADD_SELLER, ADD_CUSTOMER = "/admin/invoices/seller/add/", "/admin/invoices/customer/add/"


@pytest.fixture
def administrator():
    return signed_in(someone("Administrator"))


def page_of(row):
    return reverse(f"admin:invoices_{row._meta.model_name}_change", args=[row.pk])


def issued_this_year():
    return issue_invoice(invoice=a_draft("1.00"), on=timezone.localdate(), now=NOW, by="ada")


def errors_of(answer):
    return {field: said[0] for field, said in answer.context["adminform"].form.errors.items()}


def test_a_seller_is_kept_with_its_account_and_logo(administrator):
    logo = SimpleUploadedFile("logo.svg", SVG.format("").encode())
    bank = {"iban": "de89 3704 0044 0532 0130 00", "bic": "cobadeffxxx", "bank_details": "Sort code: 20-00-00\r\n\r\n"}
    administrator.post(ADD_SELLER, SELLER | bank | {"tax_id": "DE136695976", "logo": logo})
    seller = Seller.objects.get()
    assert (seller.iban, seller.bic) == ("DE89370400440532013000", "COBADEFFXXX")
    assert seller.bank_rows == [("Sort code", "20-00-00")]
    assert seller.logo_svg == SVG.format("")
    assert "data:image/svg+xml;base64," in administrator.get(page_of(seller)).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tax_id", "DE136695967", "no valid tax id of DE"),
        ("iban", "DE89370400440532013001", "no valid IBAN"),
        ("bic", "COBA", "no valid BIC"),
        ("bank_details", "021000021", "a label and a value a row"),
        ("country", "Germany", "not one of the available choices"),
        ("invoice_number_pattern", "INV-{year}", "Write {seq} once"),
        ("invoice_number_pattern", "{month}-{seq}", "{month} is no field"),
        ("credit_note_number_pattern", "INV-{year}-{seq}", "a pattern of its own"),
    ],
)
def test_what_a_seller_cannot_have_is_said_beside_it(administrator, field, value, said):
    answer = administrator.post(ADD_SELLER, SELLER | {field: value})
    assert said in errors_of(answer)[field]
    assert not Seller.objects.exists()


def test_a_logo_that_runs_something_is_refused(administrator):
    logo = SimpleUploadedFile("logo.svg", SVG.format("<script/>").encode())
    assert "contains &lt;script&gt;" in administrator.post(ADD_SELLER, SELLER | {"logo": logo}).content.decode()
    assert not Seller.objects.exists()


def test_a_logo_stays_is_replaced_and_goes(administrator):
    seller = a_seller(logo_svg=SVG.format(""))
    administrator.post(page_of(seller), SELLER)
    assert Seller.objects.get().logo_svg == SVG.format("")
    administrator.post(page_of(seller), SELLER | {"logo": SimpleUploadedFile("logo.png", a_png())})
    assert "data:image/png" in Seller.objects.get().logo_svg
    administrator.post(page_of(seller), SELLER | {"removes_logo": "on"})
    assert Seller.objects.get().logo_svg == ""


def test_an_issued_invoice_keeps_the_account_it_was_printed_with():
    seller = a_seller(iban="", bic="", bank_details="Routing number: 021000021\nAccount: 4711")
    invoice = issue_invoice(invoice=a_draft("10.00", seller=seller), on=TODAY, now=NOW, by="ada")
    assert invoice.sold_by["bank_details"] == [["Routing number", "021000021"], ["Account", "4711"]]


def test_a_pattern_shows_its_next_number_while_it_is_typed(administrator):
    invoice = issued_this_year()
    year = invoice.issue_date.year
    asked = {
        "seller": invoice.seller_id,
        "invoice_number_pattern": "X/{year}/{seq:04}",
        "credit_note_number_pattern": "y",
    }
    answer = administrator.post("/admin/invoices/seller/numbers/", asked).json()
    assert answer["invoice_number_pattern"] == f"X/{year}/0002"
    assert answer["credit_note_number_pattern"].startswith("Write {seq} once")
    assert signed_in(someone()).post("/admin/invoices/seller/numbers/", asked).status_code == 403


@pytest.mark.parametrize("seller", ["", "0", "x", "9" * 30])
def test_numbers_of_a_seller_that_is_not_there_begin_at_one(administrator, seller):
    asked = {"seller": seller, "invoice_number_pattern": "A{seq}", "credit_note_number_pattern": "C{seq}"}
    answer = administrator.post("/admin/invoices/seller/numbers/", asked).json()
    assert answer == {"invoice_number_pattern": "A1", "credit_note_number_pattern": "C1"}


def test_the_page_of_a_seller_names_its_next_numbers(administrator):
    invoice = issued_this_year()
    following = f"INV-{invoice.issue_date.year}-000002"
    assert following in administrator.get(page_of(invoice.seller)).content.decode()
    assert following in administrator.get("/admin/invoices/numberseries/").content.decode()


def test_a_customers_wrong_tax_id_is_refused(administrator):
    answer = administrator.post(ADD_CUSTOMER, CUSTOMER | {"tax_id": "DE136695967"})
    assert "look for a mistyped or swapped digit" in errors_of(answer)["tax_id"]
    assert not Customer.objects.exists()


@pytest.mark.parametrize(("country", "said"), [("UA", "no rule is known for ids of UA"), ("", "choose the country")])
def test_a_tax_id_nobody_can_check_is_kept_and_said(administrator, country, said):
    answer = administrator.post(ADD_CUSTOMER, CUSTOMER | {"tax_id": "123", "country": country}, follow=True)
    assert said in answer.content.decode()
    assert Customer.objects.get().tax_id == "123"


@pytest.mark.parametrize(("field", "value"), [("time_zone", "Berlin"), ("country", "Germany"), ("currency", "EURO")])
def test_places_and_currencies_are_chosen_not_made_up(administrator, field, value):
    assert field in errors_of(administrator.post(ADD_CUSTOMER, CUSTOMER | {field: value}))


def test_what_only_stripe_could_say_of_a_country_does_not_block_the_form(administrator):
    customer = a_customer(country="XX")
    administrator.post(page_of(customer), CUSTOMER | {"country": "XX", "name": "Changed"})
    assert Customer.objects.get().name == "Changed"


def test_a_paper_prints_the_other_details_and_a_png_logo(tmp_path):
    seller = a_seller(iban="", bic="", bank_details="Routing number: 021000021", logo_svg=logo_of(a_png(40, 10)))
    invoice = issue_invoice(invoice=a_draft("10.00", seller=seller, currency="USD"), on=TODAY, now=NOW, by="ada")
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(preview_document(invoice=invoice))
    words = subprocess.run(["pdftotext", "-layout", paper, "-"], capture_output=True, text=True, check=True).stdout
    pictures = subprocess.run(["pdfimages", "-list", paper], capture_output=True, text=True, check=True).stdout
    assert "Routing number" in words
    assert "021000021" in words
    assert " 40 " in pictures
