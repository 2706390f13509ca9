"""Lines that take something off: a correction, a true-up, a reduction agreed apart. Billed, printed and taken back."""
# ruff: noqa: RUF001 (documents print true minus signs)

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.composing import canonical_of
from invoices.crediting import Part, taxes_taken_back
from invoices.enums import Rounding
from invoices.models import CreditNote, Invoice
from invoices.pdf import render_html
from invoices.recounting import recount
from invoices.services import (
    CannotBeAsked,
    CreditExceedsInvoice,
    CreditLine,
    NewLine,
    draft_invoice,
    duplicate_invoice,
    issue_credit_note,
    issue_invoice,
    left_to_credit,
    recalculate_draft,
)
from invoices.totals import LineDraft, total_invoice
from tests.back_office import signed_in, someone
from tests.books import NOW, TODAY, a_customer, a_draft, a_seller, an_invoice
from tests.invoices.test_admin_invoices import button_of, page_of

pytestmark = pytest.mark.django_db
RATES = st.sampled_from([Decimal(0), Decimal("0.07"), Decimal("0.19")])
SIGNED_LINES = st.lists(st.builds(LineDraft, st.just(Decimal(1)), st.decimals(-999, 999, places=3), st.just(1), RATES))


def issued(*lines: NewLine, **fields) -> Invoice:
    draft = draft_invoice(customer=a_customer(), seller=a_seller(), currency="EUR", lines=lines, by="ada", **fields)
    return issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")


def a_corrected_invoice(**fields) -> Invoice:
    """100.00 at 19 %, less 30.00 at 7 %: the smaller rate ends below zero."""
    return issued(
        NewLine(description="Platform", unit_price=Decimal(100), tax_rate=Decimal("0.19")),
        NewLine(
            description="Correction of September",
            quantity=Decimal(-12),
            unit_price=Decimal("2.50"),
            tax_rate=Decimal("0.07"),
            service_period_start=dt.date(2026, 9, 1),
            service_period_end=dt.date(2026, 10, 1),
        ),
        **fields,
    )


def take_back(invoice, *wanted) -> CreditNote:
    lines = [CreditLine(description=line.description, amount_cents=cents, invoice_line=line) for line, cents in wanted]
    return issue_credit_note(invoice=invoice, lines=lines, reason="x", on=TODAY, now=NOW, by="ada")


@pytest.mark.parametrize("rounding", list(Rounding))
def test_a_line_below_zero_takes_its_tax_along(rounding):
    invoice = a_corrected_invoice(rounding=rounding)
    assert [(line.amount_cents, line.tax_cents) for line in invoice.lines.all()] == [(100_00, 19_00), (-30_00, -2_10)]
    assert (invoice.subtotal_cents, invoice.tax_cents, invoice.total_cents) == (70_00, 16_90, 86_90)
    assert recount().of_ours == ()


def test_its_paper_shows_what_is_taken_off_and_the_tax_group_below_zero():
    page = render_html(canonical_of(a_corrected_invoice()))
    printed = ("−€30.00", "−12", "VAT 7% on −€30.00", "−€2.10", "VAT 19% on €100.00", "€86.90", "1–30 Sept 2026")
    assert [text for text in printed if text not in page] == []


def test_its_page_shows_what_is_taken_off():
    page = signed_in(someone("Auditor")).get(page_of(a_corrected_invoice())).content.decode()
    assert [text for text in ("-€30.00", "-12", "€86.90") if text not in page] == []


def test_it_is_copied_as_it_is():
    copied = duplicate_invoice(invoice=a_corrected_invoice(), by="ada")
    assert [line.amount_cents for line in copied.lines.all()] == [100_00, -30_00]


def test_a_discount_of_the_document_is_spread_over_both_signs():
    invoice = a_corrected_invoice(document_discount_cents=7_00)
    assert [line.discount_cents for line in invoice.lines.all()] == [10_00, -3_00]
    assert (invoice.discount_cents, invoice.tax_cents, invoice.total_cents) == (7_00, 15_21, 78_21)


