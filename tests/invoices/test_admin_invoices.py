"""Drafts are forms, issued invoices are read, and every button is one call of a service."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from invoices.models import CreditNote, Customer, Invoice, Seller
from tests.back_office import a_document, a_paid_invoice, a_stripe_invoice, signed_in, someone
from tests.books import a_customer, a_draft, a_seller, an_invoice

pytestmark = pytest.mark.django_db
LIST = "/admin/invoices/invoice/"


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


def page_of(row):
    return reverse(f"admin:invoices_{row._meta.model_name}_change", args=[row.pk])


def button_of(row, name):
    return f"{page_of(row).removesuffix('change/')}{name}/"


def pressed(client, row, name, reason="", **fields):
    asked = {
        "_selected_action": row.pk,
        "action": name.replace("-", "_"),
        "confirmed": "yes",
        "index": 0,
        "reason": reason,
    }
    return client.post(button_of(row, name), asked | fields)


def typed(customer, seller, *lines, **changed):
    sent = {
        "customer": customer.pk,
        "seller": seller.pk,
        "currency": "EUR",
        "payment_terms_days": 14,
        "rounding": "document",
        "language": "en",
        "lines-TOTAL_FORMS": len(lines),
        "lines-INITIAL_FORMS": 0,
        "lines-MIN_NUM_FORMS": 0,
        "lines-MAX_NUM_FORMS": 1000,
    }
    for n, line in enumerate(lines):
        given = {
            "description": f"Item {n}",
            "quantity": "1",
            "unit_price": "0",
            "tax_rate": "",
            "discount": "",
        }
        sent |= {f"lines-{n}-{name}": value for name, value in (given | line).items()}
    return sent | changed


def test_a_typed_draft_is_added_up_by_the_service(manager):
    sent = typed(a_customer(), a_seller(), {"quantity": "0.25", "unit_price": "26935.78", "tax_rate": "19"})
    answer = manager.post(f"{LIST}add/", sent)
    draft = Invoice.objects.get()
    assert answer.status_code == 302
    assert (draft.subtotal_cents, draft.tax_cents, draft.total_cents) == (673395, 127945, 801340)
    assert (draft.status, draft.payment_terms_days, draft.lines.get().tax_rate) == ("draft", 14, Decimal("0.19"))


@pytest.mark.parametrize(("chosen", "printed"), [("", "fr"), ("de", "de")])
def test_a_typed_draft_speaks_its_customers_language_unless_another_is_chosen(manager, chosen, printed):
    sent = typed(a_customer(language="fr"), a_seller(), {"unit_price": "1"}, language=chosen)
    manager.post(f"{LIST}add/", sent)
    assert Invoice.objects.get().language == printed
    assert manager.get(f"{LIST}add/").context["adminform"].form["language"].value() == ""


def test_a_draft_tells_its_sums_while_it_is_typed(manager):
    sent = typed(
        a_customer(), a_seller(), {"quantity": "2", "unit_price": "10.50", "tax_rate": "10"}, {"unit_price": "nonsense"}
    )
    answer = manager.post(f"{LIST}sums/", sent).json()
    assert answer == {
        "sums": [["Subtotal", "€21.00"], ["Tax", "€2.10"], ["Total", "€23.10"]],
        "lines": [[0, "€21.00", ""]],
    }
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    "changed", [{"currency": "XXQ"}, {"currency": ""}, {"lines-TOTAL_FORMS": "x"}, {"customer": "0"}]
)
def test_sums_of_what_cannot_be_read_are_no_fault(manager, changed):
    sent = typed(a_customer(), a_seller(), {"unit_price": "1"}) | changed
    assert manager.post(f"{LIST}sums/", sent).status_code == 200


def test_lines_of_a_draft_change_and_go(manager):
    draft = a_draft("10.00", "20.00")
    first, second = draft.lines.all()
    sent = typed(
        draft.customer,
        draft.seller,
        {"id": first.pk, "unit_price": "30"},
        {"id": second.pk, "DELETE": "on"},
        {"unit_price": "5"},
    )
    manager.post(page_of(draft), sent | {"lines-INITIAL_FORMS": 2})
    draft.refresh_from_db()
    assert draft.total_cents == 3500
    assert [line.amount_cents for line in draft.lines.all()] == [3000, 500]


def test_issue_asks_first_and_then_numbers(manager):
    draft = a_draft("10.00")
    assert "€10.00" in manager.get(button_of(draft, "issue")).content.decode()
    pressed(manager, draft, "issue")
    draft.refresh_from_db()
    assert (draft.status, bool(draft.invoice_number), draft.issue_date) == ("open", True, timezone.localdate())


def test_drafts_are_issued_together_and_a_refusal_is_told(manager):
    drafts = [a_draft("10.00"), a_draft("20.00"), a_draft()]
    asked = {"_selected_action": [draft.pk for draft in drafts], "action": "issue", "confirmed": "yes", "index": 0}
    said = manager.post(LIST, asked).content.decode()
    assert "has no lines; add one before issuing it" in said
    assert Invoice.objects.issued().count() == 2


def test_void_and_write_off_want_a_reason(manager):
    voided, written_off = an_invoice("10.00"), an_invoice("20.00")
    assert "Give a reason" in pressed(manager, voided, "void").content.decode()
    pressed(manager, voided, "void", reason="Wrong customer")
    pressed(manager, written_off, "write-off", reason="Insolvent")
    assert set(Invoice.objects.values_list("status", "amount_due_cents")) == {("void", 0), ("uncollectible", 0)}
    voided.refresh_from_db()
    assert voided.metadata["void_reason"] == "Wrong customer"


def test_a_duplicate_is_a_new_draft(manager):
    invoice = an_invoice("10.00")
    pressed(manager, invoice, "duplicate")
    assert Invoice.objects.drafts().get().total_cents == 1000


def test_what_has_no_seller_or_is_stripes_is_not_duplicated(manager):
    draft = a_draft("10.00")
    Invoice.objects.filter(pk=draft.pk).update(seller=None)
    assert "has no seller; choose one before" in pressed(manager, draft, "duplicate").content.decode()
    assert "duplicate them there" in pressed(manager, a_stripe_invoice(), "duplicate").content.decode()


def test_buttons_fit_the_state():
    manager = signed_in(someone("Finance manager"))

    def buttons(invoice):
        page = manager.get(page_of(invoice)).content.decode()
        return {
            name
            for name in ("issue", "void", "write-off", "duplicate", "issue-credit-note")
            if f"/{invoice.pk}/{name}/" in page
        }

    assert buttons(a_draft("1.00")) == {"issue", "duplicate"}
    assert buttons(an_invoice("1.00")) == {"void", "write-off", "duplicate", "issue-credit-note"}
    assert buttons(a_paid_invoice()) == {"duplicate", "issue-credit-note"}
    assert buttons(a_stripe_invoice()) == set()


@pytest.mark.parametrize("role", ["Auditor", "Accountant"])
def test_who_may_not_decide_presses_nothing(role):
    client, draft = signed_in(someone(role)), a_draft("10.00")
    assert pressed(client, draft, "issue").status_code == 403
    assert client.post(button_of(an_invoice("1.00"), "issue-credit-note"), {"reason": "x"}).status_code == 403
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_an_issued_invoice_is_read_only_with_lines_sums_and_paper(manager):
    invoice = a_paid_invoice()
    document = a_document(invoice)
    page = manager.get(page_of(invoice)).content.decode()
    assert "_save" not in page
    assert all(
        text in page for text in ("Item 1", "€119.00", "19 %", str(document.pk), "Placed on this invoice", "History")
    )
    manager.post(page_of(invoice), typed(invoice.customer, invoice.seller, {"unit_price": "1"}, notes="changed"))
    assert Invoice.objects.get(pk=invoice.pk).notes == ""


def test_stripes_invoice_is_read_only(manager):
    invoice = a_stripe_invoice()
    page = manager.get(page_of(invoice)).content.decode()
    assert "Stripe keeps the document" in page
    assert "_save" not in page


def test_an_issued_invoice_is_not_deleted_and_a_draft_is(manager):
    invoice, draft = an_invoice("1.00"), a_draft("1.00")
    assert manager.post(button_of(invoice, "delete"), {"post": "yes"}).status_code == 403
    manager.post(button_of(draft, "delete"), {"post": "yes"})
    assert list(Invoice.objects.all()) == [invoice]


def test_a_credit_note_takes_back_part_of_a_line_with_its_tax(manager):
    invoice = an_invoice("100.00", tax_rate=Decimal("0.19"))
    line = invoice.lines.get()
    manager.post(button_of(invoice, "issue-credit-note"), {f"line_{line.pk}": "10.00", "reason": "Price"})
    note = CreditNote.objects.get()
    invoice.refresh_from_db()
    assert (note.total_cents, note.reason, invoice.amount_due_cents) == (1190, "Price", 10710)


def test_what_a_credit_note_leaves_on_a_paid_invoice_becomes_a_credit(manager):
    invoice = a_paid_invoice()
    manager.post(button_of(invoice, "issue-credit-note"), {"is_whole": "on", "reason": "Returned"})
    credit = invoice.customer.credits.get()
    assert (credit.remaining_cents, credit.currency, credit.source) == (11900, "EUR", CreditNote.objects.get().number)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("100.01", "Take back at most €100.00"),
        ("", "Write an amount"),
        ("1.001", "EUR has 2 decimals"),
        ("-1", "Take back at most"),
        ("1e2", "Write an amount such as"),
    ],
)
def test_a_credit_note_refuses_what_makes_no_sense(manager, amount, said):
    invoice = an_invoice("100.00")
    answer = manager.post(
        button_of(invoice, "issue-credit-note"), {f"line_{invoice.lines.get().pk}": amount, "reason": "x"}
    )
    assert said in answer.content.decode()
    assert not CreditNote.objects.exists()


def test_views_filters_and_search_narrow_the_list(manager):
    a_draft("1.00")
    late = an_invoice("2.00", due_date=dt.date(2026, 1, 1))
    yen = an_invoice("300", currency="JPY", customer=a_customer(name="Kansai", currency="JPY"))

    def listed(query):
        return {row.pk for row in manager.get(f"{LIST}?{query}").context["cl"].result_list}

    assert late.pk in listed("view=overdue")
    assert yen.pk not in listed("currency=EUR")
    assert listed("q=Kansai") == {yen.pk}
    assert listed(f"q={late.invoice_number}") == {late.pk}
    assert len(listed("view=drafts")) == 1
    assert listed("issue_date_from=2026-11-01&issue_date_to=2026-11-01") == {late.pk, yen.pk}


def test_totals_are_per_currency(manager):
    an_invoice("2.00")
    an_invoice("3.00")
    an_invoice("300", currency="JPY")
    page = manager.get(LIST).content.decode()
    assert "€5.00" in page
    assert "¥300" in page


def test_totals_are_of_the_rows_that_are_filtered(manager):
    an_invoice("2.00", customer=a_customer(name="Kansai"))
    an_invoice("3.00")
    a_draft("7.00")
    yen = an_invoice("300", currency="JPY")

    def totals(query):
        found = manager.get(f"{LIST}?{query}").context["totals"]
        return [(row.currency, row.formatted) for row in found]

    assert totals("view=outstanding") == [("EUR", ["€5.00", "€0.00", "€5.00"]), ("JPY", ["¥300", "¥0", "¥300"])]
    assert totals("currency=JPY") == [("JPY", ["¥300", "¥0", "¥300"])]
    assert totals("q=Kansai") == [("EUR", ["€2.00", "€0.00", "€2.00"])]
    assert totals(f"q={yen.invoice_number}&view=drafts") == []


@pytest.mark.parametrize("name", ["void", "write_off"])
def test_a_selection_is_given_up_with_a_result_for_each_row(manager, name):
    rows = [an_invoice("10.00"), a_paid_invoice(), a_draft("1.00"), a_stripe_invoice(status="open")]
    asked = {"_selected_action": [row.pk for row in rows], "action": name, "confirmed": "yes", "reason": "x"}
    page = manager.post(LIST, asked | {"index": 0}).content.decode()
    assert "<strong>1</strong> done, <strong>3</strong> refused" in page
    assert page.count("only an open invoice of ours can be voided or written off") == 3


@pytest.mark.parametrize("file_format", ["0", "1"])
def test_the_list_is_exported_with_its_filter(manager, file_format):
    an_invoice("2.00")
    a_draft("9.00")
    columns = {
        f"invoiceresource_{name}": "on"
        for name in ("id", "invoice_number", "currency", "total_cents", "total_amount", "line_items")
    }
    answer = manager.post(f"{LIST}export/?view=outstanding", {"format": file_format, "resource": "0", **columns})
    content = b"".join(answer.streaming_content)
    assert answer.status_code == 200
    if file_format == "0":
        assert content.decode().count("\r\n") == 2
        assert "200,2.00" in content.decode()


def test_a_customer_is_added_and_changed(manager):
    sent = {"name": "Nordkap", "currency": "EUR", "language": "en", "time_zone": "UTC"}
    manager.post("/admin/invoices/customer/add/", sent)
    customer = Customer.objects.get()
    manager.post(page_of(customer), sent | {"name": "Nordkap GmbH"})
    customer.refresh_from_db()
    assert (customer.name, customer.stripe_customer_id) == ("Nordkap GmbH", None)


def test_what_stripe_says_of_its_customer_is_changed_there(manager):
    customer = a_customer(stripe_customer_id="cus_1")
    manager.post(
        page_of(customer),
        {
            "name": "Mine",
            "currency": "JPY",
            "country": "FR",
            "language": "de",
            "time_zone": "UTC",
            "tax_id": "DE136695976",
        },
    )
    said = (customer.name, customer.currency, customer.country)
    customer.refresh_from_db()
    assert (customer.name, customer.currency, customer.country) == said
    assert (customer.language, customer.tax_id) == ("de", "DE136695976")


def test_a_customer_shows_what_is_owed_and_held(manager):
    paid = a_paid_invoice()
    an_invoice("70.00", customer=paid.customer)
    page = manager.get(page_of(paid.customer)).content.decode()
    assert all(text in page for text in ("Outstanding", "€70.00", "Unapplied cash", "€5.00", "Payments"))


def test_only_the_administrator_settles_sellers():
    seller = a_seller()
    sent = {
        "name": "Parcelbase AG",
        "legal_name": "x",
        "address": "x",
        "country": "DE",
        "email": "a@b.example",
        "language": "en",
        "payment_terms_days": 7,
        "invoice_number_pattern": "A-{seq}",
        "credit_note_number_pattern": "C-{seq}",
    }
    assert signed_in(someone("Finance manager")).post(page_of(seller), sent).status_code == 403
    signed_in(someone("Administrator")).post(page_of(seller), sent)
    assert Seller.objects.get().name == "Parcelbase AG"


# --- Documents ---------------------------------------------------------------------------------------------------


def test_a_document_is_served_inline_to_those_who_may_see_it():
    document = a_document(an_invoice("1.00"), b"%PDF-1.7 seen")
    answer = signed_in(someone("Auditor")).get(reverse("document-file", args=[document.pk]))
    assert (answer.status_code, answer.content) == (200, b"%PDF-1.7 seen")
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("inline; filename=")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]


def test_a_document_is_not_served_to_others(client):
    address = reverse("document-file", args=[a_document(an_invoice("1.00")).pk])
    assert client.get(address).url.startswith("/admin/login/")
    assert signed_in(someone()).get(address).status_code == 403
    assert signed_in(someone("Auditor")).post(address).status_code == 405
    assert signed_in(someone("Auditor")).get(reverse("document-file", args=[uuid.uuid4()])).status_code == 404


def test_a_damaged_or_lost_document_is_said_to_be_so():
    document = a_document(an_invoice("1.00"), b"%PDF-1.7 whole")
    auditor, address = signed_in(someone("Auditor")), reverse("document-file", args=[document.pk])
    path = default_storage.path(document.file_name)
    default_storage.delete(document.file_name)
    assert auditor.get(address).status_code == 404
    assert default_storage.path(default_storage.save(document.file_name, ContentFile(b"%PDF-1.7 other"))) == path
    answer = auditor.get(address)
    assert answer.status_code == 500
    assert b"sha256" in answer.content


def test_a_draft_is_previewed_without_keeping_anything(manager):
    draft = a_draft("10.00")
    answer = manager.get(button_of(draft, "pdf"))
    assert answer.content.startswith(b"%PDF-")
    assert not draft.documents.exists()
