"""Owns the benchmark of issuing: many drafts in one block, one by one, and in bare SQL that checks nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.db import connection, transaction

from bench import NOW
from bench.duels import Clock, Duel, Side, in_seconds
from invoices.models import Invoice, Seller
from invoices.services import issue_invoice, issue_invoices
from tests.books import a_draft, a_seller

DRAFTS = 1_000
COPY_DRAFT = """
WITH copied AS (
    INSERT INTO invoices ({invoice}) SELECT {invoice} FROM invoices, generate_series(2, %(count)s)
    WHERE id = %(draft)s RETURNING id
)
INSERT INTO invoice_lines (invoice_id, {line})
SELECT copied.id, {line} FROM copied, invoice_lines WHERE invoice_id = %(draft)s
"""
# What PostgreSQL needs for the same rows when nothing is worked out again: the triggers still keep every promise.
ISSUE = """
WITH drafts AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM invoices WHERE seller_id = %(seller)s AND status = 'draft'
), series AS (
    INSERT INTO invoices_numberseries AS s (seller_id, kind, year, last_number)
    SELECT %(seller)s, 'invoice', %(year)s, count(*) FROM drafts
    ON CONFLICT (seller_id, kind, year) DO UPDATE SET last_number = s.last_number + EXCLUDED.last_number
    RETURNING last_number - (SELECT count(*) FROM drafts) AS before
)
UPDATE invoices AS i SET status = 'open', issue_date = %(on)s, issued_at = %(now)s, updated_at = %(now)s,
    due_date = %(on)s + i.payment_terms_days, invoice_number = format('RAW-%%s', series.before + drafts.place),
    bill_to = jsonb_build_object('name', c.name, 'address', string_to_array(c.address, E'\\n'), 'country', c.country),
    sold_by = jsonb_build_object('name', s.name, 'address', string_to_array(s.address, E'\\n'), 'iban', s.iban),
    metadata = i.metadata || '{"issued_by": "bench"}'
FROM drafts, series, invoices_customer c, invoices_seller s
WHERE drafts.id = i.id AND c.id = i.customer_id AND s.id = i.seller_id
"""


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Issue the same drafts each way."""
    ours = Side("one block", lambda: _issued(_together))
    what = f"Issue {DRAFTS:,} drafts of two lines"
    yield [
        Duel(what, ours, Side("one by one", lambda: _issued(_one_by_one)), in_seconds, at_least=10),
        Duel(what, ours, Side("one UPDATE in SQL, nothing added up", lambda: _issued(_in_sql)), in_seconds),
    ]


def _issued(issue: Callable[[Seller], None]) -> float:
    seller, clock = a_seller(), Clock()
    _draft_many(seller)
    with clock.running():
        issue(seller)
    if Invoice.objects.issued().filter(seller=seller).count() != DRAFTS:
        msg = "Not every draft was issued."
        raise AssertionError(msg)
    return clock.seconds


def _draft_many(seller: Seller) -> None:
    draft = a_draft("10.00", "20.00", seller=seller, tax_rate=Decimal("0.19"))
    names = {
        "invoice": _columns("invoices", {"id"}),
        "line": _columns("invoice_lines", {"id", "invoice_id"}),
    }
    with connection.cursor() as cursor:
        cursor.execute(COPY_DRAFT.format(**names), {"draft": draft.pk, "count": DRAFTS})


def _columns(table: str, without: set[str]) -> str:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    return ", ".join(f'"{column.name}"' for column in described if column.name not in without)


def _drafts(seller: Seller) -> list[Invoice]:
    return list(Invoice.objects.drafts().filter(seller=seller))


def _together(seller: Seller) -> None:
    issue_invoices(invoices=_drafts(seller), on=NOW.date(), now=NOW, by="bench")


def _one_by_one(seller: Seller) -> None:
    for draft in _drafts(seller):
        issue_invoice(invoice=draft, on=NOW.date(), now=NOW, by="bench")


def _in_sql(seller: Seller) -> None:
    told = {"seller": seller.pk, "on": NOW.date(), "now": NOW, "year": NOW.year}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ISSUE, told)
