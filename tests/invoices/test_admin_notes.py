"""The page of a credit note reads as its paper does; the form that issues one asks for one thing at a time."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection

from invoices.models import CreditNote
from invoices.services import CreditedMeanwhile, CreditLine, Split, issue_credit_note
from tests.back_office import signed_in, someone
from tests.books import NOW, TODAY, a_draft, an_invoice
from tests.invoices.test_admin_invoices import button_of, page_of
from tests.invoices.test_correcting import _credit, _pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


def test_its_page_tells_lines_tax_and_what_became_of_it(manager, django_assert_max_num_queries):
    invoice = an_invoice("100.00", tax_rate=Decimal("0.19"))
    _pay(invoice, 80_00)
    note = _credit(invoice, 50_00, tax_rate=Decimal("0.19"), split=Split(off_due_cents=5_00, refund_cents=30_00))
    with django_assert_max_num_queries(20):
        paper = manager.get(page_of(note)).context["paper"]
    assert [(line.description, line.tax, line.amount) for line in paper.lines] == [
        ("Price corrected", "19 %", "€50.00")
    ]
    assert [(row.label, row.amount) for row in paper.sums] == [
        ("Subtotal", "€50.00"),
        ("Tax", "€9.50"),
        ("Total", "€59.50"),
        ("Off the invoice", "€5.00"),
        ("Becomes a credit", "€24.50"),
        ("To be refunded", "€30.00"),
    ]
    assert [label for label, _ in paper.facts] == ["Issued", "For invoice", "Issued by", "Reason"]
    assert (paper.figure, paper.between) == ("€59.50", "Nordlicht Grundbuch AG · from Parcelbase")


def refused(client, invoice, **sent):
    page = client.post(button_of(invoice, "issue-credit-note"), {"reason": "Price", **sent}).content.decode()
    assert not CreditNote.objects.exists()
    return page


def test_everything_and_an_amount_are_not_both_taken_back(manager):
    invoice = an_invoice("100.00")
    both = {f"line_{invoice.lines.get().pk}": "10.00", "is_whole": "on"}
    assert "Take back everything, or the amounts you write: not both." in refused(manager, invoice, **both)


def test_the_rest_and_an_amount_are_not_both_refunded(manager):
    invoice = an_invoice("100.00")
    _pay(invoice, 80_00)
    both = {"is_whole": "on", "refund": "10.00", "is_refunded": "on"}
    assert "Refund the rest, or the amount you write: not both." in refused(manager, invoice, **both)


def test_a_second_click_issues_no_second_note(manager):
    invoice = an_invoice("100.00")
    form = manager.get(button_of(invoice, "issue-credit-note")).context["form"]
    sent = {f"line_{invoice.lines.get().pk}": "10.00", "reason": "Price", "notes_seen": form["notes_seen"].value()}
    manager.post(button_of(invoice, "issue-credit-note"), sent)
    page = manager.post(button_of(invoice, "issue-credit-note"), sent).content.decode()
    note = CreditNote.objects.get()
    assert f"{note} was issued on {invoice} since this form was opened" in page


@pytest.mark.django_db(transaction=True)
def test_eight_clicks_at_once_issue_one_note():
    invoice = an_invoice("100.00")

    def click(_: int) -> bool:
        line = CreditLine(description="Price", amount_cents=10_00)
        try:
            issue_credit_note(invoice=invoice, lines=[line], reason="x", on=TODAY, now=NOW, by="ada", notes_seen=0)
        except CreditedMeanwhile:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as people:
        assert sum(people.map(click, range(8))) == 1
    assert CreditNote.objects.get().total_cents == 10_00


def test_lines_of_one_name_are_told_apart_by_their_periods(manager):
    draft = a_draft("10.00", "10.00")
    for line, month in zip(draft.lines.all(), (9, 10), strict=True):
        draft.lines.filter(pk=line.pk).update(
            service_period_start=dt.date(2026, month, 1), service_period_end=dt.date(2026, month + 1, 1)
        )
    manager.post(button_of(draft, "issue"), {"_selected_action": draft.pk, "action": "issue", "confirmed": "yes"})
    page = manager.get(button_of(draft, "issue-credit-note")).content.decode()
    assert "At most €10.00 · 1\xa0Sep\xa02026" in page
    assert "At most €10.00 · 1\xa0Oct\xa02026" in page
