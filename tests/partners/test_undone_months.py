"""A month whose invoice people took back is somebody's to bill again, and the system says so until it is."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.test import Client

from billing_site.kit.periods import Period
from invoices.models import Invoice
from invoices.services import CreditLine, issue_credit_note, void_invoice
from partners.admin.run_progress import totals_beside
from partners.models import BilledPeriod, BillingRun
from partners.services import approve_run, bill_again, build_run, hold_entry, issue_run, release_entry
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, ON, UTC, a_contract, a_partner, bill, use
from tests.partners.pages import page_of

pytestmark = pytest.mark.django_db
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
TODAY = AFTER_OCTOBER.date()
LIST = "/admin/partners/billedperiod/"


def void(invoice: Invoice) -> None:
    void_invoice(invoice=invoice, now=AFTER_OCTOBER, by="ada", reason="Wrong")


def issue(run: BillingRun) -> None:
    issue_run(run=approve_run(run=run, now=AFTER_OCTOBER, by="grace"), on=ON, now=AFTER_OCTOBER, by="grace")


def credit(invoice: Invoice) -> None:
    line = CreditLine(description="All", amount_cents=invoice.total_cents, invoice_line=invoice.lines.get())
    issue_credit_note(invoice=invoice, lines=[line], reason="Wrong", on=TODAY, now=AFTER_OCTOBER, by="ada")


def to_bill_again(on: dt.date = TODAY) -> list[str]:
    return [str(month) for month in BilledPeriod.objects.to_bill_again(on=on).order_by("pk")]


def test_a_month_is_to_be_billed_again_until_somebody_does():
    voided, credited, standing = (a_contract("flat", reference=name) for name in ("C-void", "C-note", "C-fine"))
    bill()
    void(voided.billed_periods.get().invoice)
    credit(credited.billed_periods.get().invoice)
    assert to_bill_again() == ["C-void v1 · 2026-10", "C-note v1 · 2026-10"]
    run = bill_again(billed_period=BilledPeriod.objects.get(contract=voided), now=AFTER_OCTOBER, by="ada")
    assert "C-void v1 · 2026-10" in to_bill_again()
    issue(run)
    assert to_bill_again() == ["C-note v1 · 2026-10"]
    assert standing.billed_periods.get().invoice.status == "open"


def test_what_nobody_billed_for_a_year_is_taken_for_a_decision():
    a_contract("flat", reference="C-1", start_date=dt.date(2025, 11, 1))
    bill(Period.month(2025, 11, UTC))
    void(Invoice.objects.get())
    assert to_bill_again(dt.date(2026, 11, 30)) == ["C-1 v1 · 2025-11"]
    assert to_bill_again(dt.date(2026, 12, 1)) == []
    assert BilledPeriod.objects.undone().count() == 1


def test_the_next_runs_flag_a_month_that_is_to_be_billed_again():
    here, gone, alone = a_contract("flat"), a_contract("flat", end_date=dt.date(2026, 11, 1)), a_contract("flat")
    bill()
    for contract in (here, gone):
        void(contract.billed_periods.get().invoice)
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    flags = run.flags.filter(kind="undone").order_by("pk").values_list("partner", "entry__contract", "sentence")
    sentence = "2026-10: {} of $500.00 is void, and nobody billed the month again."
    numbers = [contract.billed_periods.get().invoice.invoice_number for contract in (here, gone)]
    assert list(flags) == [
        (here.partner_id, here.pk, sentence.format(numbers[0])),
        (gone.partner_id, None, sentence.format(numbers[1])),
    ]
    assert not build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada", partner=alone.partner).flags.exists()


def test_a_run_stands_beside_what_still_stands_of_the_month_before():
    voided, billed_twice = a_contract("flat"), a_contract("flat")
    a_contract("flat")
    bill()
    for contract in (voided, billed_twice):
        void(contract.billed_periods.get().invoice)
    issue(bill_again(billed_period=BilledPeriod.objects.get(contract=billed_twice), now=AFTER_OCTOBER, by="ada"))
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    assert [(row.before, row.total) for row in totals_beside(run)] == [("$1,000.00", "$1,500.00")]


def test_a_run_of_what_was_left_out_stands_beside_the_same_contracts():
    held, _ = a_contract("flat"), a_contract("flat")
    bill()
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    hold_entry(entry=run.entries.get(contract=held), reason="Ask first.", now=AFTER_NOVEMBER, by="ada")
    issue(run)
    rest = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    release_entry(entry=rest.entries.get(), now=AFTER_NOVEMBER, by="ada")
    assert [(row.before, row.total) for row in totals_beside(run)] == [("$1,000.00", "$500.00")]
    assert [(row.before, row.total) for row in totals_beside(rest)] == [("$500.00", "$500.00")]


def test_a_run_that_bills_the_month_again_does_not_ask_for_it():
    a_contract("flat")
    bill()
    void(Invoice.objects.get())
    again = bill_again(billed_period=BilledPeriod.objects.get(), now=AFTER_OCTOBER, by="ada")
    assert not again.flags.filter(kind="undone").exists()


@time_machine.travel(AFTER_OCTOBER, tick=False)
def test_the_start_page_and_the_partner_say_which_months_are_to_be_billed_again(finance_manager: Client):
    one, other = a_contract("flat"), a_contract("flat", currency="EUR")
    bill()
    assert "Months to bill again" not in finance_manager.get("/admin/").content.decode()
    for contract in (one, other):
        void(contract.billed_periods.get().invoice)
    start = finance_manager.get("/admin/").content.decode()
    told = start[start.index(f"{LIST}?view=to_bill_again") :][:3000]
    assert [told.count(words) for words in ("Months to bill again", "€500.00", "$500.00")] == [1, 1, 1]
    assert "To bill again" in finance_manager.get(page_of(one.partner)).content.decode()


@time_machine.travel(AFTER_OCTOBER, tick=False)
def test_only_an_undone_month_offers_to_bill_it_again(finance_manager: Client):
    used, month = a_partner(), f"{LIST}?view=to_bill_again"
    a_contract(partner=used, reference="C-again")
    use(used, 2)
    bill()
    billed = BilledPeriod.objects.get()
    assert "Bill again" not in finance_manager.get(page_of(billed)).content.decode()
    assert "C-again" not in finance_manager.get(month).content.decode()
    void(billed.invoice)
    assert "Bill again" in finance_manager.get(page_of(billed)).content.decode()
    assert "C-again" in finance_manager.get(month).content.decode()
