"""Usage that arrives after its month is billed: rated as if on time, on the next paper, and never dropped."""

from __future__ import annotations

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction

from invoices.models import CreditNote, Invoice, InvoiceLine
from invoices.recounting import recount
from invoices.services import CreditLine, issue_credit_note, void_invoice
from partners.models import ApiUsage, BilledPeriod, BillingRun, Contract, Correction, Partner, UsageEvent
from partners.pricing import Proration
from partners.services import (
    LateUsageStands,
    MonthsAreBilled,
    NothingToBill,
    NotUndone,
    RunUnderWay,
    approve_run,
    bill_again,
    build_run,
    change_contract,
    due_months,
    hold_entry,
    issue_run,
    late_usage,
    release_entry,
)
from partners.tasks import bill_due_months
from payments.services import record_manual_payment
from tests.partners.agreements import (
    AFTER_OCTOBER,
    NOVEMBER,
    OCTOBER,
    ON,
    a_contract,
    a_partner,
    approved_run,
    bill,
    use,
)
from tests.partners.pages import page_of, pressed
from tests.payments.storm import alone, wait_until_somebody_waits

pytestmark = pytest.mark.django_db
IN_NOVEMBER = "2026-11-15T12:00:00+00:00"
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
AFTER_DECEMBER = dt.datetime(2027, 1, 2, 8, tzinfo=dt.UTC)
DECEMBER = NOVEMBER.next_month()


def take_back(partner: Partner, quantity: int, day: dt.date = dt.date(2026, 10, 15)) -> None:
    """Count so many deeds less, as the reversal of an event of that size would."""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    UsageEvent.objects.create(
        id=uuid4(), partner=partner, event_type="deed", quantity=-quantity, occurred_at=noon, reverses=uuid4()
    )
    row = ApiUsage.objects.get(partner=partner, day=day)
    row.quantity -= quantity
    row.save()


def issue(run: BillingRun, now: dt.datetime = AFTER_OCTOBER) -> BillingRun:
    approve_run(run=run, now=now, by="grace")
    return issue_run(run=run, on=now.date(), now=now, by="grace")


def lines_of(invoice: Invoice) -> list[tuple[str, int]]:
    return list(invoice.lines.order_by("position").values_list("kind", "amount_cents"))


def steps(**about: Any) -> list[int]:
    return list(Correction.objects.filter(**about).order_by("pk").values_list("net_cents", flat=True))


# --- What is late ---------------------------------------------------------------------------------------------------


def test_usage_that_arrives_late_is_listed_as_unbilled():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    assert late_usage() == []
    use(contract.partner, 4)
    (late,) = late_usage()
    assert (late.contract, late.meter, late.billed, late.counted, late.unbilled) == (contract, "deed", 10, 14, 4)
    assert late_usage(since=dt.date(2026, 11, 1)) == []
    counted = ApiUsage.objects.get().quantity
    assert counted == late.billed + late.unbilled


# --- More than was billed ----------------------------------------------------------------------------------------


def test_late_usage_is_a_line_of_the_next_invoice_that_names_its_month():
    contract = a_contract("hybrid")
    use(contract.partner, 90)
    bill()
    use(contract.partner, 40)
    use(contract.partner, 110, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    invoice = Invoice.objects.latest("pk")
    assert lines_of(invoice) == [("fee", 500_00), ("usage", 10 * 40), ("correction", 30 * 40)]
    late = invoice.lines.get(kind="correction")
    assert late.description == "Late usage of October 2026"
    assert late.detail == "40 deeds counted after billing; the month comes to $512.00, billed were $500.00"
    assert (late.service_period_start, late.service_period_end) == (OCTOBER.start, OCTOBER.end)
    assert (invoice.billing_period_start, invoice.billing_period_end) == (NOVEMBER.start, NOVEMBER.end)
    assert invoice.total_cents == 500_00 + 40 * 40
    assert late_usage() == []


def test_late_usage_within_the_minimum_is_settled_without_money():
    contract = a_contract(minimum_cents=100_00)
    use(contract.partner, 10)
    bill()
    use(contract.partner, 5)
    run = bill(NOVEMBER, AFTER_NOVEMBER)
    assert [kind for kind, _ in lines_of(Invoice.objects.latest("pk"))] == ["usage", "minimum"]
    assert (steps(), run.corrections.get().usage) == ([0], {"deed": "15", "request": "0"})
    assert late_usage() == []


def test_what_is_still_late_after_a_correction_starts_where_it_ended():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 5)
    bill(NOVEMBER, AFTER_NOVEMBER)
    use(contract.partner, 1)
    bill(DECEMBER, AFTER_DECEMBER)
    assert steps() == [12_00, 2_40]
    assert list(Correction.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]


