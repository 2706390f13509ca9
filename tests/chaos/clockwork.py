"""The schedule of the site, its minutes turned into seconds: a proof cannot wait for five minutes after each kill."""

from __future__ import annotations

from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from billing_site.schedule import write_schedule

BUILD = "partners.tasks.bill_due_months"
SECONDS = {
    BUILD: 2,
    "partners.tasks.issue_approved_runs": 2,
    "invoices.tasks.render_documents": 2,
}


def quicken() -> None:
    """Let beat tick for the month end every few seconds, and for nothing else."""
    write_schedule(now=timezone.now())
    PeriodicTask.objects.update(enabled=False)
    for task, seconds in SECONDS.items():
        every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        first = PeriodicTask.objects.filter(task=task).earliest("pk")
        first.interval, first.crontab, first.enabled = every, None, task != BUILD
        first.save()


def let_months_be_built(*, enabled: bool) -> None:
    """Switch the sweep that builds what is due, as a person may: late usage must not find contracts ended."""
    task = PeriodicTask.objects.filter(task=BUILD).earliest("pk")
    task.enabled = enabled
    task.save()
