"""Month after month is built, approved, issued and printed by the site's own clock and workers, and faults hit it."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from django.db import connections
from django.utils import timezone

from partners.enums import RunStatus
from partners.models import BillingRun
from partners.services import approve_run
from partners.services.runs import NotAPreview
from tests.chaos.company import Agreement, month_after, run_one_more_month, through_faults
from tests.chaos.faults import Kind
from tests.chaos.gateway import Gateway
from tests.chaos.site import Site

SHARE_WHILE_ISSUING = 0.4
IN_A_ROW = 0.25  # the share of faults that come before the work has moved since the last
A_MOMENT = 0.4  # the most seconds between the moment a fault is due and the fault: anywhere inside a transaction
PATIENCE_SECONDS = 180
_PROGRESS = """
SELECT run.status, count(entry.id), count(*) FILTER (WHERE entry.state = 'previewed'), count(entry.invoice_id),
       count(document.id)
FROM partners_billingrun AS run
JOIN partners_billingrunentry AS entry ON entry.run_id = run.id
LEFT JOIN invoices_document AS document ON document.invoice_id = entry.invoice_id
WHERE run.period_start = %s AND run.status <> 'canceled' GROUP BY run.id ORDER BY run.id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Progress:
    """How far a month is."""

    status: str = ""
    entries: int = 0
    waiting: int = 0
    invoices: int = 0
    documents: int = 0

    @property
    def phase(self) -> str:
        if not self.status:
            return "build"
        if self.status != RunStatus.ISSUED:
            return "issue"
        return "print" if self.documents < self.invoices else "done"

    @property
    def done(self) -> int:
        return self.documents if self.phase == "print" else self.entries - self.waiting

    @property
    def left(self) -> int:
        return self.invoices - self.documents if self.phase == "print" else self.waiting

    def __str__(self) -> str:
        return f"{self.entries - self.waiting} of {self.entries} billed, {self.documents} of {self.invoices} printed"


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
        self.months: list[dt.date] = []
        self.begun, self.seconds = time.monotonic(), 0.0
        self._seen, self._step = Progress(), 0

    def run(self, first_month: dt.date) -> None:
        month = first_month
        for gateway in self.gateways:
            gateway.start()
        while any(self.left.values()):
            self._bill(month)
            month = month_after(month)
        for gateway in self.gateways:
            gateway.finish()
        connections.close_all()
        self.seconds = time.monotonic() - self.begun

    def _bill(self, month: dt.date) -> None:
        self.site.month = month
        for gateway in self.gateways:
            gateway.report_on(month_after(month))
        run_one_more_month(self.company, month)
        self.months.append(month)
        self._until_printed(month)

    def _until_printed(self, month: dt.date) -> None:
        moved_at, seen = time.monotonic(), Progress()
        while (progress := self._progress(month)).phase != "done":
            if progress != seen:
                moved_at, seen = time.monotonic(), progress
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                raise AssertionError(f"{month:%Y-%m} does not move any more: {progress}; see {self.site.var_dir}/log")
            self._tend(month, progress)
            time.sleep(0.03)

    def _tend(self, month: dt.date, progress: Progress) -> None:
        self.site.tend()
        for gateway in self.gateways:
            gateway.refuse_trouble()
        if progress.status == RunStatus.PREVIEW:
            _approve(month)
        if self._is_time(progress):
            self._deal(progress)

    def _progress(self, month: dt.date) -> Progress:
        with suppress(psycopg.OperationalError), self.site.database() as connection:
            row = connection.execute(_PROGRESS, [month]).fetchone()
            return Progress(*row) if row else Progress()
        return self._seen

    def _is_time(self, progress: Progress) -> bool:
        has_moved = progress.phase != self._seen.phase or progress.done >= self._seen.done + self._step
        return bool(self.left[_queue_of(progress.phase)]) and has_moved

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
        if not faults or self.chance.random() < IN_A_ROW:
            return 0
        return 1 + int(self.chance.uniform(0, 2) * progress.left / faults)


def _queue_of(phase: str) -> str:
    return "print" if phase == "print" else "issue"


def _approve(month: dt.date) -> None:
    """A person approves as soon as there is something to approve, and once more where the answer got lost."""

    def approve() -> None:
        for run in BillingRun.objects.of_month(month).filter(status=RunStatus.PREVIEW):
            approve_run(run=run, now=timezone.now(), by="grace")

    with suppress(NotAPreview):
        through_faults(approve)
