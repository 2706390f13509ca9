"""A month draws on the partner's oldest order that covers it; no order is ever exceeded."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import time_machine
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connections, transaction

from billing_site.kit.errors import sentence_of
from invoices.models import Invoice
from invoices.services import CreditLine, issue_credit_note, void_invoice
from partners.models import BilledPeriod, PurchaseOrder
from partners.services import (
    NothingToRetry,
    NotHoldable,
    approve_run,
    build_run,
    hold_entry,
    issue_run,
    release_entry,
    retry_parked,
)
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, OCTOBER, ON, a_contract, a_partner, approved_run, bill

pytestmark = pytest.mark.django_db
IN_DECEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)


def an_order(partner, number="PO-1", **fields):
    return PurchaseOrder.objects.create(partner=partner, number=number, **{"currency": "USD"} | fields)


def left(order):
    return PurchaseOrder.objects.with_drawn().get(pk=order.pk).left_cents


def numbers():
    return list(Invoice.objects.order_by("pk").values_list("purchase_order", flat=True))


def one_entry(run):
    return run.entries.get()


# --- Which order -------------------------------------------------------------------------------------------------


def test_a_month_draws_on_the_order_and_its_invoice_prints_it():
    contract = a_contract("flat", tax_rate=Decimal("0.19"))
    order = an_order(contract.partner, "PO-7", amount_cents=1_000_00)
    run = bill()
    assert numbers() == ["PO-7"]
    assert BilledPeriod.objects.get().purchase_order == one_entry(run).purchase_order == order
    assert left(order) == 1_000_00 - 595_00


@pytest.mark.parametrize(
    ("fields", "drawn"),
    [
        ({"amount_cents": 595_00}, True),
        ({"amount_cents": 594_99}, False),
        ({"amount_cents": None}, True),
        ({"currency": "EUR"}, False),
        ({"product": "API"}, True),
        ({"product": "Support"}, False),
        ({"start_date": dt.date(2026, 10, 31)}, True),
        ({"start_date": dt.date(2026, 11, 1)}, False),
        ({"end_date": dt.date(2026, 11, 1)}, True),
        ({"end_date": dt.date(2026, 10, 31)}, False),
    ],
    ids=str,
)
def test_an_order_is_drawn_on_where_it_is_valid_fits_and_covers_the_total_with_tax(fields, drawn):
    contract = a_contract("flat", tax_rate=Decimal("0.19"))
    an_order(contract.partner, **fields)
    bill()
    assert numbers() == ["PO-1" if drawn else ""]


def test_the_oldest_order_that_covers_the_month_comes_first():
    partner = a_contract("flat").partner
    an_order(partner, "newer", start_date=dt.date(2026, 9, 1))
    an_order(partner, "too small", amount_cents=1_00)
    an_order(partner, "older", start_date=dt.date(2026, 8, 1))
    bill()
    assert numbers() == ["older"]


def test_another_partners_order_is_not_drawn_on():
    a_contract("flat")
    an_order(a_partner())
    bill()
    assert numbers() == [""]


# --- What is left ------------------------------------------------------------------------------------------------


def test_a_void_invoice_gives_its_amount_back():
    contract = a_contract("flat")
    order = an_order(contract.partner, amount_cents=600_00)
    bill()
    assert left(order) == 100_00
    void_invoice(invoice=Invoice.objects.get(), now=AFTER_OCTOBER, by="ada", reason="wrong")
    assert left(order) == 600_00


def test_a_credited_amount_is_given_back():
    contract = a_contract("flat", tax_rate=Decimal("0.19"))
    order = an_order(contract.partner, amount_cents=600_00)
    bill()
    line = CreditLine(description="Less", amount_cents=100_00, tax_rate=Decimal("0.19"))
    issue_credit_note(invoice=Invoice.objects.get(), lines=[line], reason="x", on=ON, now=AFTER_OCTOBER, by="ada")
    assert left(order) == 600_00 - 595_00 + 119_00


def test_an_order_is_used_up_month_by_month():
    contract = a_contract("flat")
    an_order(contract.partner, "first", amount_cents=700_00)
    an_order(contract.partner, "second", amount_cents=700_00)
    bill()
    bill(NOVEMBER, IN_DECEMBER)
    assert numbers() == ["first", "second"]


# --- Where one is needed -----------------------------------------------------------------------------------------


def test_a_contract_that_needs_an_order_is_held_until_one_is_known():
    contract = a_contract("flat", needs_purchase_order=True)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    entry = one_entry(run)
    assert (entry.state, entry.total_cents) == ("held", 500_00)
    assert entry.reason == (
        f"It needs a purchase order of {contract.partner} that covers USD 500.00 on 2026-10-31: none is known. "
        "Enter one and try again."
    )
    an_order(contract.partner)
    retry_parked(run=run)
    assert one_entry(run).state == "previewed"
    approve_run(run=run, now=AFTER_OCTOBER, by="grace")
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")
    assert numbers() == ["PO-1"]


def test_a_dry_run_leaves_out_what_the_run_would_hold(capsys):
    a_contract("flat", reference="C-HELD", needs_purchase_order=True)
    a_contract("flat", reference="C-BILLED")
    with time_machine.travel(AFTER_OCTOBER, tick=False):
        call_command("bill_partners", month="2026-10", dry_run=True)
    told = capsys.readouterr().out
    assert "Total USD: USD 500.00" in told
    assert "Held C-HELD v1 of" in told


def test_a_released_month_that_waits_for_its_order_is_held_by_nobody():
    contract = a_contract("flat", needs_purchase_order=True)
    order = an_order(contract.partner)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    held = hold_entry(entry=one_entry(run), reason="Asked for a higher one", now=AFTER_OCTOBER, by="ada")
    PurchaseOrder.objects.filter(pk=order.pk).update(end_date=dt.date(2026, 10, 15))
    assert release_entry(entry=held, now=AFTER_OCTOBER, by="ada").state == "held"
    an_order(contract.partner, "PO-2")
    assert [entry.state for entry in retry_parked(run=run)] == ["previewed"]


def test_a_month_that_waits_for_its_order_may_be_held_by_a_person_until_it_is_released():
    contract = a_contract("flat", needs_purchase_order=True)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    held = hold_entry(entry=one_entry(run), reason="They dispute the month", now=AFTER_OCTOBER, by="ada")
    assert (held.state, held.reason, held.decided_by) == ("held", "They dispute the month", "ada")
    an_order(contract.partner)
    with pytest.raises(NothingToRetry):
        retry_parked(run=run)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="grace")
    assert (one_entry(run).reason, one_entry(run).decided_by) == ("They dispute the month", "ada")
    with pytest.raises(NotHoldable, match="is held in a run that is preview"):
        hold_entry(entry=one_entry(run), reason="Once more", now=AFTER_OCTOBER, by="grace")
    assert release_entry(entry=one_entry(run), now=AFTER_OCTOBER, by="grace").state == "previewed"


def test_the_next_build_takes_a_held_month_up_again():
    contract = a_contract("flat", needs_purchase_order=True)
    build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    an_order(contract.partner)
    bill()
    assert numbers() == ["PO-1"]


def test_what_is_missing_is_said_in_figures():
    contract = a_contract("flat", needs_purchase_order=True)
    an_order(contract.partner, "PO-5", amount_cents=20_00)
    an_order(contract.partner, "EUR", currency="EUR")
    reason = one_entry(build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")).reason
    assert "on 2026-10-31: PO-5 has USD 20.00 left. Enter one" in reason


def test_an_order_that_is_gone_at_billing_holds_the_month():
    contract = a_contract("flat", needs_purchase_order=True)
    order = an_order(contract.partner, amount_cents=500_00)
    run = approved_run()
    PurchaseOrder.objects.filter(pk=order.pk).update(amount_cents=499_99)
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")
    assert one_entry(run).state == "held"
    assert not Invoice.objects.exists()


def test_a_released_month_whose_order_is_gone_at_billing_is_held_by_nobody():
    contract = a_contract("flat", needs_purchase_order=True)
    order = an_order(contract.partner, amount_cents=500_00)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    held = hold_entry(entry=one_entry(run), reason="Asked for a higher one", now=AFTER_OCTOBER, by="ada")
    release_entry(entry=held, now=AFTER_OCTOBER, by="ada")
    approve_run(run=run, now=AFTER_OCTOBER, by="grace")
    PurchaseOrder.objects.filter(pk=order.pk).update(amount_cents=499_99)
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")
    assert (one_entry(run).state, one_entry(run).decided_by) == ("held", "")
    an_order(contract.partner, "PO-2")
    bill()
    assert numbers() == ["PO-2"]


def test_an_invoice_names_the_order_that_was_approved_or_is_not_written():
    contract = a_contract("flat")
    an_order(contract.partner, "PO-2")
    run = approved_run()
    an_order(contract.partner, "PO-1", start_date=dt.date(2026, 1, 1), end_date=dt.date(2027, 1, 1))
    PurchaseOrder.objects.filter(number="PO-2").update(start_date=dt.date(2026, 6, 1))
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")
    said = "It was approved with PO-2, now it draws on PO-1; build the run again."
    assert (one_entry(run).state, one_entry(run).reason, numbers()) == ("parked", said, [])
    bill()
    assert numbers() == ["PO-1"]


def test_a_month_that_costs_nothing_needs_no_order():
    a_contract(needs_purchase_order=True)
    assert one_entry(bill()).state == "empty"


# --- Never exceeded ----------------------------------------------------------------------------------------------


def two_contracts(**fields):
    partner = a_partner()
    return [a_contract("flat", partner=partner, product=name, **fields) for name in ("API", "Support")]


def test_two_contracts_of_a_run_share_what_an_order_has():
    first, _ = two_contracts(needs_purchase_order=True)
    order = an_order(first.partner, amount_cents=999_99)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    entries = list(run.entries.order_by("pk"))
    assert [entry.state for entry in entries] == ["previewed", "held"]
    assert "PO-1 has USD 499.99 left" in entries[1].reason
    approve_run(run=run, now=AFTER_OCTOBER, by="grace")
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")
    assert left(order) == 499_99


def test_two_chunks_of_a_run_share_it_too():
    first, _ = two_contracts()
    order = an_order(first.partner, amount_cents=999_99)
    issue_run(run=approved_run(), on=ON, now=AFTER_OCTOBER, by="grace", chunk=1)
    assert (numbers(), left(order)) == (["PO-1", ""], 499_99)


def test_what_is_parked_leaves_its_order_to_its_neighbour():
    first, _ = two_contracts(needs_purchase_order=True)
    order = an_order(first.partner, amount_cents=2_000_00)
    run = approved_run()
    PurchaseOrder.objects.filter(pk=order.pk).update(amount_cents=500_00)
    run.entries.filter(contract=first).update(lines=[])  # no longer what was approved
    issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")
    assert [entry.state for entry in run.entries.order_by("pk")] == ["parked", "billed"]
    assert left(order) == 0


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_never_exceed_an_order():
    contract = a_contract("flat", needs_purchase_order=True)
    order = an_order(contract.partner, amount_cents=999_99)
    runs = [approved_run(), approved_run(NOVEMBER, IN_DECEMBER)]
    start = threading.Barrier(2)

    def work(run):
        try:
            start.wait()
            issue_run(run=run, on=ON, now=IN_DECEMBER, by="grace")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, runs))
    assert sorted(one_entry(run).state for run in runs) == ["billed", "held"]
    assert (numbers(), left(order)) == (["PO-1"], 499_99)


@pytest.mark.django_db(transaction=True)
def test_postgresql_refuses_what_would_exceed_an_order():
    contracts = [a_contract("flat"), a_contract("flat")]
    run = bill()
    order = an_order(contracts[0].partner, amount_cents=999_99)
    start = threading.Barrier(2)

    def draw(billed):
        try:
            with transaction.atomic():
                void = Invoice.objects.get(pk=billed.invoice_id)
                draft = Invoice.objects.create(
                    customer=void.customer, seller=void.seller, currency="USD", subtotal_cents=500_00,
                    total_cents=500_00, amount_due_cents=500_00,
                )  # fmt: skip
                BilledPeriod.objects.create(
                    contract=billed.contract, period_start=NOVEMBER.start, period_end=NOVEMBER.end, invoice=draft,
                    run=run, purchase_order=order, terms={}, usage={},
                )  # fmt: skip
                start.wait()
        except IntegrityError as refusal:
            return sentence_of(refusal)
        finally:
            connections.close_all()
        return "drawn"

    with ThreadPoolExecutor(2) as workers:
        told = sorted(workers.map(draw, BilledPeriod.objects.select_related("contract")))
    assert told == ["Purchase order PO-1 has not that much left. Enter another one, or its higher amount.", "drawn"]
    assert left(order) == 499_99


def test_an_order_is_not_lowered_below_what_is_drawn():
    contract = a_contract("flat")
    order = an_order(contract.partner, amount_cents=600_00)
    bill()
    order.amount_cents = 499_99
    with pytest.raises(DatabaseError, match="has not that much left"), transaction.atomic():
        order.save()
    order.amount_cents = 500_00
    order.save()
    assert left(order) == 0


@pytest.mark.parametrize("changed", [{"number": "PO-2"}, {"currency": "EUR"}])
def test_an_order_that_invoices_name_keeps_its_number_and_currency(changed):
    contract = a_contract("flat")
    order = an_order(contract.partner)
    PurchaseOrder.objects.filter(pk=order.pk).update(notes="by telephone")
    bill()
    with pytest.raises(DatabaseError, match="Invoices name purchase order PO-1"), transaction.atomic():
        PurchaseOrder.objects.filter(pk=order.pk).update(**changed)
    PurchaseOrder.objects.filter(pk=order.pk).update(end_date=dt.date(2027, 1, 1), notes="closed")
