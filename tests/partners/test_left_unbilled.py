"""A person may decide that a month whose invoice was taken back stays unbilled: with a reason, until it is reopened."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.test import Client

from invoices.models import Invoice
from invoices.services import void_invoice
from partners.fates import Fate
from partners.models import BilledPeriod, Contract, LeftUnbilled
from partners.services import (
    LateUsageStands,
    MonthLeftUnbilled,
    NotLeftUnbilled,
    NotToLeaveUnbilled,
    NotUndone,
    bill_again,
    build_run,
    cancel_run,
    due_months,
    fates_of,
    leave_unbilled,
    reopen_month,
)
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, OCTOBER, a_contract, bill, use
from tests.partners.pages import page_of, pressed
from tests.partners.test_undone_months import AFTER_NOVEMBER, LIST, TODAY, credit, issue, to_bill_again, void

pytestmark = pytest.mark.django_db
WHY = "Goodwill for the outage."


def left(contract: Contract) -> LeftUnbilled:
    period = BilledPeriod.objects.get(contract=contract)
    return leave_unbilled(billed_period=period, reason=WHY, now=AFTER_OCTOBER, by="ada")


def again(contract: Contract):
    return bill_again(billed_period=BilledPeriod.objects.get(contract=contract), now=AFTER_OCTOBER, by="ada")


def undone(**fields) -> Contract:
    """Bill a contract's October and void the invoice."""
    contract = a_contract(**fields)
    use(contract.partner, 7)
    bill()
    void(contract.billed_periods.get().invoice)
    return contract


def test_a_month_left_unbilled_is_asked_for_no_more_until_it_is_reopened():
    contract = undone(reference="C-1")
    decision = left(contract)
    assert (decision.reason, decision.decided_by, decision.decided_at) == (WHY, "ada", AFTER_OCTOBER)
    assert to_bill_again() == []
    assert due_months(now=AFTER_OCTOBER) == []
    reopened = reopen_month(billed_period=contract.billed_periods.get(), now=AFTER_NOVEMBER, by="grace")
    assert (reopened.pk, reopened.reopened_by, reopened.reopened_at) == (decision.pk, "grace", AFTER_NOVEMBER)
    assert to_bill_again() == ["C-1 v1 · 2026-10"]
    issue(again(contract))
    assert list(Invoice.objects.order_by("pk").values_list("status", "total_cents")) == [
        ("void", 16_80),
        ("open", 16_80),
    ]


def test_usage_of_a_month_left_unbilled_is_rejected_whenever_it_arrives():
    contract = undone()
    left(contract)
    use(contract.partner, 3)
    assert fates_of(partner=contract.partner) == {(OCTOBER.start, "deed"): Fate(left_unbilled=Decimal(10))}
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert fates_of(partner=contract.partner)[OCTOBER.start, "deed"] == Fate(left_unbilled=Decimal(10))
    assert Invoice.objects.count() == 1
    reopen_month(billed_period=contract.billed_periods.get(period_start=OCTOBER.start), now=AFTER_NOVEMBER, by="ada")
    assert fates_of(partner=contract.partner)[OCTOBER.start, "deed"] == Fate(open=Decimal(10))


def test_a_month_left_unbilled_is_not_billed_again():
    contract = undone(reference="C-1")
    left(contract)
    sentence = f"Reopen C-1 v1 · 2026-10 before billing it again; ada left it unbilled: {WHY}"
    with pytest.raises(MonthLeftUnbilled) as refusal:
        again(contract)
    assert str(refusal.value) == sentence
    with pytest.raises(NotToLeaveUnbilled, match="is left unbilled already"):
        left(contract)


def test_only_an_undone_month_is_left_unbilled_and_with_a_reason():
    standing = a_contract("flat")
    bill()
    with pytest.raises(NotToLeaveUnbilled, match="void its invoice or credit it in full"):
        left(standing)
    with pytest.raises(NotLeftUnbilled, match="nothing to reopen"):
        reopen_month(billed_period=standing.billed_periods.get(), now=AFTER_OCTOBER, by="ada")
    credit(Invoice.objects.get())
    with pytest.raises(NotToLeaveUnbilled, match="Say why"):
        leave_unbilled(billed_period=standing.billed_periods.get(), reason=" ", now=AFTER_OCTOBER, by="ada")
    left(standing)
    assert to_bill_again() == []


def refused_by(month: BilledPeriod) -> list[str]:
    """What two buttons say that find nothing to decide about a month."""
    who = {"billed_period": month, "now": AFTER_OCTOBER, "by": "ada"}
    with pytest.raises(NotToLeaveUnbilled) as leaving:
        leave_unbilled(reason=WHY, **who)
    with pytest.raises(NotUndone) as billing:
        bill_again(**who)
    return [str(leaving.value), str(billing.value)]


def test_a_month_that_came_to_nothing_has_no_invoice_to_take_back():
    contract = a_contract(reference="C-1")
    bill()
    sentence = "C-1 v1 · 2026-10 came to nothing; there is no invoice to take back."
    assert refused_by(contract.billed_periods.get()) == [sentence, sentence]


def test_only_the_latest_revision_of_a_month_is_decided_about():
    contract = undone(reference="C-1")
    issue(again(contract))
    first, second = contract.billed_periods.order_by("revision")
    void(second.invoice)
    sentence = "C-1 v1 · 2026-10 was billed again since; decide about its latest revision."
    assert refused_by(first) == [sentence, sentence]