def test_late_usage_is_taxed_as_its_contract():
    contract = a_contract(currency="EUR", tax_rate=Decimal("0.19"), price_per_deed=Decimal("0.35"))
    use(contract.partner, 1)
    bill()
    use(contract.partner, 3)
    bill(NOVEMBER, AFTER_NOVEMBER)
    invoice = Invoice.objects.latest("pk")
    assert (invoice.subtotal_cents, invoice.tax_cents, invoice.total_cents) == (1_05, 20, 1_25)
    assert recount().of_ours == ()


@pytest.mark.parametrize(
    ("language", "description", "detail"),
    [
        ("de", "Nachgemeldete Nutzung Oktober 2026", "2 Urkunden nach der Abrechnung gezählt; der Monat ergibt 4,80"),
        ("fr", "Consommation tardive, octobre 2026", "2 actes après facturation ; le mois revient à 4,80"),
        ("es", "Consumo tardío de octubre de 2026", "2 escrituras después de facturar; el mes suma 4,80"),
        ("ja", "2026年10月分の追加利用", "請求後に2 件を計上。当月合計"),
    ],
)
def test_late_usage_speaks_the_language_of_the_customer(language, description, detail):
    contract = a_contract(currency="EUR")
    contract.partner.customer.language = language
    contract.partner.customer.save()
    bill()
    use(contract.partner, 2)
    bill(NOVEMBER, AFTER_NOVEMBER)
    line = InvoiceLine.objects.get(kind="correction")
    assert line.description == description
    assert line.detail.startswith(detail)


def test_a_month_whose_terms_cannot_be_read_parks_its_contract_alone():
    contract, other = a_contract(), a_contract("flat")
    run = BillingRun.objects.create(
        period_start=OCTOBER.start, period_end=OCTOBER.end, started_by="ada", started_at=AFTER_OCTOBER, status="issued"
    )
    for one in (contract, other):
        BilledPeriod.objects.create(
            contract=one, period_start=OCTOBER.start, period_end=OCTOBER.end, run=run,
            terms={"pricing_model": "barter"}, usage={"deed": "0", "request": "0"},
        )  # fmt: skip
    use(contract.partner, 1)
    entries = {
        entry.contract: entry for entry in build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada").entries.all()
    }
    assert entries[contract].reason.startswith("The terms kept of this month cannot be read")
    assert (entries[contract].state, entries[other].state) == ("parked", "previewed")


