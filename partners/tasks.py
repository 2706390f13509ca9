"""What the clock starts: previews of the months that came due, and the rest of runs somebody approved.

The clock only ticks; what is due is a query, so that a missed tick, or a missed week, is caught up by the next one.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from zoneinfo import ZoneInfo

import structlog
from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.jobs import recorded
from billing_site.kit.nudging import nudge
from billing_site.kit.periods import Period
from billing_site.kit.wording import counted
from invoices.tasks import render_documents, send_deliveries
from partners.models import BillingRun, BillingRunEntry
from partners.services import (
    MonthAtWork,
    MoreThanApproved,
    NothingToApprove,
    RunUnderWay,
    approve_run,
    build_run,
    contracts_with_a_final_invoice,
    due_contracts,
    due_months,
    issue_run,
    queue_all_mails,
    totals_of_run,
)
from partners.services.usage.archives import archive_usage, months_to_archive
from partners.services.usage.proof import all_usage_differences, months_of_usage

log = structlog.get_logger(__name__)
SCHEDULE = "the schedule"


class RunsNotBuilt(Refused):
    """A month that is due has no preview: somebody must look."""


@shared_task
def bill_due_months() -> str:
    """Preview every month that is due, oldest first; people approve, unless PARTNER_RUN_AUTO_APPROVE is set.

    A month that cannot be built stops no other, and fails the job in the end, so that it shows.
    """
    now = timezone.now()
    with recorded("partners.tasks.bill_due_months", now) as job:
        said = [_preview(_month(start), now) for start in due_months(now=now)]
        told = "; ".join(sentence for sentence, _ in said if sentence)
        if not all(is_built for _, is_built in said):
            raise RunsNotBuilt(told)
        job.did(told)
        return job.outcome or "no month is due that is not previewed"


@shared_task
def issue_approved_runs() -> str:
    """Issue what is left of the approved runs handed over, oldest first, dated the day of their approval."""
    now = timezone.now()
    with recorded("partners.tasks.issue_approved_runs", now) as job:
        issued = [_issue(run, now) for run in BillingRun.objects.to_issue()]
        job.did("; ".join(issued))
        if issued:
            nudge(render_documents)
            nudge(mail_runs)
        return job.outcome or "no approved run waits"


@shared_task
def mail_runs() -> str:
    """Queue the e-mails of runs that are to be sent; each goes out once its document is kept."""
    now = timezone.now()
    with recorded("partners.tasks.mail_runs", now) as job:
        queued = queue_all_mails(now=now)
        if queued:
            job.did(f"{counted(queued, 'e-mail')} queued")
            nudge(send_deliveries)
        return job.outcome or "no invoice of a run waits to be sent"


def _preview(month: Period, now: dt.datetime) -> tuple[str, bool]:
    """Build the month's run, unless one that holds all that is due waits already; say so, and whether there is one."""
    try:
        return ("" if _is_waiting(month, now) else _build(month, now)), True
    except (MonthAtWork, RunUnderWay) as refusal:  # somebody is at it; the next tick looks again
        return f"{month.label()}: {refusal}", True
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("run_not_built", month=month.label())
        return f"{month.label()} could not be built: {sentence_of(error)}", False


def _build(month: Period, now: dt.datetime) -> str:
    run = build_run(period=month, now=now, by=SCHEDULE)
    if settings.PARTNER_RUN_AUTO_APPROVE:
        with suppress(NothingToApprove):
            approve_run(run=run, now=now, by=SCHEDULE)
    counts = f"{counted(run.entries.count(), 'contract')} previewed, {run.entries.parked().count()} parked"
    held = run.entries.held().count()
    return f"{month.label()}: {counts}{f', {held} held' if held else ''}"


def _is_waiting(month: Period, now: dt.datetime) -> bool:
    waiting = BillingRun.objects.of_month(month.start).unfinished()
    held = BillingRunEntry.objects.filter(run__in=waiting).values("contract")
    due = due_contracts(month=month, now=now).exclude(pk__in=held)
    finals = contracts_with_a_final_invoice(month=month).exclude(pk__in=held)
    is_approved = waiting.approved().of_all_partners().exists()
    return is_approved or (waiting.exists() and not (due.exists() or finals.exists()))


def _issue(run: BillingRun, now: dt.datetime) -> str:
    on = (run.approved_at or now).astimezone(ZoneInfo(settings.BILLING_TIME_ZONE)).date()
    try:
        issue_run(run=run, on=on, now=now, by=run.issue_asked_by)
    except (MonthAtWork, MoreThanApproved) as refusal:
        return f"{run}: {refusal}"
    totals = ", ".join(str(total.total) for total in totals_of_run(run)) or "nothing"
    billed = counted(run.entries.billed().count(), "invoice")
    return f"{run}: {billed}, {totals}; {run.entries.parked().count()} parked"


def _month(start: dt.date) -> Period:
    return Period.month(start.year, start.month, ZoneInfo(settings.BILLING_TIME_ZONE))


class UsageDiffers(Refused):
    """Daily sums are not what their counts add up to: see `manage.py check_books`."""


@shared_task
def prove_usage() -> str:
    """Prove every daily sum of usage against the counts behind it; a difference fails the job, with the rows."""
    now = timezone.now()
    with recorded("partners.tasks.prove_usage", now) as job:
        differences = all_usage_differences()
        if differences:
            told = "; ".join(str(one) for one in differences[:20])
            raise UsageDiffers(
                f"{counted(len(differences), 'daily sum differs', 'daily sums differ')} from what was counted. {told}"
            )
        months = len(months_of_usage())
        job.did(f"The daily sums of {counted(months, 'month')} are what was counted." if months else "")
        return job.outcome or "nothing was ever counted"


@shared_task
def archive_old_usage() -> str:
    """Archive the events of billed months older than USAGE_KEPT_MONTHS, oldest first; one failure stops no other."""
    now = timezone.now()
    with recorded("partners.tasks.archive_old_usage", now) as job:
        done, failed = [], []
        for partner, month in months_to_archive(now=now, kept_months=settings.USAGE_KEPT_MONTHS):
            try:
                done.append(str(archive_usage(partner=partner, month=month, now=now)))
            except Refused as refusal:
                failed.append(f"{partner} {month.label()}: {sentence_of(refusal)}")
        if failed:
            raise UsageNotArchived("; ".join(failed[:20]))
        job.did("; ".join(done))
        return job.outcome or "no month is old enough"


class UsageNotArchived(Refused):
    """A month that is old enough stays where it is: somebody must look."""