def test_a_month_that_a_run_bills_again_is_left_unbilled_only_when_the_run_is_canceled():
    contract = undone()
    run = again(contract)
    with pytest.raises(NotToLeaveUnbilled, match="cancel that run first"):
        left(contract)
    cancel_run(run=run, now=AFTER_OCTOBER)
    left(contract)
    assert to_bill_again() == []


def test_a_month_whose_late_usage_another_invoice_asks_for_is_not_left_unbilled():
    contract = a_contract()
    use(contract.partner, 7)
    bill()
    use(contract.partner, 2)
    bill(NOVEMBER, AFTER_NOVEMBER)
    october = contract.billed_periods.get(period_start=OCTOBER.start)
    void(october.invoice)
    with pytest.raises(LateUsageStands, match="credit that line first"):
        leave_unbilled(billed_period=october, reason=WHY, now=AFTER_NOVEMBER, by="ada")
    void_invoice(invoice=Invoice.objects.get(status="open"), now=AFTER_NOVEMBER, by="ada", reason="Wrong")
    leave_unbilled(billed_period=october, reason=WHY, now=AFTER_NOVEMBER, by="ada")
    assert fates_of(partner=contract.partner)[OCTOBER.start, "deed"] == Fate(left_unbilled=Decimal(9))


def test_postgresql_leaves_only_undone_months_unbilled():
    standing = a_contract("flat")
    bill()
    given = {"reason": WHY, "decided_by": "ada", "decided_at": AFTER_OCTOBER}
    with pytest.raises(DatabaseError, match="Only a month whose invoice is void"), transaction.atomic():
        LeftUnbilled.objects.create(billed_period=standing.billed_periods.get(), **given)


def test_postgresql_bills_no_month_that_is_left_unbilled_and_keeps_who_left_it():
    contract = undone()
    decision = left(contract)
    period = contract.billed_periods.get()
    period.pk, period.revision, period.invoice = None, 2, None
    with pytest.raises(DatabaseError, match="left unbilled; reopen it"), transaction.atomic():
        period.save(force_insert=True)
    for change in ({"reason": "Another"}, {"decided_by": "grace"}):
        with pytest.raises(DatabaseError, match="stays on record"), transaction.atomic():
            LeftUnbilled.objects.update(**change)
    with pytest.raises(DatabaseError, match="stays on record"), transaction.atomic():
        decision.delete()


def test_the_runs_since_tell_who_left_a_month_unbilled():
    contract = undone()
    left(contract)
    number = Invoice.objects.get().invoice_number
    told = [("left_unbilled", f"2026-10: {number} of $16.80 is void, and ada left the month unbilled: {WHY}")]
    november = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    assert list(november.flags.filter(kind__in=("undone", "left_unbilled")).values_list("kind", "sentence")) == told
    december = build_run(period=NOVEMBER.next_month(), now=AFTER_NOVEMBER.replace(month=1, year=2027), by="ada")
    assert not december.flags.filter(kind="left_unbilled").exists()


def test_a_month_that_was_reopened_more_than_once_is_flagged_once():
    contract = undone()
    for _ in range(2):
        left(contract)
        reopen_month(billed_period=contract.billed_periods.get(), now=AFTER_OCTOBER, by="grace")
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    assert list(run.flags.filter(kind__in=("undone", "left_unbilled")).values_list("kind", flat=True)) == ["undone"]


@time_machine.travel(AFTER_OCTOBER, tick=False)
def test_finance_leaves_a_month_unbilled_on_its_page_and_reopens_it(finance_manager: Client):
    contract, other = undone(), a_contract("flat", currency="EUR")
    bill()
    void(other.billed_periods.get().invoice)
    month = contract.billed_periods.get()
    assert "Leave unbilled" in finance_manager.get(page_of(month)).content.decode()
    pressed(finance_manager, month, "leave-unbilled", reason=WHY)
    told = finance_manager.get(page_of(month)).content.decode()
    assert [words in told for words in (WHY, "Reopen", "Bill again", "Leave unbilled")] == [True, True, False, False]
    assert "Left unbilled" in finance_manager.get(page_of(contract.partner)).content.decode()
    assert WHY in finance_manager.get(page_of(contract.partner)).content.decode()
    assert "1 more left unbilled" in finance_manager.get("/admin/").content.decode()
    assert contract.reference in finance_manager.get(f"{LIST}?view=left_unbilled").content.decode()
    listed = finance_manager.get(f"{LIST}?view=left_unbilled").content.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert (WHY in listed, "2 Nov 2026 by " in listed) == (True, True)
    assert WHY not in finance_manager.get(LIST).content.decode()
    assert contract.reference not in finance_manager.get(f"{LIST}?view=to_bill_again").content.decode()
    pressed(finance_manager, month, "reopen")
    assert month in BilledPeriod.objects.to_bill_again(on=TODAY)


@time_machine.travel(AFTER_OCTOBER, tick=False)
def test_the_export_says_why_a_month_was_left_unbilled_and_who_left_it_when(finance_manager: Client):
    contract, standing = undone(), a_contract("flat", currency="EUR")
    left(contract)
    bill()
    asked = {f"billedperiodresource_{name}": "on" for name in ("reference", "reason", "decided_by", "decided_at")}
    answer = finance_manager.post(f"{LIST}export/", {"format": "0", "resource": "0", **asked})
    told = csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines())
    columns = ("contract_reference", "left_unbilled_because", "left_unbilled_by", "left_unbilled_at")
    assert {tuple(row[name] for name in columns) for row in told} == {
        (contract.reference, WHY, "ada", "2026-11-02T08:00:00+00:00"),
        (standing.reference, "", "", ""),
    }