def test_the_next_version_carries_what_came_late_for_the_last():
    partner = a_partner()
    a_contract(partner=partner, end_date=NOVEMBER.start, reference="PC-1")
    use(partner, 10)
    bill()
    a_contract(partner=partner, start_date=NOVEMBER.start, reference="PC-1", version=2, price_per_deed=Decimal(9))
    use(partner, 2)
    use(partner, 1, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert lines_of(Invoice.objects.latest("pk")) == [("usage", 9_00), ("correction", 2 * 240)]


def test_usage_of_a_flat_contract_is_never_late():
    contract = a_contract("flat")
    bill()
    use(contract.partner, 40)
    assert late_usage() == []


# --- Less than was billed ----------------------------------------------------------------------------------------


def test_usage_taken_back_is_a_credit_note_on_the_invoice_that_asked_for_it():
    contract = a_contract(currency="EUR", tax_rate=Decimal("0.19"))
    use(contract.partner, 10)
    bill()
    take_back(contract.partner, 4)
    run = bill(NOVEMBER, AFTER_NOVEMBER)
    note = CreditNote.objects.get()
    assert (note.invoice.billed_period.period_start, note.subtotal_cents, note.tax_cents) == (OCTOBER.start, 9_60, 1_82)
    assert note.reason == "\u22124 deeds counted after billing; the month comes to €14.40, billed were €24.00"
    note.invoice.refresh_from_db()
    assert note.invoice.amount_due_cents == 24_00 + 4_56 - 11_42
    assert (run.entries.get().state, steps()) == ("credited", [-9_60])
    assert late_usage() == []


def test_what_was_paid_and_taken_back_becomes_a_credit_of_the_customer():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    invoice = Invoice.objects.get()
    record_manual_payment(
        customer=invoice.customer, invoice=invoice, amount_cents=24_00, currency="USD", received_at=AFTER_OCTOBER,
        method="bank_transfer", reference="", now=AFTER_OCTOBER, by="ada",
    )  # fmt: skip
    take_back(contract.partner, 10)
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert CreditNote.objects.get().to_credit_cents == 24_00
    assert late_usage() == []


def test_the_paper_that_asked_last_gives_back_first():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 5)
    bill(NOVEMBER, AFTER_NOVEMBER)
    first, second = Invoice.objects.order_by("pk")
    take_back(contract.partner, 7)
    bill(DECEMBER, AFTER_DECEMBER)
    notes = CreditNote.objects.order_by("pk").values_list("invoice", "total_cents")
    assert list(notes) == [(second.pk, 5 * 240), (first.pk, 2 * 240)]
    assert steps() == [5 * 240, -5 * 240, -2 * 240]


def test_a_month_emptied_by_reversals_is_billed_for_nothing_and_can_grow_again():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    take_back(contract.partner, 10)
    bill(NOVEMBER, AFTER_NOVEMBER)
    use(contract.partner, 3)
    bill(DECEMBER, AFTER_DECEMBER)
    assert steps() == [-24_00, 7_20]


def test_what_people_gave_back_already_is_not_given_twice():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    line = CreditLine(description="Courtesy", amount_cents=20_00)
    invoice = Invoice.objects.get()
    issue_credit_note(invoice=invoice, lines=[line], reason="Outage", on=ON, now=AFTER_OCTOBER, by="ada")
    take_back(contract.partner, 4)
    use(contract.partner, 1, at=IN_NOVEMBER)
    run = bill(NOVEMBER, AFTER_NOVEMBER)
    assert (run.entries.get().state, steps()) == ("billed", [-4_00])
    assert Invoice.objects.latest("pk").total_cents == 2_40


# --- A paper that is undone --------------------------------------------------------------------------------------


def test_late_usage_on_an_invoice_that_is_voided_is_late_again():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    use(contract.partner, 5, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    november = BilledPeriod.objects.get(period_start=NOVEMBER.start)
    void_invoice(invoice=november.invoice, now=AFTER_NOVEMBER, by="ada", reason="Wrong address")
    assert [late.billed_period.period_start for late in late_usage()] == [OCTOBER.start]
    issue(bill_again(billed_period=november, now=AFTER_NOVEMBER, by="ada"), AFTER_NOVEMBER)
    assert lines_of(Invoice.objects.latest("pk")) == [("usage", 12_00), ("correction", 4_80)]
    assert late_usage() == []


def test_a_final_invoice_that_is_voided_is_due_again():
    contract = a_contract(end_date=NOVEMBER.start)
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    bill(NOVEMBER, AFTER_NOVEMBER)
    void_invoice(invoice=Invoice.objects.latest("pk"), now=AFTER_NOVEMBER, by="ada", reason="Wrong address")
    assert due_months(now=AFTER_NOVEMBER) == [NOVEMBER.start]
    bill(NOVEMBER, AFTER_NOVEMBER)
    again = Invoice.objects.latest("pk")
    assert lines_of(again) == [("correction", 4_80)]
    told = "Asked for again, its invoice was withdrawn; the month comes to $28.80, billed are $24.00"
    assert again.lines.get().detail == told
    assert due_months(now=AFTER_NOVEMBER) == []


def test_a_reversal_takes_nothing_from_an_invoice_that_is_void():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 5)
    bill(NOVEMBER, AFTER_NOVEMBER)
    void_invoice(invoice=Invoice.objects.latest("pk"), now=AFTER_NOVEMBER, by="ada", reason="Wrong address")
    take_back(contract.partner, 7)
    bill(DECEMBER, AFTER_DECEMBER)
    assert steps() == [5 * 240, -2 * 240]


