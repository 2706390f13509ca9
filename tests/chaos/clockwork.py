"""The schedule of the site, its minutes turned into seconds: a proof cannot wait for five minutes after each kill."""

from __future__ import annotations

from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from billing_site.schedule import write_schedule

SECONDS = {
    "partners.tasks.bill_due_months": 3,
    "partners.tasks.issue_approved_runs": 2,
    "invoices.tasks.render_documents": 2,
}


def quicken() -> None:
    """Let beat tick for the month end every few seconds, and for nothing else."""
    write_schedule(now=timezone.now())
    PeriodicTask.objects.update(enabled=False)
    for task, seconds in SECONDS.items():
        every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        first = PeriodicTask.objects.filter(task=task).first()
        assert first is not None, task
        first.interval, first.crontab, first.enabled = every, None, True
        first.save()
