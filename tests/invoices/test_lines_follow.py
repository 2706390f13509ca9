"""Lines look at their invoices and invoices at their lines: as they are, in one order, and at no others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from billing_site.kit.writing import insert_rows
from invoices.models import Invoice, InvoiceLine
from invoices.services import issue_invoice
from tests.books import NOW, TODAY, a_draft, an_invoice
from tests.payments.storm import alone, at_once, wait_until_somebody_waits

REFUSED = "is issued and its lines cannot be changed"


def _lines(*invoices, position=9):
    return [InvoiceLine(invoice=invoice, position=position, description="Late idea") for invoice in invoices]


@pytest.mark.django_db
def test_one_issued_invoice_refuses_a_block_of_lines_of_drafts():
    draft, issued = a_draft("1.00"), an_invoice("2.00")
    with pytest.raises(IntegrityError, match=f"{issued.invoice_number} {REFUSED}"), transaction.atomic():
        insert_rows(InvoiceLine, _lines(draft, issued))
    assert InvoiceLine.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_line_added_while_its_invoice_is_issued_is_refused_once_it_is():
    draft = a_draft("1.00")

    def add():
        with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
            insert_rows(InvoiceLine, _lines(draft))

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")
            added = other.submit(alone, add)
            wait_until_somebody_waits()
        added.result()
    assert draft.lines.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_invoice_issued_while_a_line_is_added_asks_for_it():
    draft = a_draft("1.00")
    draft.lines.update(position=2)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            insert_rows(InvoiceLine, _lines(draft, position=1))
            issued = other.submit(alone, lambda: issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada"))
            wait_until_somebody_waits()
        issued.result()
    assert draft.lines.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_who_add_lines_to_the_same_drafts_in_other_orders_wait_and_never_block_each_other():
    drafts, together = [a_draft("1.00") for _ in range(20)], Barrier(2)

    def add(*positions, to):
        for position in positions:
            together.wait()
            insert_rows(InvoiceLine, _lines(*to, position=position))

    at_once(partial(add, *range(10, 20), to=drafts), partial(add, *range(20, 30), to=drafts[::-1]))
    assert InvoiceLine.objects.count() == 20 * 21


@pytest.mark.django_db
def test_a_session_that_began_with_few_invoices_reads_no_more_of_them_when_they_are_many():
    """PostgreSQL keeps the plan of a trigger's statement: one that reads the table would read it for each line."""
    draft = a_draft("1.00")
    for _ in range(10):
        few = _pages_read_by_a_change(draft)
    columns = [field.attname for field in Invoice._meta.concrete_fields if not field.primary_key]
    (like,) = Invoice.objects.values(*columns)
    insert_rows(Invoice, [Invoice(**like) for _ in range(10_000)])
    assert _pages_read_by_a_change(draft) < few + 50


@pytest.mark.django_db
def test_the_proof_of_a_sum_reads_no_other_invoices():
    for _ in range(10):
        issue_invoice(invoice=a_draft("1.00"), on=TODAY, now=NOW, by="ada")
        before = _whole_reads()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        assert _whole_reads() == before


def _whole_reads():
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'invoices'")
        return cursor.fetchone()


def _pages_read_by_a_change(draft):
    change = "UPDATE invoice_lines SET position = position WHERE invoice_id = %s"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {change}", [draft.pk])
        ((plan,),) = cursor.fetchone()
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
