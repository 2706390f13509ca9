"""What the clock starts: previews of the months that came due, and the rest of runs somebody approved.

The clock only ticks; what is due is a query, so that a missed tick, or a missed week, is caught up by the next one.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing_site.kit.errors import Refused
from billing_site.kit.jobs import recorded
from billing_site.kit.periods import Period
from partners.enums import RunStatus
from partners.models import BillingRun
from partners.services import (
    MonthAtWork,
    NothingToApprove,
    approve_run,
    build_run,
    contracts_with_a_final_invoice,
    due_contracts,
    due_months,
    issue_run,
    totals_of_run,
)

log = structlog.get_logger(__name__)
SCHEDULE = "the schedule"


@shared_task
def bill_due_months() -> str:
    """Preview every month that is due, oldest first; people approve, unless PARTNER_RUN_AUTO_APPROVE is set."""
    now = timezone.now()
    with recorded("partners.tasks.bill_due_months", now) as job:
        said = [_preview(_month(start), now) for start in due_months(now=now)]
        job.did("; ".join(sentence for sentence in said if sentence))
        return job.outcome or "no month is due that is not previewed"


@shared_task
def issue_approved_runs() -> str:
    """Issue what is left of approved runs, oldest first, dated the day of their approval."""
    now = timezone.now()
    with recorded("partners.tasks.issue_approved_runs", now) as job:
        job.did("; ".join([_issue(run, now) for run in BillingRun.objects.approved()]))
        return job.outcome or "no approved run waits"


def _preview(month: Period, now: dt.datetime) -> str:
    """Build the month's run, unless one that holds all that is due waits for people already."""
    if _is_waiting(month, now):
        return ""
    try:
        run = build_run(period=month, now=now, by=SCHEDULE)
        if settings.PARTNER_RUN_AUTO_APPROVE:
            approve_run(run=run, now=now, by=SCHEDULE)
    except NothingToApprove:
        return f"{month.label()}: every contract is parked"
    except Refused as refusal:  # another month may still be built
        log.warning("run_not_built", month=month.label(), reason=str(refusal))
        return f"{month.label()}: {refusal}"
    return f"{month.label()}: {run.entries.count()} contracts previewed, {run.entries.parked().count()} parked"


def _is_waiting(month: Period, now: dt.datetime) -> bool:
    waiting = BillingRun.objects.of_month(month.start).unfinished().first()
    if waiting is None:
        return False
    held = waiting.entries.values("contract")
    due = due_contracts(month=month, now=now).exclude(pk__in=held)
    finals = contracts_with_a_final_invoice(month=month).exclude(pk__in=held)
    return waiting.status == RunStatus.APPROVED or not (due.exists() or finals.exists())


def _issue(run: BillingRun, now: dt.datetime) -> str:
    on = (run.approved_at or now).astimezone(ZoneInfo(settings.BILLING_TIME_ZONE)).date()
    try:
        issue_run(run=run, on=on, now=now, by=run.approved_by)
    except MonthAtWork as refusal:
        return f"{run}: {refusal}"
    totals = ", ".join(str(total.total) for total in totals_of_run(run)) or "nothing"
    return f"{run}: {run.entries.billed().count()} invoices, {totals}; {run.entries.parked().count()} parked"


def _month(start: dt.date) -> Period:
    return Period.month(start.year, start.month, ZoneInfo(settings.BILLING_TIME_ZONE))
