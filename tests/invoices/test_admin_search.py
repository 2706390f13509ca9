"""An invoice is found by what a person has at hand; a discount is typed as it was agreed; notes may change."""

from __future__ import annotations

from decimal import Decimal

import pytest

from invoices.models import Invoice
from invoices.services import NotNotable, write_notes
from payments.models import Payment
from payments.services import record_manual_payment
from tests.back_office import a_stripe_invoice, signed_in, someone
from tests.books import NOW, a_customer, a_draft, a_seller, an_invoice
from tests.invoices.test_admin_invoices import LIST, button_of, page_of, typed
from tests.reporting import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


@pytest.fixture
def listed(manager):
    return lambda term: {row.pk for row in manager.get(LIST, {"q": term}).context["cl"].result_list}


# --- Search ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["1234.50", "1,234.50", "1234.5", " 1,234.50 ", "EUR 1234.50", "EUR1,234.50"])
def test_an_amount_is_found_however_it_is_written(listed, term):
    wanted = an_invoice("1234.50")
    an_invoice("1234.51")
    assert listed(term) == {wanted.pk}


def test_an_amount_is_read_in_the_digits_of_each_currency(listed):
    euro, yen, dinar = (an_invoice("1500", currency=code) for code in ("EUR", "JPY", "KWD"))
    an_invoice("15", currency="EUR")
    assert listed("1500") == {euro.pk, yen.pk, dinar.pk}
    assert listed("1,500.000") == {euro.pk, yen.pk, dinar.pk}
    assert listed("JPY 1500") == {yen.pk}
    assert listed("1500.001") == set()


def test_what_is_due_is_found_too(listed):
    invoice = an_invoice("100.00")
    record_manual_payment(
        customer=invoice.customer,
        amount_cents=3000,
        currency="EUR",
        received_at=NOW,
        method="bank transfer",
        reference="RF1",
        now=NOW,
        by="ada",
        invoice=invoice,
    )
    assert listed("70.00") == {invoice.pk}


def test_digits_are_a_number_as_well_as_an_amount(listed):
    by_number, by_amount = an_invoice("5.00"), an_invoice("1")
    assert by_number.invoice_number.endswith("1")
    assert listed("1") >= {by_number.pk, by_amount.pk}


@pytest.mark.parametrize(
    "term", ["12,50", "1e3", "-5", "9" * 30, "XXQ 5", "5.", "\N{ARABIC-INDIC DIGIT FIVE}", "in_", "zz_1"]
)
def test_what_is_no_amount_finds_nothing_and_breaks_nothing(listed, term):
    an_invoice("5.00")
    assert listed(term) == set()


def test_an_id_of_stripe_finds_its_invoice_by_its_shape(listed):
    invoice = a_stripe_invoice()
    other = a_stripe_invoice()
    payment = rows.payment(2900, "2026-10-30T08:00", customer=invoice.customer, invoice=invoice)
    Payment.objects.filter(pk=payment.pk).update(stripe_payment_intent_id="pi_wanted")
    assert listed(invoice.stripe_invoice_id) == {invoice.pk}
    assert listed(other.customer.stripe_customer_id) == {other.pk}
    assert listed("pi_wanted") == {invoice.pk}
    assert listed("pi_nothing") == set()


# --- Discounts and tax -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept", "total"),
    [
        ("10 %", (0, Decimal("0.1")), 9000),
        ("33.3333%", (0, Decimal("0.333333")), 6667),
        ("100%", (0, Decimal(1)), 0),
        ("12.50", (1250, Decimal(0)), 8750),
        ("", (0, Decimal(0)), 10000),
    ],
)
def test_a_line_is_discounted_by_an_amount_or_a_percentage(manager, written, kept, total):
    sent = typed(a_customer(), a_seller(), {"unit_price": "100", "discount": written})
    manager.post(f"{LIST}add/", sent)
    line = Invoice.objects.get(total_cents=total).lines.get()
    assert (line.discount_given_cents, line.discount_rate) == kept


def test_a_document_is_discounted_by_a_percentage_and_shows_it_again(manager):
    draft = a_draft("100.00", "50.00")
    first, second = draft.lines.all()
    lines = ({"id": first.pk, "unit_price": "100"}, {"id": second.pk, "unit_price": "50"})
    sent = typed(draft.customer, draft.seller, *lines, discount="10 %") | {"lines-INITIAL_FORMS": 2}
    manager.post(page_of(draft), sent)
    draft.refresh_from_db()
    assert (draft.discount_cents, draft.total_cents) == (1500, 13500)
    page = manager.get(page_of(draft)).content.decode()
    assert 'value="10 %"' in page
    assert manager.post(f"{LIST}sums/", sent).json()["sums"][1] == ["Discount", "-€15.00"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("101 %", "from 0 to 100"),
        ("-1 %", "Write a percentage"),
        ("%", "This field is required"),
        ("12,50", "Write an amount"),
        ("1.001", "EUR has 2 decimals"),
        ("ten", "Write an amount"),
    ],
)
def test_a_discount_that_could_mean_something_else_is_refused(manager, written, said):
    sent = typed(a_customer(), a_seller(), {"unit_price": "100", "discount": written})
    assert said in manager.post(f"{LIST}add/", sent).content.decode()
    assert not Invoice.objects.exists()


def test_a_line_says_why_it_is_not_taxed(manager):
    line = {"unit_price": "100", "tax_category": "AE"}
    manager.post(f"{LIST}add/", typed(a_customer(), a_seller(), line, tax_note="Reverse charge"))
    assert Invoice.objects.get().lines.get().tax_category == "AE"
    refused = manager.post(f"{LIST}add/", typed(a_customer(), a_seller(), line | {"tax_rate": "19"}))
    assert "every other category has none" in refused.content.decode()


# --- Notes -------------------------------------------------------------------------------------------------------


def test_notes_of_an_issued_invoice_change_and_nothing_else_does(manager):
    invoice = an_invoice("10.00")
    manager.post(button_of(invoice, "notes"), {"notes": "Paid by letter", "total_cents": "1"})
    changed = Invoice.objects.get(pk=invoice.pk)
    assert (changed.notes, changed.total_cents, changed.status) == ("Paid by letter", 1000, "open")
    assert "Paid by letter" in manager.get(page_of(invoice)).content.decode()


def test_who_may_not_change_invoices_writes_no_notes():
    invoice = an_invoice("10.00")
    assert signed_in(someone("Auditor")).post(button_of(invoice, "notes"), {"notes": "x"}).status_code == 403


def test_notes_of_drafts_and_of_stripes_invoices_are_not_written_here():
    for invoice in (a_draft("1.00"), a_stripe_invoice()):
        with pytest.raises(NotNotable, match="no issued invoice of ours"):
            write_notes(invoice=invoice, notes="x")
