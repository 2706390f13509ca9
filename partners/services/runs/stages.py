"""The month end as an object: build, preview, approve, issue. Killed anywhere, it bills exactly what is missing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Sum

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from billing_site.kit.wording import listed
from partners.enums import RunStatus
from partners.models import BillingRun
from partners.services.locks import month_at_work
from partners.services.runs.billing import bill_entries


class NotAPreview(Refused):
    """Only a previewed run can be approved."""


class NothingToApprove(Refused):
    """Every contract of the run is parked."""


class NotApproved(Refused):
    """A run is issued only after a person approved its totals."""


class AlreadyIssuing(Refused):
    """A run that has billed somebody cannot be canceled; finish it."""


class TotalsChanged(Refused):
    """What is approved is what was looked at."""


class MoreThanApproved(Refused):
    """A run never bills more than somebody approved."""


_ASKED = ["issue_asked_by", "issue_asked_at"]


@dataclass(frozen=True, slots=True)
class RunTotal:
    """What a run comes to in one currency, tax included, and how many contracts that is."""

    total: Money
    contracts: int


@transaction.atomic
def approve_run(
    *,
    run: BillingRun,
    now: dt.datetime,
    by: str,
    seen: Mapping[str, int] | None = None,
    issues: bool = True,
    sends: bool = False,
) -> BillingRun:
    """Lock the previewed totals, per currency, as the most that may be billed.

    `seen` are the totals somebody looked at, in minor units; where they changed since, nothing is approved. It is
    issued by the worker from now on, unless `issues` is false. Raises NotAPreview, NothingToApprove, TotalsChanged.
    """
    run = locked(run)
    if run.status != RunStatus.PREVIEW:
        raise NotAPreview(f"The run of {run} is {run.get_status_display().lower()}; only a preview can be approved.")
    totals = run.entries.waiting().totals()
    if not totals:
        raise NothingToApprove(f"Every contract of the run of {run} is parked or held; correct them and retry.")
    if seen is not None and dict(seen) != totals:
        raise TotalsChanged(f"The run of {run} changed while you looked: it comes to {amounts_text(totals)} now.")
    run.status, run.approved_by, run.approved_at, run.approved_totals = RunStatus.APPROVED, by, now, totals
    run.issue_asked_by, run.issue_asked_at = (by, now) if issues else ("", None)
    run.sends, run.sends_by = sends, by if sends else ""
    run.save(update_fields=["status", "approved_by", "approved_at", "approved_totals", *_ASKED, "sends", "sends_by"])
    return run


@transaction.atomic
def ask_issue(*, run: BillingRun, now: dt.datetime, by: str) -> BillingRun:
    """Let the worker issue an approved run; asked twice, it stays asked once. Raises NotApproved."""
    run = locked(run)
    if run.status == RunStatus.APPROVED and run.issue_asked_at is None:
        run.issue_asked_by, run.issue_asked_at = by, now
        run.save(update_fields=_ASKED)
    elif run.status not in (RunStatus.APPROVED, RunStatus.ISSUED):
        raise NotApproved(f"The run of {run} is {run.get_status_display().lower()}; approve its preview first.")
    return run


@transaction.atomic
def cancel_run(*, run: BillingRun, now: dt.datetime) -> BillingRun:
    """Give up a run that has billed nobody; its preview stays on record. Raises AlreadyIssuing."""
    run = locked(run)
    if run.status not in (RunStatus.PREVIEW, RunStatus.APPROVED) or run.entries.decided().exists():
        raise AlreadyIssuing(
            f"The run of {run} is {run.get_status_display().lower()} or has billed; it cannot be canceled."
        )
    run.status, run.finished_at = RunStatus.CANCELED, now
    run.save(update_fields=["status", "finished_at"])
    return run


def issue_run(*, run: BillingRun, on: dt.date, now: dt.datetime, by: str, chunk: int = 2000) -> BillingRun:
    """Bill what an approved run still has to, dated `on`, in chunks of one transaction each; the failing are parked.

    Safe to call again after any crash. An issued run is returned as it is.
    Raises NotApproved, MonthAtWork, MoreThanApproved.
    """
    run.refresh_from_db()
    if run.status == RunStatus.ISSUED:
        return run
    if run.status != RunStatus.APPROVED:
        raise NotApproved(f"The run of {run} is {run.get_status_display().lower()}; approve its preview first.")
    with month_at_work(run.period_start):
        _refuse_more_than_approved(run)
        while waiting := list(run.entries.waiting().values_list("pk", flat=True)):
            for first in range(0, len(waiting), chunk):
                bill_entries(run=run, ids=waiting[first : first + chunk], on=on, now=now, by=by)
        return _finish(run, now)


def totals_of_run(run: BillingRun) -> list[RunTotal]:
    """Return what the run's contracts come to, per currency; the parked and held are left out."""
    rows = run.entries.counting().order_by("currency").values_list("currency")
    sums = rows.annotate(cents=Sum("total_cents"), contracts=Count("pk"))
    return [RunTotal(Money(int(cents), currency), contracts) for currency, cents, contracts in sums]


def given_back_by(run: BillingRun) -> dict[str, int]:
    """Return what credit notes for late usage will take back, per currency, before tax, in minor units."""
    sums: Counter[str] = Counter()
    for currency, corrections in run.entries.waiting().exclude(corrections=[]).values_list("currency", "corrections"):
        sums[currency] += sum(max(-one["net_cents"], 0) for one in corrections)
    return dict(+sums)


def amounts_text(totals: Mapping[str, int]) -> str:
    """Write totals per currency in a sentence."""
    return listed(Money(cents, currency).format() for currency, cents in sorted(totals.items())) or "nothing"


def locked(run: BillingRun) -> BillingRun:
    """Lock a run: who decides anything about it, or bills a chunk of it, waits for whoever does."""
    return BillingRun.objects.select_for_update(of=("self",), no_key=True).select_related("partner").get(pk=run.pk)


def _refuse_more_than_approved(run: BillingRun) -> None:
    """Refuse totals beyond the approved ones; the database keeps approved entries as they are in any case."""
    totals = run.entries.counting().totals()
    more = {currency: cents for currency, cents in totals.items() if cents > run.approved_totals.get(currency, 0)}
    if more:
        raise MoreThanApproved(
            f"The run of {run} comes to {amounts_text(totals)}, approved were {amounts_text(run.approved_totals)}: "
            "nothing is issued. Cancel it, and look at a new preview."
        )


def _finish(run: BillingRun, now: dt.datetime) -> BillingRun:
    run.status, run.finished_at = RunStatus.ISSUED, now
    run.save(update_fields=["status", "finished_at"])
    return run
