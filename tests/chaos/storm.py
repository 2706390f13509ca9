"""Month after month is built, approved, issued and printed by the site's own clock and workers, and faults hit it."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
from django.db import connections
from django.utils import timezone

from invoices.models import CreditNote, Invoice
from partners.enums import RunStatus
from partners.models import BillingRun
from partners.services import approve_run
from partners.services.runs.stages import NotAPreview, NothingToApprove
from tests.chaos.clockwork import let_months_be_built
from tests.chaos.company import Agreement, going_on_of, month_after, run_one_more_month, through_faults
from tests.chaos.faults import Kind
from tests.chaos.gateway import Gateway
from tests.chaos.proof import unsettled
from tests.chaos.site import Site

SHARE_WHILE_ISSUING = 0.25
IN_A_ROW = {"build": 0.8, "issue": 0.8, "print": 0.25}  # the share of faults before the work has moved since the last
A_MOMENT = 0.4  # the most seconds between the moment a fault is due and the fault: anywhere inside a transaction
PATIENCE_SECONDS = 180
_PROGRESS = """
WITH run AS (SELECT * FROM partners_billingrun WHERE period_start = %(month)s AND status <> 'canceled'),
     paper AS (
        SELECT invoice_id, NULL AS credit_note_id FROM partners_billedperiod WHERE period_start = %(month)s
        UNION SELECT NULL, credit_note_id FROM partners_correction WHERE run_id IN (SELECT id FROM run))
