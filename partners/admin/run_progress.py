"""Owns how far a run is: its steps, its totals beside the month before, and how many contracts are in which state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from billing_site.kit.admin.words import day_text
from billing_site.kit.money import Money
from billing_site.kit.wording import counted
from invoices.enums import DeliveryState, DocumentKind
from invoices.models import Delivery, Document
from partners.admin.changes import change_text
from partners.enums import EntryState, FlagKind, RunStatus
from partners.models import BilledPeriod, BillingRun

_GONE = (DeliveryState.SENT, DeliveryState.MARKED)
_STUCK = (DeliveryState.FAILED, DeliveryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many contracts of a run are in which state, and how far their papers are."""

    states: dict[str, int]
    flagged: int
    flags: dict[str, int]
    printed: int
    sent: int
    on_its_way: int
    not_sent: int

    @property
    def total(self) -> int:
        return sum(self.states.values())

    def of(self, *states: EntryState) -> int:
        return sum(self.states.get(state, 0) for state in states)

    @property
    def billed(self) -> int:
        return self.of(EntryState.BILLED)

    @property
    def left_out(self) -> int:
        return self.of(EntryState.PARKED, EntryState.HELD)

    @property
    def to_bill(self) -> int:
        return self.total - self.left_out


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run; `state` is done, now or ahead."""

    label: str
    state: str
    note: str
    percent: int = 0


@dataclass(frozen=True, slots=True)
class CurrencyRow:
    """What a run comes to in one currency, beside the month before."""

    currency: str
    contracts: int
    total: str
    before: str
    change: Any
    approved: str


def counts_of(run: BillingRun) -> Counts:
    """Count a run's contracts and papers; six queries, whatever its size."""
    invoices = run.entries.billed().values("invoice")
    mails = Delivery.objects.filter(invoice__in=invoices, followed_by=None).order_by()
    delivered = dict(mails.values_list("state").annotate(count=Count("pk")))
    gone = sum(delivered.get(state, 0) for state in _GONE)
    stuck = sum(delivered.get(state, 0) for state in _STUCK)
    return Counts(
        states=dict(run.entries.order_by().values_list("state").annotate(count=Count("pk"))),
        flagged=run.entries.flagged().count(),
        flags=dict(run.flags.order_by().values_list("kind").annotate(count=Count("pk"))),
        printed=Document.objects.filter(invoice__in=invoices, kind=DocumentKind.INVOICE).count(),
        sent=gone,
        on_its_way=sum(delivered.values()) - gone - stuck,
        not_sent=stuck + run.entries.not_sent().exclude(invoice__in=mails.values("invoice")).count(),
    )


def is_live(run: BillingRun, counts: Counts) -> bool:
    """Tell whether something is being done to the run, so that its page should look again soon."""
    if run.status == RunStatus.APPROVED:
        return run.issue_asked_at is not None
    if run.status != RunStatus.ISSUED:
        return False
    is_printing = counts.printed < counts.billed
    return is_printing or (run.sends and counts.sent + counts.not_sent < counts.billed)


def steps_of(run: BillingRun, counts: Counts) -> list[Step]:
    """Return the five steps; of a canceled run, where it ended."""
    built = Step("Built", "done", f"{counted(counts.total, 'contract')}, {_when(run.started_at)}")
    if run.status == RunStatus.CANCELED:
        return [built, Step("Canceled", "now", _when(run.finished_at))]
    return [built, _approved(run), *_papers(run, counts)]


def totals_beside(run: BillingRun) -> list[CurrencyRow]:
    """Add up per currency, this month and the one before; two queries."""
    sums = run.entries.counting().order_by("currency").values_list("currency")
    now = {currency: (int(cents), count) for currency, cents, count in sums.annotate(Sum("total_cents"), Count("pk"))}
    before = dict(_billed_before(run))
    return [
        _row(currency, now.get(currency, (0, 0)), before.get(currency), run) for currency in sorted({*now, *before})
    ]


