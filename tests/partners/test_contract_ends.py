"""The end of a contract stays out of its billed months, and who tries is told what can be done instead."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, transaction

from billing_site.kit.errors import sentence_of
from invoices.models import Invoice
from invoices.services import void_invoice
from partners.models import Contract
from tests.partners.agreements import NOVEMBER, a_contract, bill, use
from tests.partners.test_changes_beside_runs import AFTER_NOVEMBER, MID_OCTOBER
from tests.partners.test_late_usage import take_back

pytestmark = pytest.mark.django_db


def end(contract: Contract, on: dt.date | None) -> str:
    """Move the end of a contract, as its form does; return what PostgreSQL says to it."""
    try:
        with transaction.atomic():
            Contract.objects.filter(pk=contract.pk).update(end_date=on)
    except DatabaseError as refusal:
        return sentence_of(refusal).partition(" is billed as it ran: ")[2]
    return "moved"


def test_a_contract_ends_in_no_billed_month_and_is_told_what_can_be_done():
    contract = a_contract("flat")
    bill()
    bill(NOVEMBER, AFTER_NOVEMBER)
    october, november = Invoice.objects.order_by("pk")
    advice = "end it on {} or later, or void invoice {} or credit it in full first."
    assert end(contract, MID_OCTOBER) == advice.format("2026-12-01", november)
    void_invoice(invoice=november, now=AFTER_NOVEMBER, by="ada", reason="Wrong")
    assert end(contract, MID_OCTOBER) == advice.format("2026-11-01", october)
    void_invoice(invoice=october, now=AFTER_NOVEMBER, by="ada", reason="Wrong")
    assert end(contract, MID_OCTOBER) == "moved"


def test_a_billed_month_of_which_nothing_is_left_names_no_invoice_to_take_back():
    nothing, taken_back = (a_contract(end_date=NOVEMBER.start) for _ in range(2))
    use(taken_back.partner, 10)
    bill()
    take_back(taken_back.partner, 10)
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert Invoice.objects.get().credit_notes.get().total_cents == 24_00
    assert [end(contract, MID_OCTOBER) for contract in (nothing, taken_back)] == ["end it on 2026-11-01 or later."] * 2


def test_a_contract_that_ended_in_a_billed_month_goes_on_as_a_new_one():
    contract = a_contract("flat", end_date=MID_OCTOBER)
    bill()
    advice = (
        f"agree on a new contract from 2026-10-16, or void invoice {Invoice.objects.get()} or credit it in full first."
    )
    assert [end(contract, on) for on in (NOVEMBER.end, None)] == [advice, advice]