@pytest.mark.parametrize("tax_inclusive", [True, False])
def test_an_invoice_below_zero_is_never_drafted(tax_inclusive):
    with pytest.raises(
        CannotBeAsked, match=r"These lines come to -€\d+\.\d\d in all, and an invoice asks for nothing or"
    ):
        a_draft("10.00", "-10.01", tax_rate=Decimal("0.19"), tax_inclusive=tax_inclusive)
    assert not Invoice.objects.exists()


def test_a_tax_group_that_turns_the_whole_below_zero_is_refused():
    """Before tax something is left; its tax takes more than that away."""
    lines = [
        NewLine(description="Book", unit_price=Decimal("10.50")),
        NewLine(description="Correction", unit_price=Decimal(-10), tax_rate=Decimal("0.19")),
    ]
    with pytest.raises(CannotBeAsked, match=r"-€1\.40 in all"):
        issued(*lines)


def test_a_draft_that_fell_below_zero_is_not_issued():
    draft = a_draft("10.00", "-9.00")
    draft.lines.filter(position=2).update(unit_price=Decimal(-11))
    with pytest.raises(CannotBeAsked, match=r"-€1\.00 in all"):
        issue_invoice(invoice=draft, on=TODAY, now=NOW, by="ada")
    with pytest.raises(CannotBeAsked):
        recalculate_draft(invoice=draft)


def test_an_invoice_that_comes_to_nothing_is_paid_at_once():
    invoice = an_invoice("10.00", "-10.00", tax_rate=Decimal("0.19"))
    assert (invoice.status, invoice.total_cents, invoice.tax_cents) == ("paid", 0, 0)
    assert "€0.00" in render_html(canonical_of(invoice))


def test_all_of_it_is_taken_back_with_both_taxes():
    invoice = a_corrected_invoice()
    note = take_back(invoice, *left_to_credit(invoice=invoice))
    invoice.refresh_from_db()
    assert (note.subtotal_cents, note.tax_cents, note.total_cents) == (70_00, 16_90, 86_90)
    assert (invoice.status, invoice.amount_due_cents, left_to_credit(invoice=invoice)) == ("paid", 0, [])
    page = render_html(canonical_of(note))
    assert [text for text in ("−€30.00", "VAT 7% on −€30.00", "€86.90") if text not in page] == []


def test_no_more_is_taken_back_than_the_whole_asked_for():
    """The line above zero alone was 119.00, more than the invoice."""
    invoice = a_corrected_invoice()
    plus, minus = invoice.lines.all()
    for wanted in ([(plus, 100_00)], [(minus, -30_00)], [(minus, 30_00)], [(minus, -30_01), (plus, 100_00)]):
        with pytest.raises(CreditExceedsInvoice):
            take_back(invoice, *wanted)
    take_back(invoice, (plus, 50_00))
    note = take_back(invoice, *left_to_credit(invoice=invoice))
    assert (note.subtotal_cents, note.total_cents) == (20_00, 86_90 - 59_50)


def test_the_form_takes_all_of_it_back():
    invoice = a_corrected_invoice()
    client = signed_in(someone("Finance manager"))
    assert "At most -€30.00" in client.get(button_of(invoice, "issue-credit-note")).content.decode()
    client.post(button_of(invoice, "issue-credit-note"), {"is_whole": "on", "reason": "Returned"})
    assert CreditNote.objects.get().total_cents == 86_90


@given(lines=SIGNED_LINES, rounding=st.sampled_from(["line", "document"]), tax_inclusive=st.booleans())
def test_lines_of_both_signs_add_up_and_come_back_whole(lines, rounding, tax_inclusive):
    totals = total_invoice(lines, currency="EUR", rounding=rounding, tax_inclusive=tax_inclusive)
    assert sum(line.gross_cents for line in totals.lines) == totals.total_cents
    assert sum(tax.tax_cents for tax in totals.taxes) == totals.tax_cents
    billed = [
        Part(place, asked.taxed_as, line.net_cents, line.tax_cents)
        for place, (asked, line) in enumerate(zip(lines, totals.lines, strict=True))
    ]
    wanted = [part._replace(tax_cents=0) for part in billed]
    assert taxes_taken_back(billed=billed, earlier=[], wanted=wanted, currency="EUR") == [
        part.tax_cents for part in billed
    ]