def test_a_month_is_billed_again_once_its_late_line_is_credited():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    period = BilledPeriod.objects.get()
    use(contract.partner, 2)
    use(contract.partner, 1, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    void_invoice(invoice=period.invoice, now=AFTER_NOVEMBER, by="ada", reason="Wrong price")
    later = Invoice.objects.latest("pk")
    line = CreditLine(description="Late", amount_cents=4_80, invoice_line=later.lines.get(kind="correction"))
    issue_credit_note(invoice=later, lines=[line], reason="Billed anew", on=ON, now=AFTER_NOVEMBER, by="ada")
    issue(bill_again(billed_period=period, now=AFTER_NOVEMBER, by="ada"), AFTER_NOVEMBER)
    assert Invoice.objects.latest("pk").total_cents == 12 * 240


def test_a_released_contract_leaves_late_usage_to_its_carrier():
    partner = a_partner()
    middle = dt.date(2026, 11, 15)
    a_contract(partner=partner, end_date=middle, reference="PC-1")
    a_contract(partner=partner, start_date=middle, reference="PC-1", version=2)
    use(partner, 10)
    bill()
    use(partner, 2)
    use(partner, 1, at="2026-11-03T00:00:00+00:00")
    use(partner, 1, at="2026-11-20T00:00:00+00:00")
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    first = run.entries.get(contract__version=1)
    held = hold_entry(entry=first, reason="Asked", now=AFTER_NOVEMBER, by="ada")
    release_entry(entry=held, now=AFTER_NOVEMBER, by="ada")
    assert [len(entry.corrections) for entry in run.entries.order_by("contract__version")] == [0, 1]
    issue(run, AFTER_NOVEMBER)
    assert steps() == [4_80]


def test_an_undone_month_takes_the_price_of_a_new_version():
    contract = a_contract(start_date=dt.date(2026, 9, 1))
    use(contract.partner, 10)
    bill(OCTOBER.previous_month(), AFTER_OCTOBER)
    bill()
    changes = {"price_per_deed": Decimal(2)}
    with pytest.raises(MonthsAreBilled):
        change_contract(contract=contract, starts_on=OCTOBER.start, terms=changes, today=ON)
    void_invoice(invoice=Invoice.objects.get(total_cents=24_00), now=AFTER_OCTOBER, by="ada", reason="Wrong price")
    change_contract(contract=contract, starts_on=OCTOBER.start, terms=changes, today=ON)
    bill()
    assert Invoice.objects.latest("pk").total_cents == 20_00


def test_a_month_that_was_billed_again_is_compared_once():
    contract = a_contract("flat")
    bill()
    period = BilledPeriod.objects.get()
    void_invoice(invoice=period.invoice, now=AFTER_OCTOBER, by="ada", reason="Wrong address")
    issue(bill_again(billed_period=period, now=AFTER_OCTOBER, by="ada"))
    entry = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada").entries.get(contract=contract)
    assert (entry.previous_total_cents, entry.flags.count()) == (500_00, 0)


# --- A contract that is over -------------------------------------------------------------------------------------


def test_a_contract_that_is_over_gets_a_final_invoice():
    contract = a_contract(end_date=NOVEMBER.start)
    use(contract.partner, 10)
    bill()
    assert due_months(now=AFTER_NOVEMBER) == []
    use(contract.partner, 2)
    assert due_months(now=AFTER_NOVEMBER) == [NOVEMBER.start]
    run = bill(NOVEMBER, AFTER_NOVEMBER)
    assert (run.entries.get().kind, BilledPeriod.objects.count()) == ("final", 1)
    invoice = Invoice.objects.latest("pk")
    assert lines_of(invoice) == [("correction", 4_80)]
    assert (invoice.billing_period_start, invoice.billing_period_end) == (OCTOBER.start, OCTOBER.end)
    assert due_months(now=AFTER_NOVEMBER) == []
    with pytest.raises(NothingToBill):
        build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")


def test_a_contract_that_ended_mid_month_keeps_its_days():
    contract = a_contract("hybrid", end_date=dt.date(2026, 10, 16))
    use(contract.partner, 60)
    bill()
    use(contract.partner, 10)
    use(contract.partner, 10, at="2026-10-20T12:00:00+00:00")
    bill(NOVEMBER, AFTER_NOVEMBER)
    included = Proration(0, 15, 31).share(100)
    assert steps() == [(70 - max(60, included)) * 40]


@time_machine.travel(dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC), tick=False)
def test_the_clock_previews_a_final_invoice_once():
    contract = a_contract(end_date=NOVEMBER.start)
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    assert bill_due_months() == "2026-11: 1 contract previewed, 0 parked"
    assert bill_due_months() == "no month is due that is not previewed"


