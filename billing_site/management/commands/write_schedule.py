"""`manage.py write_schedule`: put the scheduled jobs into beat's tables, and show when each runs."""

from __future__ import annotations

from typing import IO, Any, cast

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from billing_site import schedule


class Command(BaseCommand):
    help = "Add the scheduled jobs that are missing, keep what was disabled or moved, and show last and next runs."

    def handle(self, **_: Any) -> None:
        now = timezone.now()
        added = schedule.write_schedule(now=now)
        table = Table("Job", "State", "Last run", "Next run", "Last outcome")
        for job in schedule.overview(now):
            last = job.last_run
            table.add_row(
                job.name,
                job.state,
                _shown(last and last.started_at),
                _shown(job.next_run),
                last.outcome if last else "",
            )
        console = Console(file=cast("IO[str]", self.stdout), width=None if self.stdout.isatty() else 140)
        console.print(table)
        console.print(f"Added: {', '.join(added)}." if added else "Nothing to add: the schedule is complete.")


def _shown(instant: Any) -> str:
    return f"{timezone.localtime(instant):%Y-%m-%d %H:%M %Z}" if instant else "-"
