"""What the demo does before and after the servers start, in one list and one process.

One process, because importing the site costs more than most steps; it waits in between until the site is ready.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO

from billing_site.serving import progress, readiness


@dataclass(frozen=True, kw_only=True)
class Step:
    """One management command of the demo."""

    phase: str
    says: str
    command: str
    arguments: Callable[[datetime], list[str]] = lambda _now: []
    is_silent: bool = False


def last_month(now: datetime) -> str:
    from zoneinfo import ZoneInfo

    from django.conf import settings

    from billing_site.kit.periods import month_of

    return month_of(now, ZoneInfo(settings.BILLING_TIME_ZONE)).previous_month().label()


STEPS = [
    Step(
        phase="before",
        says="Migrating the database",
        command="migrate",
        arguments=lambda _now: ["--database=owner", "--no-input", "--skip-checks", "--verbosity=0"],
    ),
    Step(phase="before", says="Writing the schedule", command="write_schedule", is_silent=True),
    Step(phase="before", says="Loading demo data", command="load_demo", arguments=lambda _now: ["--if-empty"]),
    Step(
        phase="after",
        says="Billing last month's partner contracts",
        command="bill_partners",
        arguments=lambda now: ["--month", last_month(now)],
    ),
    Step(phase="after", says="Reconciling yesterday with Stripe", command="reconcile"),
    Step(phase="after", says="Reading Stripe's list of events", command="list_stripe_events", is_silent=True),
    Step(phase="after", says="Adding up the revenue", command="show_demo"),
    Step(phase="check", says="Checking the demo", command="check_demo"),
]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_site.settings")
    with progress.told("Reading the settings"):
        import django

        django.setup()
    _take_all("before")
    readiness.note("steps")
    readiness.wait_for("site")
    _take_all("after")
    if os.environ.get("ONCE", "") not in {"", "0"}:
        _take_all("check")


def _take_all(phase: str) -> None:
    now = datetime.now(UTC)
    for step in STEPS:
        if step.phase == phase:
            _take(step, now)


def _take(step: Step, now: datetime) -> None:
    from django.core.management import CommandError, call_command, get_commands

    if step.command not in get_commands():
        progress.warn(f"{step.says}: no command {step.command} here, skipped")
        return
    try:
        with progress.told(step.says):
            call_command(step.command, *step.arguments(now), **({"stdout": StringIO()} if step.is_silent else {}))
    except CommandError as error:
        sys.exit(f"{step.says} failed: {error}")


if __name__ == "__main__":
    main()
