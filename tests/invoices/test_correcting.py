"""Void, write-off and credit notes: nothing issued changes, and no more comes back than was asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from invoices.crediting import Part, net_left, taxes_taken_back
from invoices.enums import InvoiceStatus
from invoices.services import (
    CreditExceedsInvoice,
    CreditLine,
    MoreThanWasPaid,
    NewLine,
    NotOpen,
    SomethingWasPaid,
    Split,
    draft_invoice,
    issue_credit_note,
    issue_invoice,
    left_to_credit,
    settle_invoice,
    void_invoice,
    write_off_invoice,
)
from invoices.totals import LineDraft, TaxGroup, total_invoice
from payments.services import record_manual_payment, reverse_allocation
from tests.back_office import signed_in, someone
from tests.books import NOW, TODAY, a_customer, a_draft, a_seller, an_invoice

pytestmark = pytest.mark.django_db
WHOLE = settings.get_current_profile_name() == "proofs"


def _credit(invoice, cents, *, split=None, **more):
    line = CreditLine(description="Price corrected", amount_cents=cents, **more)
    return _take_back(invoice, line, split=split)


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


# --- To the cent, per line and per tax -----------------------------------------------------------------------------


@pytest.mark.parametrize("rounding", ["line", "document"])
@settings(max_examples=200 if WHOLE else 25, deadline=None)
@given(parts=st.lists(st.integers(1, 400), min_size=1, max_size=8), prices=st.lists(st.integers(1, 999), min_size=1))
def test_an_invoice_taken_back_in_steps_ends_at_nothing(rounding, parts, prices):
    rate = Decimal("0.19")
    totals = total_invoice(
        [LineDraft(Decimal(1), Decimal(cents) / 100, tax_rate=rate) for cents in prices],
        currency="EUR",
        rounding=rounding,
    )
    billed = [Part(n, TaxGroup("S", rate), line.net_cents, line.tax_cents) for n, line in enumerate(totals.lines)]
    taken = []
    for step, part in enumerate(parts):
        left = net_left(billed=billed, earlier=taken)
        place = step % len(billed)
        wanted = [Part(place, TaxGroup("S", rate), min(part, left[place]))]
        taken += _taken(billed, taken, wanted)
        assert 0 <= sum(each.tax_cents for each in taken) <= totals.tax_cents
    left = net_left(billed=billed, earlier=taken)
    taken += _taken(billed, taken, [Part(n, TaxGroup("S", rate), cents) for n, cents in left.items()])
    assert sum(each.tax_cents for each in taken) == totals.tax_cents
    assert sum(each.net_cents for each in taken) == totals.subtotal_cents


def _taken(billed, earlier, wanted):
    taxes = taxes_taken_back(billed=billed, earlier=earlier, wanted=wanted, currency="EUR")
    return [part._replace(tax_cents=tax) for part, tax in zip(wanted, taxes, strict=True)]


def _take_back(invoice, *lines, **more):
    return issue_credit_note(invoice=invoice, lines=lines, reason="x", on=TODAY, now=NOW, by="ada", **more)


def _of(line, cents):
    return CreditLine(description=line.description, amount_cents=cents, invoice_line=line)


def test_no_more_of_a_line_comes_back_than_it_asked_for():
    invoice = an_invoice("10.00", "90.00")
    cheap, dear = invoice.lines.all()
    _take_back(invoice, _of(cheap, 4_00))
    with pytest.raises(CreditExceedsInvoice, match=r"at most €6\.00 of this line"):
        _take_back(invoice, _of(cheap, 6_01))
    with pytest.raises(CreditExceedsInvoice, match=r"at most €2\.00 of this line"):
        _take_back(invoice, _of(cheap, 4_00), _of(cheap, 2_01))
    assert [(line, cents) for line, cents in left_to_credit(invoice=invoice)] == [(cheap, 6_00), (dear, 90_00)]


def test_no_tax_comes_back_that_was_not_billed():
    with pytest.raises(CreditExceedsInvoice, match=r"at most €0\.00 of what is taxed at 19 % \(S\)"):
        _credit(an_invoice("100.00"), 10_00, tax_rate=Decimal("0.19"))


def test_a_line_of_another_invoice_is_not_taken_back():
    with pytest.raises(CreditExceedsInvoice, match="of this line"):
        _take_back(an_invoice("100.00"), _of(an_invoice("100.00").lines.get(), 1))


def test_three_cents_taken_back_one_by_one_take_their_tax_along():
    invoice = an_invoice("0.03", tax_rate=Decimal("0.19"))
    line = invoice.lines.get()
    taxes = [_take_back(invoice, _of(line, 1)).tax_cents for _ in range(3)]
    assert (invoice.tax_cents, taxes) == (1, [0, 1, 0])


def test_an_invoice_with_a_line_that_reduces_it_is_taken_back_whole():
    invoice = an_invoice("100.00", "-10.00", tax_rate=Decimal("0.19"))
    note = _take_back(invoice, *(_of(line, cents) for line, cents in left_to_credit(invoice=invoice)))
    assert (note.subtotal_cents, note.total_cents) == (90_00, invoice.total_cents)


def test_coupon_tax_and_prepaid_leave_94_and_no_more_comes_back():
    draft = a_draft("100.00", tax_rate=Decimal("0.10"), document_discount_cents=10_00)
    invoice = issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")
    _pay(invoice, 5_00)
    invoice.refresh_from_db()
    assert (invoice.total_cents, invoice.amount_due_cents) == (99_00, 94_00)
    note = _take_back(invoice, _of(invoice.lines.get(), 90_00))
    assert (note.reduces_due_cents, note.to_credit_cents) == (94_00, 5_00)
    with pytest.raises(CreditExceedsInvoice):
        _credit(invoice, 1, tax_rate=Decimal("0.10"))


@pytest.mark.django_db(transaction=True)
def test_twenty_people_at_once_take_back_no_more_than_there_is():
    invoice = an_invoice("10.00")

    def take_back(_: int) -> bool:
        try:
            _credit(invoice, 99)
        except CreditExceedsInvoice:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(20) as people:
        taken = sum(people.map(take_back, range(20)))
    invoice.refresh_from_db()
    assert (taken, invoice.credited_cents, invoice.amount_due_cents) == (10, 9_90, 10)


# --- What becomes of it --------------------------------------------------------------------------------------------


def test_a_credit_note_is_split_as_was_chosen():
    invoice = an_invoice("100.00")
    _pay(invoice, 80_00)
    note = _credit(invoice, 50_00, split=Split(off_due_cents=5_00, refund_cents=30_00))
    invoice.refresh_from_db()
    assert (note.reduces_due_cents, note.to_refund_cents, note.to_credit_cents) == (5_00, 30_00, 15_00)
    assert invoice.amount_due_cents == 15_00


def test_the_rest_is_refunded_when_asked():
    invoice = an_invoice("100.00")
    _pay(invoice, 80_00)
    note = _credit(invoice, 50_00, split=Split(refunds_rest=True))
    assert (note.reduces_due_cents, note.to_refund_cents, note.to_credit_cents) == (20_00, 30_00, 0)


@pytest.mark.parametrize(
    "split", [Split(off_due_cents=20_01), Split(off_due_cents=-1), Split(refund_cents=30_01), Split(refund_cents=-1)]
)
def test_a_split_adds_up(split):
    invoice = an_invoice("100.00")
    _pay(invoice, 80_00)
    with pytest.raises(CreditExceedsInvoice, match=r"Take at most €20\.00 off"):
        _credit(invoice, 50_00, split=split)


def test_no_more_is_given_back_than_was_paid():
    invoice = an_invoice("100.00")
    _pay(invoice, 10_00)
    with pytest.raises(MoreThanWasPaid, match=r"Only €10\.00 paid on INV-2026-000001 can be given back"):
        _credit(invoice, 50_00, split=Split(off_due_cents=0))
    _credit(invoice, 8_00, split=Split(off_due_cents=0))
    with pytest.raises(MoreThanWasPaid, match=r"Only €2\.00"):
        _credit(invoice, 3_00, split=Split(off_due_cents=0, refunds_rest=True))


def test_crediting_what_was_given_up_gives_nobody_money():
    invoice = write_off_invoice(invoice=an_invoice("100.00"), now=NOW, by="ada", reason="insolvent")
    note = _credit(invoice, 40_00)
    invoice.refresh_from_db()
    assert (note.reduces_due_cents, note.to_credit_cents) == (40_00, 0)
    assert (invoice.status, invoice.written_off_cents, invoice.credited_cents) == ("uncollectible", 60_00, 40_00)
    _credit(invoice, 60_00)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.written_off_cents, invoice.amount_due_cents) == ("paid", 0, 0)


def test_the_split_is_chosen_in_the_form():
    invoice = an_invoice("100.00")
    _pay(invoice, 80_00)
    address = reverse("admin:invoices_invoice_change", args=[invoice.pk]).removesuffix("change/") + "issue-credit-note/"
    line, client = invoice.lines.get(), signed_in(someone("Finance manager"))
    sent = {f"line_{line.pk}": "50.00", "reason": "Price", "off_due": "0", "refund": "12.34"}
    assert "at most €20.00" in client.get(address).content.decode()
    said = client.post(address, sent | {"refund": "50.01"}).content.decode()
    assert "refund at most the rest" in said
    client.post(address, sent)
    note = invoice.credit_notes.get()
    assert (note.reduces_due_cents, note.to_refund_cents, note.to_credit_cents) == (0, 12_34, 37_66)
