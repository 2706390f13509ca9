"""Every statement that would rewrite an issued invoice is refused by PostgreSQL, with a sentence a person can read."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from invoices.models import Invoice, InvoiceLine
from invoices.services import CreditLine, issue_credit_note, void_invoice
from tests.books import NOW, TODAY, a_draft, an_invoice

pytestmark = pytest.mark.django_db

FORBIDDEN = {
    "another amount": "UPDATE invoices SET (tax_cents, total_cents) = (1, 10001) WHERE id = {id}",
    "another customer name": """UPDATE invoices SET bill_to = '{{"name": "x"}}' WHERE id = {id}""",
    "another number": "UPDATE invoices SET invoice_number = 'INV-1' WHERE id = {id}",
    "another currency": "UPDATE invoices SET currency = 'USD' WHERE id = {id}",
    "another issue date": "UPDATE invoices SET issue_date = issue_date + 1 WHERE id = {id}",
    "another due date": "UPDATE invoices SET due_date = due_date + 1 WHERE id = {id}",
    "another origin": "UPDATE invoices SET origin = 'stripe', stripe_invoice_id = 'in_1' WHERE id = {id}",
    "back to draft": "UPDATE invoices SET status = 'draft', invoice_number = NULL, issue_date = NULL WHERE id = {id}",
    "deleted": "DELETE FROM invoices WHERE id = {id}",
    "line changed": "UPDATE invoice_lines SET amount_cents = 1 WHERE invoice_id = {id}",
    "line deleted": "DELETE FROM invoice_lines WHERE invoice_id = {id}",
    "line taken away": "UPDATE invoice_lines SET invoice_id = {draft} WHERE invoice_id = {id}",
    "line smuggled in": "UPDATE invoice_lines SET invoice_id = {id}, position = 9 WHERE invoice_id = {draft}",
    "emptied": "TRUNCATE invoices CASCADE",
    "trigger switched off": "ALTER TABLE invoices DISABLE TRIGGER ALL",
    "constraint dropped": "ALTER TABLE invoices DROP CONSTRAINT invoice_due_is_total_less_settled",
}


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_sql_cannot_touch_an_issued_invoice(name):
    invoice, draft = an_invoice("100.00"), a_draft("1.00")
    before = list(Invoice.objects.values_list("status", "total_cents", "invoice_number").order_by("pk"))
    refusal = r"credit note|origin|cannot become|must be owner|permission denied"
    with pytest.raises(DatabaseError, match=refusal), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORBIDDEN[name].format(id=invoice.pk, draft=draft.pk))
    assert list(Invoice.objects.values_list("status", "total_cents", "invoice_number").order_by("pk")) == before


def test_the_orm_cannot_add_a_line_to_an_issued_invoice():
    invoice = an_invoice("100.00")
    with pytest.raises(IntegrityError, match="lines cannot be changed"), transaction.atomic():
        InvoiceLine.objects.create(invoice=invoice, position=2, description="Late idea")


@pytest.mark.parametrize("status", ["draft", "open", "paid", "uncollectible"])
def test_a_void_invoice_stays_void(status):
    invoice = void_invoice(invoice=an_invoice("100.00"), now=NOW, by="ada", reason="x")
    with pytest.raises(IntegrityError, match=f"is void; it cannot become {status}"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(status=status)


@pytest.mark.parametrize("status", ["paid", "void", "uncollectible"])
def test_a_draft_only_becomes_open(status):
    draft = a_draft("100.00")
    with pytest.raises(IntegrityError, match=f"is draft; it cannot become {status}"), transaction.atomic():
        Invoice.objects.filter(pk=draft.pk).update(status=status)


def test_an_invoice_cannot_be_issued_with_totals_that_are_not_its_lines():
    draft = a_draft("100.00")
    with pytest.raises(IntegrityError, match="does not equal the sum of its lines"), transaction.atomic():
        InvoiceLine.objects.filter(invoice=draft).update(amount_cents=99_00)
        Invoice.objects.filter(pk=draft.pk).update(
            status="open", invoice_number="X-1", issue_date=TODAY, due_date=TODAY
        )
        connection.check_constraints()


def test_a_credit_note_is_as_final_as_its_invoice():
    note = issue_credit_note(
        invoice=an_invoice("100.00"),
        lines=[CreditLine(description="x", amount_cents=1)],
        reason="x",
        on=TODAY,
        now=NOW,
        by="ada",
    )
    with pytest.raises(IntegrityError, match="cannot be changed"), transaction.atomic():
        type(note).objects.filter(pk=note.pk).update(reason="another")
    with pytest.raises(IntegrityError, match="cannot be deleted"), transaction.atomic():
        connection.cursor().execute("DELETE FROM credit_notes WHERE id = %s", [note.pk])


def test_a_draft_may_change_and_go():
    draft = a_draft("100.00")
    draft.notes = "still thinking"
    draft.save()
    draft.delete()
    assert not Invoice.objects.exists()