# --- Approval ----------------------------------------------------------------------------------------------------


def test_late_usage_that_grew_after_the_approval_is_parked():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    run = approved_run(NOVEMBER, AFTER_NOVEMBER)
    use(contract.partner, 1)
    issue_run(run=run, on=AFTER_NOVEMBER.date(), now=AFTER_NOVEMBER, by="ada")
    assert run.entries.get().state == "parked"
    assert (Invoice.objects.count(), steps()) == (1, [])
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert steps() == [3 * 240]


@pytest.mark.django_db(transaction=True)
def test_late_usage_that_two_runs_were_approved_with_is_billed_by_the_first():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 4)
    first, second = (approved_run(month, AFTER_DECEMBER) for month in (NOVEMBER, DECEMBER))
    with ThreadPoolExecutor(1) as other_worker:
        with transaction.atomic():
            issue_run(run=first, on=ON, now=AFTER_DECEMBER, by="grace")
            beside = other_worker.submit(alone, partial(issue_run, run=second, on=ON, now=AFTER_DECEMBER, by="grace"))
            wait_until_somebody_waits()
        beside.result()
    assert steps() == [4 * 2_40]
    refused = "Approved were USD 9.60, now it is USD 0.00; build the run again and look at it."
    assert second.entries.values_list("state", "reason").get() == ("parked", refused)


def test_late_usage_of_another_month_waits_for_the_next_run():
    contract = a_contract(start_date=dt.date(2026, 9, 1))
    use(contract.partner, 1, at="2026-09-15T00:00:00+00:00")
    september = OCTOBER.previous_month()
    bill(september, AFTER_OCTOBER)
    use(contract.partner, 1)
    run = approved_run()
    use(contract.partner, 1, at="2026-09-15T00:00:00+00:00")
    issue_run(run=run, on=AFTER_OCTOBER.date(), now=AFTER_OCTOBER, by="ada")
    assert (run.entries.get().state, steps()) == ("billed", [])
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert steps() == [2_40]


def test_a_preview_shows_the_late_usage_it_would_settle():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    entry = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada").entries.get()
    (kept,) = entry.corrections
    assert (entry.total_cents, kept["month"], kept["net_cents"]) == (4_80, "2026-10", 4_80)


# --- Once more ---------------------------------------------------------------------------------------------------


