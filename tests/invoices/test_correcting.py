"""Void, write-off and credit notes: nothing issued changes, and no more comes back than was asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from invoices.enums import InvoiceStatus
from invoices.services import (
    CreditExceedsInvoice,
    CreditLine,
    NewLine,
    NotOpen,
    SomethingWasPaid,
    draft_invoice,
    issue_credit_note,
    issue_invoice,
    settle_invoice,
    void_invoice,
    write_off_invoice,
)
from payments.services import record_manual_payment, reverse_allocation
from tests.books import NOW, TODAY, a_customer, a_seller, an_invoice

pytestmark = pytest.mark.django_db


def _credit(invoice, cents, **more):
    line = CreditLine(description="Price corrected", amount_cents=cents, **more)
    return issue_credit_note(invoice=invoice, lines=[line], reason="wrong price", on=TODAY, now=NOW, by="ada")


def _pay(invoice, cents):
    return record_manual_payment(
        customer=invoice.customer, amount_cents=cents, currency=invoice.currency, received_at=NOW,
        method="bank transfer", reference="statement 7", now=NOW, by="ada", invoice=invoice,
    )  # fmt: skip


def test_a_void_invoice_keeps_its_number_and_owes_nothing():
    invoice = void_invoice(invoice=an_invoice("100.00"), now=NOW, by="ada", reason="sent twice")
    assert (invoice.invoice_number, invoice.status, invoice.amount_due_cents) == (
        "INV-2026-000001",
        InvoiceStatus.VOID,
        0,
    )


def test_a_partly_paid_invoice_is_not_voided():
    invoice = an_invoice("100.00")
    _pay(invoice, 1)
    with pytest.raises(SomethingWasPaid, match="write a credit note"):
        void_invoice(invoice=invoice, now=NOW, by="ada", reason="sent twice")


def test_a_write_off_gives_up_exactly_what_was_due():
    invoice = an_invoice("100.00")
    _pay(invoice, 4000)
    written = write_off_invoice(invoice=invoice, now=NOW, by="ada", reason="insolvent")
    assert (written.status, written.written_off_cents, written.amount_due_cents) == (
        InvoiceStatus.UNCOLLECTIBLE,
        6000,
        0,
    )


def test_a_void_invoice_is_not_voided_again():
    invoice = void_invoice(invoice=an_invoice("1.00"), now=NOW, by="ada", reason="x")
    with pytest.raises(NotOpen, match="is void"):
        void_invoice(invoice=invoice, now=NOW, by="ada", reason="x")


def test_a_wrong_price_is_credited_and_the_number_stays():
    lines = [
        NewLine(description="Platform", unit_price=Decimal(500), tax_rate=Decimal("0.19")),
        NewLine(description="Deeds", quantity=Decimal(11_345), unit_price=Decimal("0.40"), tax_rate=Decimal("0.19")),
    ]
    draft = draft_invoice(customer=a_customer(), seller=a_seller(), currency="EUR", lines=lines, by="ada")
    invoice = issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")
    assert invoice.total_cents == 5_995_22
    _pay(invoice, 3_000_00)
    note = _credit(invoice, 567_25, tax_rate=Decimal("0.19"))
    invoice.refresh_from_db()
    assert (note.tax_cents, note.total_cents) == (107_78, 675_03)
    assert (invoice.amount_due_cents, invoice.invoice_number) == (2_320_19, "INV-2026-000001")


def test_credit_notes_never_exceed_the_invoice_by_one_cent():
    invoice = an_invoice("100.00")
    _credit(invoice, 99_99)
    with pytest.raises(CreditExceedsInvoice, match=r"at most €0\.01"):
        _credit(invoice, 2)
    _credit(invoice, 1)


def test_what_was_paid_already_becomes_a_credit():
    invoice = an_invoice("100.00")
    _pay(invoice, 80_00)
    note = _credit(invoice, 50_00)
    assert (note.reduces_due_cents, note.to_credit_cents, note.to_refund_cents) == (20_00, 30_00, 0)


def test_a_fully_credited_invoice_is_settled():
    invoice = an_invoice("100.00")
    _credit(invoice, 100_00)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.amount_due_cents) == (InvoiceStatus.PAID, 0)


def test_money_taken_back_opens_the_invoice_again():
    invoice = an_invoice("100.00")
    payment = _pay(invoice, 100_00)
    reverse_allocation(allocation=payment.allocations.get(), now=NOW, by="ada")
    invoice.refresh_from_db()
    payment.refresh_from_db()
    assert (invoice.status, invoice.amount_due_cents, payment.unallocated_cents) == (InvoiceStatus.OPEN, 100_00, 100_00)


@pytest.mark.breaks_invariants
def test_the_books_do_not_close_on_a_payment_without_its_allocation():
    invoice = an_invoice("100.00")
    with pytest.raises(IntegrityError, match="does not equal its allocations"), transaction.atomic():
        settle_invoice(invoice=invoice, amount_cents=1, now=NOW)
        connection.check_constraints()
