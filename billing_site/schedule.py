"""The clockwork: which job beat starts when, and when each ran last. Beat is a tick; PostgreSQL decides what is due."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from billing_site.kit.enums import JobState
from billing_site.kit.jobs import latest_runs
from billing_site.kit.models import JobRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A job and its rhythm: at an hour of the billing time zone (of one day of the month), or every so many minutes."""

    name: str
    task: str
    purpose: str
    hour: int | None = None
    minute: int = 0
    day_of_month: str = "*"
    every_minutes: int = 0


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A line of the clockwork as people see it. `state` is disabled, never run, or how the last run ended."""

    name: str
    last_run: JobRun | None
    next_run: dt.datetime | None
    state: str


ENTRIES = (
    Entry(
        name="Monthly partner run",
        task="partners.tasks.bill_due_months",
        purpose="Builds the run of each month that is over and not billed, for approval.",
        hour=2,
        day_of_month="1",
    ),
    Entry(
        name="Missed partner months",
        task="partners.tasks.bill_due_months",
        purpose="Does the same every day: a missed 1st is caught up, and so is a zone whose month ended later.",
        hour=3,
    ),
    Entry(
        name="Usage proof",
        task="partners.tasks.prove_usage",
        purpose="Adds every count of usage up again and compares it with the daily sums that billing reads.",
        hour=4,
        minute=30,
    ),
    Entry(
        name="Usage archive",
        task="partners.tasks.archive_old_usage",
        purpose="Moves the events of billed months that are old enough to files.",
        hour=1,
        day_of_month="15",
    ),
    Entry(
        name="Daily reconciliation",
        task="reporting.tasks.reconcile_yesterday",
        purpose="Compares Stripe's ledger with the books, up to yesterday.",
        hour=6,
    ),
    Entry(
        name="Books check",
        task="reporting.tasks.check_books",
        purpose="Asks the database whether the books still balance.",
        hour=5,
        minute=30,
    ),
    Entry(
        name="Invoice totals",
        task="invoices.tasks.recount_totals",
        purpose="Adds every invoice up again and compares it with what is stored.",
        hour=4,
    ),
    Entry(
        name="Stripe inbox",
        task="payments.tasks.apply_stripe_events",
        purpose="Applies the events that wait.",
        every_minutes=1,
    ),
    Entry(
        name="Stripe mirror",
        task="payments.tasks.mirror_events",
        purpose="Copies the objects of applied events into the mirror.",
        every_minutes=1,
    ),
    Entry(
        name="Stripe fees",
        task="payments.tasks.mirror_fetch_missing",
        purpose="Asks Stripe for what no event tells: fees, refunds, contents of payouts, what is in doubt.",
        every_minutes=10,
    ),
    Entry(
        name="Stripe's list of events",
        task="payments.tasks.list_stripe_events",
        purpose="Finds the events that no webhook brought.",
        every_minutes=60,
    ),
    Entry(
        name="Approved partner runs",
        task="partners.tasks.issue_approved_runs",
        purpose="Issues the invoices of approved runs.",
        every_minutes=1,
    ),
    Entry(
        name="Partner run mails",
        task="partners.tasks.mail_runs",
        purpose="Queues the e-mails of partner runs that are to be sent.",
        every_minutes=1,
    ),
    Entry(
        name="Invoice documents",
        task="invoices.tasks.render_documents",
        purpose="Renders the PDF of each issued invoice that has none.",
        every_minutes=5,
    ),
    Entry(
        name="Invoice mails",
        task="invoices.tasks.send_deliveries",
        purpose="Sends the invoices and credit notes that wait and have their PDF.",
        every_minutes=1,
    ),
)


def write_schedule(*, now: dt.datetime, using: str = "default") -> list[str]:
    """Add the jobs that are missing and return their names. What a person disabled or moved stays so.

    Hours follow the billing time zone when that changes. Saving row by row would tell beat through another connection
    than a migration's, so beat is told here.
    """
    rows = PeriodicTask.objects.using(using).select_related("crontab")
    present = {row.name: row for row in rows.filter(name__in=[entry.name for entry in ENTRIES])}
    missing = [entry for entry in ENTRIES if entry.name not in present]
    rows.bulk_create(_row(entry, now, using) for entry in missing)
    moved = [_kept_at_its_hour(present[entry.name], entry, using) for entry in ENTRIES if entry.name in present]
    if missing or any(moved):
        PeriodicTasks.objects.using(using).update_or_create(ident=1, defaults={"last_update": now})
    return [entry.name for entry in missing]


def write_after_migrate(*, sender: Any, using: str, **_: Any) -> None:
    """Handle `post_migrate` of the last app that a job needs."""
    if sender.name == "reporting":
        write_schedule(now=timezone.now(), using=using)


def overview(now: dt.datetime) -> list[ScheduledJob]:
    """Return every scheduled job with its last and next run, in the order of the clockwork; two queries."""
    order = {entry.name: place for place, entry in enumerate(ENTRIES)}
    tasks = PeriodicTask.objects.select_related("crontab", "interval").exclude(task__startswith="celery.")
    runs = latest_runs()
    ordered = sorted(tasks, key=lambda task: (order.get(task.name, len(order)), task.name))
    return [_scheduled(task, runs.get(task.task), now) for task in ordered]


def _scheduled(task: PeriodicTask, last: JobRun | None, now: dt.datetime) -> ScheduledJob:
    if not task.enabled:
        return ScheduledJob(task.name, last, None, "disabled")
    return ScheduledJob(task.name, last, _next_run(task, last, now), _state(last, now))


def _state(last: JobRun | None, now: dt.datetime) -> str:
    if last is None:
        return "never run"
    if last.state == JobState.RUNNING and now - last.started_at > dt.timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT):
        return "interrupted"
    return JobState(last.state).label.lower()


def _next_run(task: PeriodicTask, last: JobRun | None, now: dt.datetime) -> dt.datetime | None:
    if task.crontab is not None:
        return _next_tick(task.crontab, now)
    if task.interval is None:
        return None
    ran = last.started_at if last else task.last_run_at
    return max(now, ran + task.interval.schedule.run_every) if ran else now


def _next_tick(crontab: CrontabSchedule, now: dt.datetime) -> dt.datetime:
    zone = ZoneInfo(str(crontab.timezone))
    schedule = crontab.schedule
    schedule.nowfun = lambda: now.astimezone(zone)
    start, step, _ = schedule.remaining_delta(now.astimezone(zone), tz=zone)
    tick: dt.datetime = start + step
    return tick.astimezone(dt.UTC)


def _row(entry: Entry, now: dt.datetime, using: str) -> PeriodicTask:
    """A rhythm counts from now on: a fresh installation does not start with every job of the past."""
    rhythm = {"interval": _interval(entry, using)} if entry.every_minutes else {"crontab": _crontab(entry, using)}
    return PeriodicTask(name=entry.name, task=entry.task, description=entry.purpose, date_changed=now, **rhythm)


def _interval(entry: Entry, using: str) -> IntervalSchedule:
    found, _ = IntervalSchedule.objects.using(using).get_or_create(
        every=entry.every_minutes, period=IntervalSchedule.MINUTES
    )
    return found


def _crontab(entry: Entry, using: str) -> CrontabSchedule:
    when = {"hour": str(entry.hour), "minute": str(entry.minute), "day_of_month": entry.day_of_month}
    return _crontab_at(using, **when, month_of_year="*", day_of_week="*")


def _crontab_at(using: str, **when: str) -> CrontabSchedule:
    found, _ = CrontabSchedule.objects.using(using).get_or_create(**when, timezone=settings.BILLING_TIME_ZONE)
    return found


def _kept_at_its_hour(task: PeriodicTask, entry: Entry, using: str) -> bool:
    """Point an old row at the task's present path and the present time zone; return whether that changed it."""
    change: dict[str, Any] = {} if task.task == entry.task else {"task": entry.task}
    if task.crontab is not None and str(task.crontab.timezone) != settings.BILLING_TIME_ZONE:
        fields = ("hour", "minute", "day_of_month", "month_of_year", "day_of_week")
        change["crontab"] = _crontab_at(using, **{name: getattr(task.crontab, name) for name in fields})
    if change:
        PeriodicTask.objects.using(using).filter(pk=task.pk).update(**change)
    return bool(change)