SELECT (SELECT status FROM run ORDER BY id DESC LIMIT 1),
       (SELECT count(DISTINCT contract_id) FROM partners_billingrunentry WHERE run_id IN (SELECT id FROM run)),
       (SELECT count(*) FROM partners_billedperiod WHERE period_start = %(month)s),
       (SELECT count(*) FROM paper WHERE invoice_id IS NOT NULL OR credit_note_id IS NOT NULL),
       (SELECT count(*) FROM invoices_document AS document
        WHERE invoice_id IN (SELECT invoice_id FROM paper) OR credit_note_id IN (SELECT credit_note_id FROM paper)),
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 1297043028)
"""  # the number is "MONT", under which whoever builds or issues a month holds it


@dataclass(frozen=True)
class Progress:
    """How far a month is."""

    status: str | None = None
    contracts: int = 0
    billed: int = 0
    papers: int = 0
    documents: int = 0
    is_at_work: bool = field(default=False, compare=False)

    @property
    def phase(self) -> str:
        if not self.status:
            return "build"
        if self.status != RunStatus.ISSUED or self.billed < self.contracts:
            return "issue"
        return "print" if self.documents < self.papers else "done"

    @property
    def done(self) -> int:
        return self.documents if self.phase == "print" else self.billed

    @property
    def left(self) -> int:
        return self.papers - self.documents if self.phase == "print" else self.contracts - self.billed

    def __str__(self) -> str:
        return f"{self.billed} of {self.contracts} billed, {self.documents} of {self.papers} printed"


@dataclass(frozen=True)
class Dealt:
    """A fault as it hit."""

    kind: Kind
    phase: str
    seconds: float


class Storm:
    """`run` deals every fault; further months are billed until all are dealt."""

    def __init__(
        self,
        site: Site,
        company: Sequence[Agreement],
        gateways: Sequence[Gateway],
        faults: Sequence[Kind],
        *,
        chance: random.Random,
        say: Callable[[str], None],
    ) -> None:
        self.site, self.company, self.gateways, self.chance, self.say = site, list(company), gateways, chance, say
        while_issuing = round(len(faults) * SHARE_WHILE_ISSUING)
        self.left = {"issue": list(faults[:while_issuing]), "print": list(faults[while_issuing:])}
        self.planned = len(faults)
        self.dealt: list[Dealt] = []
        self.months: dict[dt.date, int] = {}
        self.begun, self.seconds = time.monotonic(), 0.0
        self._seen, self._step, self._builds = Progress(), 0, False

    def run(self, first_month: dt.date) -> None:
        month = first_month
        for gateway in self.gateways:
            gateway.start()
        while any(self.left.values()) or list(unsettled(self.company)):
            self._bill(month)
            month = month_after(month)
        self._until_nothing_is_left()
        for gateway in self.gateways:
            gateway.finish()
        connections.close_all()
        self.seconds = time.monotonic() - self.begun

    def _bill(self, month: dt.date) -> None:
        self.site.month = month
        for gateway in self.gateways:
            gateway.report_on(None)
        going_on = going_on_of(self.company) if self.months else self.company
        run_one_more_month(going_on, month)
        if self.months and any(self.left.values()):
            for gateway in self.gateways:
                gateway.report_late(month_after(month, -1))
        for gateway in self.gateways:
            gateway.report_on(month_after(month))
        self.months[month] = len(going_on)
        self._until_printed(month)

    def _until_printed(self, month: dt.date) -> None:
        moved_at, seen = time.monotonic(), Progress()
        while (progress := self._progress(month)).phase != "done":
            if progress != seen:
                moved_at, seen = time.monotonic(), progress
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                raise AssertionError(f"{month:%Y-%m} does not move any more: {progress}; see {self.site.var_dir}/log")
            self._tend(progress)
            time.sleep(0.03)

    def _tend(self, progress: Progress) -> None:
        self.site.tend()
        for gateway in self.gateways:
            gateway.refuse_trouble()
        self._let_build(progress.phase != "print")
        _approve_all()
        if self._is_time(progress):
            self._deal(progress)

    def _let_build(self, is_wanted: bool) -> None:  # noqa: FBT001
        """Late usage must not find the contracts ended, between two months: it would get final invoices."""
        if is_wanted != self._builds:
            through_faults(lambda: let_months_be_built(enabled=is_wanted))
            self._builds = is_wanted

    def _until_nothing_is_left(self) -> None:
        """Wait for the last of what the calm brings: a run of final invoices, the papers of an earlier run."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _is_something_left() and time.monotonic() < deadline:
            self.site.tend()
            _approve_all()
            time.sleep(0.5)

    def _progress(self, month: dt.date) -> Progress:
        with suppress(psycopg.OperationalError), self.site.database() as connection:
            return Progress(*connection.execute(_PROGRESS, {"month": month}).fetchone())
        return self._seen

    def _is_time(self, progress: Progress) -> bool:
        """A month is issued in few large steps: there a fault waits until somebody holds the month."""
        has_moved = progress.phase != self._seen.phase or progress.done >= self._seen.done + self._step
        is_at_work = progress.is_at_work or progress.phase == "print"
        return bool(self.left[_queue_of(progress.phase)]) and has_moved and is_at_work

    def _deal(self, progress: Progress) -> None:
        time.sleep(self.chance.uniform(0, A_MOMENT))
        kind = self.left[_queue_of(progress.phase)].pop()
        begun = time.monotonic()
        number = len(self.dealt) + 1
        at = f"{begun - self.begun:4.0f} s  {number:3} of {self.planned}  {self.site.month:%Y-%m}  {progress.phase:5}"
        self.say(f"{at}  {progress}: {kind.says}")
        kind.deal(self.site, self.chance)
        self.dealt.append(Dealt(kind, progress.phase, time.monotonic() - begun))
        self._seen, self._step = progress, self._next_step(progress)

    def _next_step(self, progress: Progress) -> int:
        """Draw how far the work goes before the next fault, so that faults lie all over it."""
        faults = len(self.left[_queue_of(progress.phase)])
        if not faults or self.chance.random() < IN_A_ROW[progress.phase]:
            return 0
        if progress.phase != "print":
            return 1
        return 1 + int(self.chance.uniform(0, 2) * progress.left / faults)


def _queue_of(phase: str) -> str:
    return "print" if phase == "print" else "issue"


def _approve_all() -> None:
    """A person approves as soon as there is something to approve, and once more where the answer got lost."""

    def approve() -> None:
        for run in BillingRun.objects.filter(status=RunStatus.PREVIEW):
            approve_run(run=run, now=timezone.now(), by="grace")

    with suppress(NotAPreview, NothingToApprove):
        through_faults(approve)


def _is_something_left() -> bool:
    waiting = (
        BillingRun.objects.unfinished(),
        Invoice.objects.awaiting_document(),
        CreditNote.objects.awaiting_document(),
    )
    return any(rows.exists() for rows in waiting)