def state_chips(counts: Counts) -> Iterator[tuple[str, str, int]]:
    """Yield the filters by state: the value of the query, its label, how many."""
    yield "", "All", counts.total
    yield "flagged", "Flagged", counts.flagged
    for state in EntryState:
        if counts.of(state):
            yield state.value, state.label, counts.of(state)
    if counts.not_sent:
        yield "not_sent", "Not sent", counts.not_sent


def flag_chips(counts: Counts) -> Iterator[tuple[str, str, int]]:
    for kind in FlagKind:
        if counts.flags.get(kind):
            yield kind.value, kind.label, counts.flags[kind]


def _approved(run: BillingRun) -> Step:
    if run.approved_at is None:
        return Step("Approved", "now", "waits for a person")
    return Step("Approved", "done", f"by {run.approved_by}, {_when(run.approved_at)}")


def _papers(run: BillingRun, counts: Counts) -> Iterator[Step]:
    is_approved, is_issued = run.approved_at is not None, run.status == RunStatus.ISSUED
    done = counts.of(EntryState.BILLED, EntryState.EMPTY, EntryState.CREDITED)
    is_asked = run.issue_asked_at is not None
    waits = "" if not is_approved else f"{done:,} of {counts.to_bill:,}" if is_asked else "waits for Issue"
    yield _step("Issued", is_done=is_issued, is_now=is_approved, note=waits, part=done, whole=counts.to_bill)
    printed = is_issued and counts.printed >= counts.billed
    note = f"{counts.printed:,} of {counts.billed:,}" if counts.billed else ""
    yield _step("Documents", is_done=printed, is_now=is_issued, note=note, part=counts.printed, whole=counts.billed)
    sent = printed and counts.sent >= counts.billed
    yield _step(
        "Sent",
        is_done=sent,
        is_now=printed and run.sends,
        note=_sent(run, counts),
        part=counts.sent,
        whole=counts.billed,
    )


def _sent(run: BillingRun, counts: Counts) -> str:
    if not run.sends and not counts.sent:
        return "not asked for" if run.approved_at else ""
    failed = f", {counts.not_sent:,} not sent" if counts.not_sent else ""
    return f"{counts.sent:,} of {counts.billed:,}{failed}"


def _step(label: str, *, is_done: bool, is_now: bool, note: str, part: int, whole: int) -> Step:
    state = "done" if is_done else "now" if is_now else "ahead"
    return Step(label, state, note, 100 * part // whole if whole and state == "now" else 0)


def _billed_before(run: BillingRun) -> Iterator[tuple[str, int]]:
    """Add up what still stands of the month before, of all contracts but those that another run billed this month."""
    start = (run.period_start - dt.timedelta(days=1)).replace(day=1)
    elsewhere = BilledPeriod.objects.of_month(run.period_start).standing().exclude(run=run)
    billed = BilledPeriod.objects.of_month(start).standing().filter(invoice__isnull=False)
    billed = billed.exclude(contract__reference__in=elsewhere.values("contract__reference"))
    if run.partner_id is not None:
        billed = billed.filter(contract__partner=run.partner_id)
    sums = billed.order_by().values_list("invoice__currency").annotate(cents=Sum("invoice__total_cents"))
    return ((currency, int(cents)) for currency, cents in sums)


def _row(currency: str, now: tuple[int, int], before: int | None, run: BillingRun) -> CurrencyRow:
    cents, contracts = now
    approved = run.approved_totals.get(currency)
    return CurrencyRow(
        currency=currency,
        contracts=contracts,
        total=Money(cents, currency).format(),
        before=Money(before, currency).format() if before is not None else "",
        change=change_text(before, cents),
        approved=Money(approved, currency).format() if approved is not None else "",
    )


def _when(at: dt.datetime | None) -> str:
    return f"{day_text(at)}\N{NO-BREAK SPACE}{timezone.localtime(at):%H:%M}" if at else ""
