"""Two hands on one invoice: whatever comes first wins, the other is told, and the books agree afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import pytest
from django.db import connection

from billing_site.kit.errors import Refused
from invoices.models import Invoice
from invoices.services import CreditLine, issue_credit_note, issue_invoice, void_invoice
from tests.books import NOW, TODAY, a_draft, an_invoice
from tests.invoices.test_correcting import _pay

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*deeds, hands=8):
    """Carry the deeds out from so many threads and tell which succeeded."""

    def carry_out(deed):
        try:
            deed()
        except Refused:
            return None
        finally:
            connection.close()
        return deed.__name__

    with ThreadPoolExecutor(hands) as people:
        return [name for name in people.map(carry_out, islice(cycle(deeds), hands)) if name]


def test_a_draft_issued_by_eight_at_once_has_one_number():
    draft = a_draft("100.00")

    def issue():
        issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")

    assert at_once(issue) == ["issue"]
    an_invoice("1.00")
    numbers = Invoice.objects.order_by("invoice_number").values_list("invoice_number", flat=True)
    assert list(numbers) == ["INV-2026-000001", "INV-2026-000002"]


def test_an_invoice_is_paid_credited_or_void_and_never_two_of_them():
    invoice = an_invoice("100.00")

    def pay():
        _pay(invoice, 100_00)

    def credit():
        line = CreditLine(description="All", amount_cents=100_00)
        issue_credit_note(invoice=invoice, lines=[line], reason="x", on=TODAY, now=NOW, by="ada", notes_seen=0)

    def void():
        void_invoice(invoice=invoice, now=NOW, by="ada", reason="x")

    done = set(at_once(pay, credit, void, hands=9))
    invoice.refresh_from_db()
    settled = (invoice.status, invoice.amount_paid_cents, invoice.credited_cents, invoice.amount_due_cents)
    # Money that comes after the end is kept as unapplied cash; a credit after the payment is the customer's.
    ends = {"void": ("void", 0, 0, 0), "credit": ("paid", 0, 100_00, 0), "pay": ("paid", 100_00, 0, 0)}
    assert not {"credit", "void"} <= done
    assert settled in [ends[deed] for deed in done]
