"""Every statement that would rewrite an issued invoice is refused by PostgreSQL, with a sentence a person can read."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.urls import NoReverseMatch, reverse

from billing_site.kit.errors import is_refusal, sentence_of
from invoices.enums import InvoiceStatus
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from invoices.models.billing import BOTH_DAYS, PERIOD_IN_ORDER
from invoices.services import CreditLine, issue_credit_note, void_invoice, write_off_invoice
from tests.back_office import a_credit_note, a_paid_invoice, signed_in, someone
from tests.books import NOW, TODAY, a_customer, a_draft, a_seller, an_invoice

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


@pytest.mark.parametrize(("reference", "named"), [("", "Draft {}"), ("C-7", "The invoice of C-7")])
def test_an_invoice_cannot_be_issued_with_totals_that_are_not_its_lines(reference, named):
    draft = a_draft("100.00")
    said = f"{named.format(draft.pk)} does not equal the sum of its lines"
    with pytest.raises(IntegrityError, match=said), transaction.atomic():
        InvoiceLine.objects.filter(invoice=draft).update(amount_cents=99_00)
        Invoice.objects.filter(pk=draft.pk).update(
            status="open", invoice_number="X-1", issue_date=TODAY, due_date=TODAY, contract_reference=reference
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
    with pytest.raises(IntegrityError, match="cannot be changed or voided"), transaction.atomic():
        type(note).objects.filter(pk=note.pk).update(status="void")
    with pytest.raises(IntegrityError, match="cannot be deleted"), transaction.atomic():
        connection.cursor().execute("DELETE FROM credit_notes WHERE id = %s", [note.pk])


def test_a_draft_may_change_and_go():
    draft = a_draft("100.00")
    draft.notes = "still thinking"
    draft.save()
    draft.delete()
    assert not Invoice.objects.exists()


# --- The period of an invoice, and of a line -------------------------------------------------------------------------

YESTERDAY, TOMORROW = TODAY - dt.timedelta(days=1), TODAY + dt.timedelta(days=1)
_SERVE = """
    UPDATE invoice_lines SET (stripe_line_id, service_period_start, service_period_end) = (%s, %s, %s)
    WHERE invoice_id = %s RETURNING service_period_start, service_period_end"""


@pytest.mark.parametrize("days", [(TODAY, None), (None, TODAY), (TODAY, YESTERDAY)])
def test_no_invoice_is_of_half_a_period_or_of_a_backward_one(days):
    draft = a_draft("1.00")
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        Invoice.objects.filter(pk=draft.pk).update(billing_period_start=days[0], billing_period_end=days[1])
    assert sentence_of(refusal.value) == BOTH_DAYS


def _serve(stripe_line_id, start, end):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SERVE, [stripe_line_id, start, end, a_draft("1.00").pk])
        return cursor.fetchone()


@pytest.mark.parametrize(
    ("stripe_line_id", "start", "end"),
    [
        *(("", TODAY, YESTERDAY), ("", TODAY, TODAY), ("", TODAY, None), ("", None, TODAY)),
        *(("il_1", TODAY, YESTERDAY), ("il_1", TODAY, None), ("il_1", None, TODAY)),
    ],
)
def test_no_line_is_served_backwards_or_without_end(stripe_line_id, start, end):
    with pytest.raises(IntegrityError) as refusal:
        _serve(stripe_line_id, start, end)
    assert sentence_of(refusal.value) == PERIOD_IN_ORDER


@pytest.mark.parametrize(
    ("stripe_line_id", "start", "end"),
    [("", None, None), ("", TODAY, TOMORROW), ("il_1", None, None), ("il_1", TODAY, TOMORROW), ("il_1", TODAY, TODAY)],
)
def test_a_line_is_served_forwards_and_at_stripe_for_a_moment(stripe_line_id, start, end):
    assert _serve(stripe_line_id, start, end) == (start, end)


# --- Every column, every way, every move ---------------------------------------------------------------------------

MAY_CHANGE = {"notes", "metadata", "invoice_pdf_url", "paid_at", "voided_at", "updated_at"}
MOVES = {("open", "paid"), ("open", "void"), ("open", "uncollectible"), ("paid", "open")}
MOVES |= {("uncollectible", "open"), ("uncollectible", "paid"), ("draft", "open")}
_SENTENCE = re.compile(r"[A-Z].*[a-z].*\.", re.DOTALL)


def _save(row, field, value):
    setattr(row, field.attname, value)
    row.save()


def _update(row, field, value):
    type(row).objects.filter(pk=row.pk).update(**{field.attname: value})


def _bulk_update(row, field, value):
    setattr(row, field.attname, value)
    type(row).objects.bulk_update([row], [field.name])


def _sql(row, field, value):
    written = field.get_db_prep_save(value, connection=connection)
    with connection.cursor() as cursor:
        table = row._meta.db_table
        cursor.execute(f"UPDATE {table} SET {field.column} = %s WHERE id = %s", [written, row.pk])  # noqa: S608


WAYS = {"save": _save, "queryset.update": _update, "bulk_update": _bulk_update, "SQL": _sql}


def _other(row, field):
    """Another value that the column itself would take."""
    now = getattr(row, field.attname)
    if field.choices:
        return next(value for value, _label in field.choices if value != now)
    if field.is_relation:
        return _another(field.related_model, now)
    for kind, other in (
        (models.BooleanField, lambda: not now),
        (models.IntegerField, lambda: (now or 0) + 1),
        (models.DecimalField, lambda: now + Decimal("0.01")),
        (models.DateTimeField, lambda: (now or NOW) + dt.timedelta(hours=1)),
        (models.DateField, lambda: (now or TODAY) + dt.timedelta(days=1)),
        (models.JSONField, lambda: {"changed": True}),
    ):
        if isinstance(field, kind):
            return other()
    return "USD" if field.name == "currency" else f"{now or ''}x"


def _another(model, now):
    made = {
        "Seller": lambda: a_seller(name="Other"),
        "Customer": a_customer,
        "Invoice": lambda: a_draft("1.00"),
        "InvoiceLine": lambda: InvoiceLine.objects.get(invoice=a_draft("1.00")),
        "CreditNote": a_credit_note,
    }
    return next(row.pk for row in (made[model.__name__](),) if row.pk != now)


def _issued(model):
    note = a_credit_note()
    return {
        Invoice: note.invoice,
        InvoiceLine: note.invoice.lines.get(),
        CreditNote: note,
        CreditNoteLine: note.lines.get(),
    }[model]


def _refused(act) -> bool:
    """Tell whether it was refused with a sentence that a person understands."""
    try:
        with transaction.atomic():
            act()
            connection.check_constraints()
    except DatabaseError as error:
        return is_refusal(error) and bool(_SENTENCE.fullmatch(sentence_of(error)))
    return False


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", [Invoice, InvoiceLine, CreditNote, CreditNoteLine])
def test_no_column_of_an_issued_paper_changes(model, way, record_property):
    row = _issued(model)
    fields = [each for each in model._meta.concrete_fields if not each.primary_key]
    if model is Invoice:
        fields = [each for each in fields if each.name not in MAY_CHANGE]
    tried = {each.name: (each, _other(row, each)) for each in fields}
    went_through = [
        name
        for name, (field, value) in tried.items()
        if not _refused(lambda field=field, value=value: WAYS[way](model.objects.get(pk=row.pk), field, value))
    ]
    record_property("statements", len(tried))
    print(f"{len(tried)} columns of {model.__name__} by {way}, {len(went_through)} went through")  # noqa: T201
    assert went_through == []


@pytest.mark.parametrize("way", WAYS)
def test_no_invoice_moves_where_it_may_not(way):
    made = {
        "draft": a_draft("1.00"),
        "open": an_invoice("1.00"),
        "paid": a_paid_invoice(),
        "void": void_invoice(invoice=an_invoice("1.00"), now=NOW, by="ada", reason="x"),
        "uncollectible": write_off_invoice(invoice=an_invoice("1.00"), now=NOW, by="ada", reason="x"),
    }
    status = Invoice._meta.get_field("status")
    illegal = [(old, new) for old in made for new in InvoiceStatus.values if old != new and (old, new) not in MOVES]
    went_through = [
        (old, new)
        for old, new in illegal
        if not _refused(lambda old=old, new=new: WAYS[way](Invoice.objects.get(pk=made[old].pk), status, new))
    ]
    print(f"{len(illegal)} moves by {way}, {len(went_through)} went through")  # noqa: T201
    assert (len(illegal), went_through) == (13, [])


@pytest.mark.parametrize("model", [Invoice, InvoiceLine, CreditNote, CreditNoteLine])
def test_nothing_issued_is_deleted_or_added_to(model):
    row = _issued(model)
    copied = {each.attname: getattr(row, each.attname) for each in model._meta.concrete_fields if not each.primary_key}
    assert _refused(lambda: model.objects.get(pk=row.pk).delete())
    assert _refused(lambda: model.objects.filter(pk=row.pk)._raw_delete("default"))
    assert _refused(lambda: model.objects.create(**copied | ({"position": 9} if model is InvoiceLine else {})))


@pytest.mark.parametrize("model", [Invoice, CreditNote])
def test_the_admin_changes_no_column_of_an_issued_paper(model):
    row, client = _issued(model), signed_in(someone("Administrator"))
    sent = {each.name: str(_other(row, each)) for each in model._meta.concrete_fields if not each.primary_key}
    lines = {
        "lines-TOTAL_FORMS": "1",
        "lines-INITIAL_FORMS": "0",
        "lines-0-description": "x",
        "lines-0-unit_price": "1",
    }
    before = model.objects.filter(pk=row.pk).values().get()
    name = f"admin:invoices_{model._meta.model_name}"
    client.post(reverse(f"{name}_change", args=[row.pk]), sent | lines)
    client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"})
    after = model.objects.filter(pk=row.pk).values().get()
    changed = {column for column in after if after[column] != before[column]}
    assert changed <= {"notes", "updated_at"}
    assert row.lines.count() == 1


@pytest.mark.parametrize("model", [Invoice, InvoiceLine, CreditNote, CreditNoteLine])
def test_nothing_issued_is_imported(model):
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:invoices_{model._meta.model_name}_import")
