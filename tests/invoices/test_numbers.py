"""Numbers: without gaps, one series per seller, kind and year, by patterns that can be filled in."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from hypothesis import settings

from invoices.models import CreditNote, Invoice, NumberSeries, Seller
from invoices.numbering import fault_of_pattern, fault_of_patterns, number
from invoices.services import CreditLine, issue_credit_note, issue_invoice
from tests.books import NOW, TODAY, a_draft, a_seller, an_invoice

pytestmark = pytest.mark.django_db
WHOLE = settings.get_current_profile_name() == "proofs"
FAULTS = {
    "INV-{year}": "Write {seq} once",
    "{seq}-{seq}": "Write {seq} once",
    "": "Write {seq} once",
    "{month}-{seq}": "{month} is no field",
    "{seq:x}": "{seq:x} is no field",
    "{seq:99}": "{seq:99} is no field",
    "{seq!r}": "{seq!r} is no field",
    "{0}{seq}": "{0} is no field",
    "{seq.real}": "is no field",
    "{year:>9999999}{seq}": "is no field",
    "{{seq}}": "Between the fields",
    "{seq": "Write {seq} once",
    "../../{seq}": "Between the fields",
    "INV\n{seq}": "Between the fields",
    "№{seq}": "Between the fields",
}


def _credited(invoice, *, on=TODAY):
    line = CreditLine(description="x", amount_cents=1)
    return issue_credit_note(invoice=invoice, lines=[line], reason="x", on=on, now=NOW, by="ada")


@pytest.mark.parametrize("pattern", FAULTS)
def test_a_pattern_that_cannot_be_filled_in_is_refused_in_a_sentence(pattern):
    assert FAULTS[pattern] in fault_of_pattern(pattern)
    seller = a_seller(iban="", bic="")
    seller.invoice_number_pattern = pattern
    with pytest.raises(ValidationError):
        seller.full_clean()
    with pytest.raises(IntegrityError, match="cannot be filled in"), transaction.atomic():
        Seller.objects.filter(pk=seller.pk).update(invoice_number_pattern=pattern)


@pytest.mark.parametrize(
    ("pattern", "written"),
    [("INV-{year}-{seq:06}", "INV-2026-000007"), ("{seq}/{year}", "7/2026"), ("R {seq:03}", "R 007")],
)
def test_a_pattern_is_filled_in(pattern, written):
    assert fault_of_pattern(pattern) == ""
    assert number(pattern, year=2026, seq=7) == written
    a_seller(invoice_number_pattern=pattern)


def test_invoices_and_credit_notes_are_numbered_apart():
    assert "give each a pattern" in fault_of_patterns(invoices="A-{seq}", credit_notes="A-{seq:06}")
    with pytest.raises(IntegrityError, match="numbered apart"):
        a_seller(invoice_number_pattern="A-{seq}", credit_note_number_pattern="A-{seq:06}")


def test_a_pattern_without_a_year_counts_through_all_years():
    seller = a_seller(invoice_number_pattern="UK-{seq:04}")
    days = (TODAY, dt.date(2027, 1, 1), dt.date(2027, 6, 1))
    numbers = [
        issue_invoice(invoice=a_draft("1.00", seller=seller), on=on, now=NOW, by="ada").invoice_number for on in days
    ]
    assert numbers == ["UK-0001", "UK-0002", "UK-0003"]
    assert NumberSeries.objects.get().year == 0


@pytest.mark.parametrize(("before", "after"), [("A-{seq}", "A-{year}-{seq}"), ("A-{year}-{seq}", "A-{seq}")])
def test_a_series_neither_gains_nor_loses_its_year_once_numbers_are_taken(before, after):
    seller = a_seller(invoice_number_pattern=before)
    Seller.objects.filter(pk=seller.pk).update(invoice_number_pattern=after)
    Seller.objects.filter(pk=seller.pk).update(invoice_number_pattern=before)
    an_invoice("1.00", seller=Seller.objects.get())
    with pytest.raises(IntegrityError, match="Numbers of this series are taken"), transaction.atomic():
        Seller.objects.filter(pk=seller.pk).update(invoice_number_pattern=after)
    Seller.objects.filter(pk=seller.pk).update(invoice_number_pattern=f"B-{before}")
    assert an_invoice("1.00", seller=Seller.objects.get()).invoice_number.endswith("2")


def test_two_sellers_with_one_pattern_do_not_collide():
    invoices = [an_invoice("10.00", seller=a_seller(name=name)) for name in ("One", "Two")]
    assert [invoice.invoice_number for invoice in invoices] == ["INV-2026-000001"] * 2
    assert [_credited(invoice).number for invoice in invoices] == ["CN-2026-000001"] * 2
    assert CreditNote.objects.count() == 2


def test_credit_notes_follow_each_other_in_their_own_series():
    invoice = an_invoice("10.00")
    numbers = [_credited(invoice, on=on).number for on in (TODAY, TODAY, dt.date(2027, 1, 1))]
    assert numbers == ["CN-2026-000001", "CN-2026-000002", "CN-2027-000001"]


@pytest.mark.django_db(transaction=True)
def test_eight_workers_leave_no_gap_when_every_tenth_rolls_back():
    seller, count = a_seller(), 1_000 if WHOLE else 80
    drafts = [a_draft("1.00", seller=seller) for _ in range(count)]

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
        list(workers.map(issue, range(count)))
    numbers = sorted(Invoice.objects.issued().values_list("invoice_number", flat=True))
    assert numbers == [f"INV-2026-{n:06}" for n in range(1, count * 9 // 10 + 1)]