def test_a_month_is_billed_again_only_after_its_invoice_is_undone():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    period = BilledPeriod.objects.get()
    with pytest.raises(NotUndone, match="void its invoice or credit it in full"):
        bill_again(billed_period=period, now=AFTER_OCTOBER, by="ada")
    void_invoice(invoice=period.invoice, now=AFTER_OCTOBER, by="ada", reason="Wrong price")
    use(contract.partner, 1)
    assert late_usage() == []
    run = bill_again(billed_period=period, now=AFTER_OCTOBER, by="ada")
    with pytest.raises(RunUnderWay, match="issue or cancel it first"):
        bill_again(billed_period=period, now=AFTER_OCTOBER, by="ada")
    issue(run)
    both = BilledPeriod.objects.order_by("revision").values_list("revision", "invoice__status", "invoice__total_cents")
    assert list(both) == [(1, "void", 24_00), (2, "open", 26_40)]
    with pytest.raises(NotUndone):
        bill_again(billed_period=period, now=AFTER_OCTOBER, by="ada")


def test_a_month_credited_in_full_is_billed_again():
    contract = a_contract(currency="EUR", tax_rate=Decimal("0.19"))
    use(contract.partner, 10)
    bill()
    period = BilledPeriod.objects.get()
    line = CreditLine(description="All", amount_cents=24_00, invoice_line=period.invoice.lines.get())
    issue_credit_note(
        invoice=period.invoice, lines=[line], reason="Wrong party", on=AFTER_OCTOBER.date(), now=AFTER_OCTOBER, by="ada"
    )
    issue(bill_again(billed_period=period, now=AFTER_OCTOBER, by="ada"))
    assert list(BilledPeriod.objects.order_by("revision").values_list("revision", flat=True)) == [1, 2]


def test_a_month_whose_late_usage_another_invoice_asks_for_is_not_billed_again():
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    period = BilledPeriod.objects.get()
    use(contract.partner, 2)
    bill(NOVEMBER, AFTER_NOVEMBER)
    void_invoice(invoice=period.invoice, now=AFTER_NOVEMBER, by="ada", reason="Wrong price")
    with pytest.raises(LateUsageStands, match="asks for late usage of this month; credit that line first"):
        bill_again(billed_period=period, now=AFTER_NOVEMBER, by="ada")


@pytest.mark.parametrize("end", [dt.date(2026, 10, 20), dt.date(2026, 10, 2)])
def test_a_contract_does_not_end_within_a_month_that_is_billed(end):
    contract = a_contract("flat")
    bill()
    with pytest.raises(IntegrityError, match="The month 2026-10 of contract"), transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(end_date=end)
    Contract.objects.filter(pk=contract.pk).update(end_date=NOVEMBER.start)


def test_a_contract_that_ended_within_a_billed_month_does_not_go_on():
    contract = a_contract("flat", end_date=dt.date(2026, 10, 20))
    bill()
    for end in (None, NOVEMBER.start):
        with pytest.raises(IntegrityError, match="The month 2026-10 of contract"), transaction.atomic():
            Contract.objects.filter(pk=contract.pk).update(end_date=end)


# --- In the admin ------------------------------------------------------------------------------------------------


def test_finance_bills_a_month_again_by_a_button(finance_manager):
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    period = BilledPeriod.objects.get()
    refused = pressed(finance_manager, period, "bill-again").content.decode()
    assert "void its invoice or credit it in full before billing again" in refused
    void_invoice(invoice=period.invoice, now=AFTER_OCTOBER, by="ada", reason="Wrong price")
    pressed(finance_manager, period, "bill-again")
    assert BillingRun.objects.latest("pk").entries.get().revision == 2


def test_the_page_of_a_billed_month_tells_what_came_late(finance_manager):
    contract = a_contract()
    use(contract.partner, 10)
    bill()
    use(contract.partner, 2)
    bill(NOVEMBER, AFTER_NOVEMBER)
    told = finance_manager.get(page_of(BilledPeriod.objects.order_by("pk").first())).content.decode()
    assert "12 deeds" in told
    assert str(Invoice.objects.latest("pk")) in told
    step = finance_manager.get(page_of(Correction.objects.get())).content.decode()
    assert "2 deeds counted after billing; the month comes to $28.80, billed were $24.00" in step
    assert "12 deeds" in step
    assert re.findall(r"Before tax|Net|\$4\.80", step) == ["Before tax", "$4.80"]
    assert page_of(contract.partner) in step
