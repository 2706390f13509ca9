"""Issuing: numbers without gaps, dates and copies, once."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection, transaction

from invoices.enums import InvoiceStatus
from invoices.models import Invoice, NumberSeries
from invoices.services import (
    NewLine,
    NotADraft,
    NothingToIssue,
    draft_invoice,
    issue_invoice,
    issue_invoices,
    recalculate_draft,
)
from tests.books import NOW, TODAY, a_customer, a_draft, a_seller, an_invoice

pytestmark = pytest.mark.django_db


def test_issuing_gives_number_dates_and_the_amount_due():
    invoice = issue_invoice(invoice=a_draft("12.50", "7.50"), on=TODAY, now=NOW, by="ada")
    assert (invoice.invoice_number, invoice.status) == ("INV-2026-000001", InvoiceStatus.OPEN)
    assert (invoice.issue_date, invoice.due_date) == (TODAY, TODAY + dt.timedelta(days=30))
    assert (invoice.total_cents, invoice.amount_due_cents) == (2000, 2000)


def test_numbers_follow_each_other_per_seller_and_year():
    one, other = a_seller(), a_seller(name="Parcelbase Ltd", invoice_number_pattern="UK-{seq:04}")
    numbers = [
        issue_invoice(invoice=a_draft("1.00", seller=seller), on=on, now=NOW, by="ada").invoice_number
        for seller, on in ((one, TODAY), (other, TODAY), (one, TODAY), (one, dt.date(2027, 1, 1)))
    ]
    assert numbers == ["INV-2026-000001", "UK-0001", "INV-2026-000002", "INV-2027-000001"]


def test_an_invoice_is_issued_once():
    invoice = an_invoice("1.00")
    with pytest.raises(NotADraft, match="is open, no draft"):
        issue_invoice(invoice=invoice, on=TODAY, now=NOW, by="ada")


def test_a_draft_without_lines_is_refused_and_takes_no_number():
    draft = draft_invoice(customer=a_customer(), seller=a_seller(), currency="EUR", lines=[], by="ada")
    with pytest.raises(NothingToIssue, match="has no lines"):
        issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")
    assert not NumberSeries.objects.exists()


def test_the_bill_to_is_a_copy_that_a_later_change_does_not_touch():
    customer = a_customer(name="Before GmbH")
    invoice = an_invoice("1.00", customer=customer)
    customer.name = "After GmbH"
    customer.save()
    invoice.refresh_from_db()
    assert invoice.bill_to["name"] == "Before GmbH"


def test_a_block_of_drafts_is_numbered_in_order():
    seller = a_seller()
    drafts = [a_draft("1.00", seller=seller) for _ in range(5)]
    issued = issue_invoices(invoices=list(reversed(drafts)), on=TODAY, now=NOW, by="ada")
    assert [invoice.invoice_number for invoice in issued] == [f"INV-2026-{n:06}" for n in range(1, 6)]
    assert [invoice.pk for invoice in issued] == [draft.pk for draft in drafts]


def test_nothing_owed_is_paid_at_once():
    assert an_invoice("0.00").status == InvoiceStatus.PAID


def test_tax_is_rounded_by_the_policy_on_the_invoice():
    by_policy = {
        policy: a_draft("55.55", "11.11", tax_rate=Decimal("0.23"), rounding=policy).tax_cents
        for policy in ("document", "line")
    }
    assert by_policy == {"document": 1533, "line": 1534}


def test_adding_up_a_draft_again_changes_nothing():
    draft = a_draft("55.55", "11.11", tax_rate=Decimal("0.19"), tax_inclusive=True, document_discount_cents=1000)
    again = recalculate_draft(invoice=draft)
    assert (again.subtotal_cents, again.discount_cents, again.tax_cents, again.total_cents) == (
        draft.subtotal_cents,
        draft.discount_cents,
        draft.tax_cents,
        5666,
    )


@pytest.mark.parametrize(
    ("currency", "price", "cents"), [("JPY", "500", 500), ("KWD", "1.234", 1234), ("EUR", "12.34", 1234)]
)
def test_amounts_are_minor_units_of_their_currency(currency, price, cents):
    assert an_invoice(price, currency=currency).total_cents == cents


def test_an_exact_unit_price_rounds_once_on_the_line():
    line = NewLine(description="Calls", quantity=Decimal(1_234_567), unit_price=Decimal("0.0196"))
    draft = draft_invoice(customer=a_customer(), seller=a_seller(), currency="EUR", lines=[line], by="ada")
    assert draft.total_cents == 24_197_51


@pytest.mark.django_db(transaction=True)
def test_eight_workers_leave_no_gap_when_some_roll_back():
    seller = a_seller()
    drafts = [a_draft("1.00", seller=seller) for _ in range(40)]

    def issue(place: int) -> None:
        try:
            with transaction.atomic():
                issue_invoice(invoice=drafts[place], on=TODAY, now=NOW, by="ada")
                if place % 10 == 3:
                    raise RuntimeError
        except RuntimeError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(issue, range(40)))
    numbers = sorted(Invoice.objects.issued().values_list("invoice_number", flat=True))
    assert numbers == [f"INV-2026-{n:06}" for n in range(1, 37)]
