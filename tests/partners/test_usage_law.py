"""The law of late usage: whatever arrives when, and whatever people give back, none of it is lost or paid twice."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest

from invoices.models import CreditNote, Invoice
from invoices.services import CreditLine, issue_credit_note, left_to_credit, void_invoice
from partners.models import ApiUsage, BilledPeriod, Contract
from partners.pricing import rate
from partners.services import (
    LateUsageStands,
    bill_again,
    build_run,
    due_months,
    fates_of,
    late_usage,
    leave_unbilled,
    reopen_month,
    terms_of,
)
from tests.partners.agreements import NOVEMBER, OCTOBER, UTC, a_contract, use
from tests.partners.test_late_usage import issue, take_back

pytestmark = pytest.mark.django_db
DECEMBER = NOVEMBER.next_month()
MONTHS = [OCTOBER, NOVEMBER, DECEMBER]
MONTH_ENDS = [dt.datetime(2026 + month // 12, month % 12 + 1, 2, tzinfo=dt.UTC) for month in range(10, 17)]


@pytest.mark.parametrize("seed", range(12))
def test_whenever_usage_arrives_each_month_ends_at_what_all_of_it_costs(seed):
    contract = lived(random.Random(seed))  # noqa: S311
    assert late_usage() == []
    for fate in fates_of(partner=contract.partner).values():
        assert (fate.open, fate.without_contract) == (0, 0)
    for month in MONTHS:
        assert asked_for(latest(contract, month.start)) == cost_of(contract, month.start, month.end)


@pytest.mark.parametrize("seed", range(16))
def test_whatever_people_give_back_usage_is_billed_or_its_month_waits_for_or_has_a_decision(seed):
    contract = lived(random.Random(seed), people=True)  # noqa: S311
    assert late_usage() == []
    fates, beyond = fates_of(partner=contract.partner), 0
    meter = "request" if contract.pricing_model == "per_request" else "deed"
    for month in MONTHS:
        period, fate = latest(contract, month.start), fates[month.start, meter]
        undone = period.invoice is not None and is_undone(period.invoice)
        is_left = period.decisions.filter(reopened_at=None).exists()
        assert BilledPeriod.objects.to_bill_again(on=MONTH_ENDS[-1].date()).contains(period) == undone - is_left
        if is_left:
            assert (undone, fate.left_unbilled) == (True, fate.counted)
        elif undone:
            assert fate.open == fate.counted
        else:
            assert (fate.open, fate.left_unbilled) == (0, 0)
            more = asked_for(period) - cost_of(contract, month.start, month.end)
            assert more >= 0
            beyond += more
    assert beyond <= given_by_people(contract)


def lived(chance: random.Random, *, people: bool = False) -> Contract:
    """Let usage arrive and be taken back around seven month ends, and people give back what they like."""
    model = chance.choice(["per_deed", "hybrid", "per_request"])
    meter = "request" if model == "per_request" else "deed"
    contract = a_contract(model, minimum_cents=chance.choice([0, 30_00]), end_date=dt.date(2027, 1, 1))
    for now in MONTH_ENDS:
        for month in MONTHS:
            if chance.random() < 0.7:
                at = f"{month.start:%Y-%m}-{chance.randint(1, 28):02}T12:00:00+00:00"
                use(contract.partner, chance.randint(1, 3000 if meter == "request" else 60), at=at, meter=meter)
        if meter == "deed" and chance.random() < 0.6:
            take_some_back(chance, contract)
        if people:
            give_back(chance, now)
            bill_undone_months(chance, now)
            decide_about_undone_months(chance, now)
        bill_what_is_due(now)
    return contract


def take_some_back(chance: random.Random, contract: Contract) -> None:
    """Reverse one day, half or whole, or a whole month."""
    rows = list(ApiUsage.objects.filter(partner=contract.partner, quantity__gt=0))
    month = chance.choice(MONTHS) if chance.random() < 0.4 else None
    taken = [row for row in rows if month.start <= row.day < month.end] if month else rows and [chance.choice(rows)]
    for row in taken:
        take_back(contract.partner, int(row.quantity) // chance.choice([1] if month else [1, 2]), row.day)


def bill_what_is_due(now: dt.datetime) -> None:
    for start in due_months(now=now):
        run = build_run(period=OCTOBER.month(start.year, start.month, UTC), now=now, by="ada")
        assert not run.entries.parked().exists()
        issue(run, now)
        assert not run.entries.parked().exists()


def give_back(chance: random.Random, now: dt.datetime) -> None:
    """Credit a part of a paper or all that it asks for, or void it."""
    for invoice in Invoice.objects.exclude(status="void"):
        left = invoice.total_cents - sum(invoice.credit_notes.values_list("total_cents", flat=True))
        if not left or chance.random() < 0.6:
            continue
        if chance.random() < 0.3 and not invoice.credit_notes.exists():
            void_invoice(invoice=invoice, now=now, by="ada", reason="Wrong")
            continue
        row, of_row = chance.choice(left_to_credit(invoice=invoice))
        lines = {
            "goodwill": [CreditLine(description="Goodwill", amount_cents=chance.randint(1, left))],
            "a line": [CreditLine(description="Line", amount_cents=min(of_row, left), invoice_line=row)],
            "all": [CreditLine(description="All", amount_cents=left)],
        }[chance.choice(["goodwill", "a line", "all"])]
        issue_credit_note(invoice=invoice, lines=lines, reason="Sorry", on=now.date(), now=now, by="ada")


def bill_undone_months(chance: random.Random, now: dt.datetime) -> None:
    for period in BilledPeriod.objects.to_bill_again(on=now.date()):
        if chance.random() < 0.5:
            try:
                issue(bill_again(billed_period=period, now=now, by="ada"), now)
            except LateUsageStands:
                continue


def decide_about_undone_months(chance: random.Random, now: dt.datetime) -> None:
    for period in BilledPeriod.objects.left_unbilled():
        if chance.random() < 0.3:
            reopen_month(billed_period=period, now=now, by="ada")
    for period in BilledPeriod.objects.to_bill_again(on=now.date()):
        if chance.random() < 0.3:
            try:
                leave_unbilled(billed_period=period, reason="Given away", now=now, by="ada")
            except LateUsageStands:
                continue


def latest(contract: Contract, month_start: dt.date) -> BilledPeriod:
    return BilledPeriod.objects.latest_revisions().get(contract=contract, period_start=month_start)


def asked_for(period: BilledPeriod) -> int:
    """What all papers of a month that stand ask for together, before tax; what people gave back stays asked for."""
    own = period.invoice.lines.exclude(kind="correction") if period.invoice else ()
    asked = sum(line.amount_cents for line in own)
    for step in period.corrections.all():
        paper = step.invoice or (step.credit_note and step.credit_note.invoice)
        if paper is None or not is_undone(paper):
            asked += step.net_cents
    return asked


def is_undone(invoice: Invoice) -> bool:
    notes = list(invoice.credit_notes.order_by("pk"))
    if invoice.status == "void" or sum(note.total_cents for note in notes) < invoice.total_cents:
        return invoice.status == "void"
    return not notes[-1].usage_corrections.exists()


def cost_of(contract: Contract, start: dt.date, end: dt.date) -> int:
    used = ApiUsage.objects.filter(partner=contract.partner, day__gte=start, day__lt=end)
    deeds = sum((row.quantity for row in used if row.event_type == "deed"), Decimal(0))
    requests = Decimal(sum(row.requests for row in used if row.event_type == "request"))
    return sum(line.amount_cents for line in rate(terms_of(contract), {"deed": deeds, "request": requests}))


def given_by_people(contract: Contract) -> int:
    notes = CreditNote.objects.filter(invoice__customer=contract.partner.customer, usage_corrections=None)
    return sum(notes.values_list("subtotal_cents", flat=True))
