"""The diary of scheduled jobs: every run leaves a row with what it did, also when that was nothing, or a failure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.utils import timezone

from billing_site.kit.enums import JobState
from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.models import JobRun

NOTHING = "Nothing to do."
_IDLE_RUNS_MERGE_WITHIN = dt.timedelta(hours=1)


@dataclass(slots=True)
class Run:
    """A run in progress; say what it did, or it did nothing."""

    row: JobRun
    outcome: str = ""

    def did(self, outcome: str) -> None:
        self.outcome = outcome


@contextmanager
def recorded(job: str, now: dt.datetime) -> Iterator[Run]:
    """Record a run of a job, named as its task; inside, `run.did("3 events applied")` says what it did.

    Enter it outside of any transaction, so that a failure stays on record.
    """
    run = Run(JobRun.objects.create(job=job, started_at=now))
    try:
        yield run
    except BaseException as error:
        _finish(run.row, JobState.FAILED, _sentence(error))
        raise
    if run.outcome:
        _finish(run.row, JobState.DONE, run.outcome)
    else:
        _finish(run.row, JobState.NOTHING_TO_DO, NOTHING)
        _forget_idle_run_before(run.row)


def latest_runs() -> dict[str, JobRun]:
    """Return the last run of each job."""
    return {run.job: run for run in JobRun.objects.order_by("job", "-started_at", "-pk").distinct("job")}


def _finish(row: JobRun, state: JobState, outcome: str) -> None:
    row.state, row.outcome, row.finished_at = state, outcome, timezone.now()
    row.save(update_fields=["state", "outcome", "finished_at"])


def _forget_idle_run_before(row: JobRun) -> None:
    """Keep one row of a sweep that idles every minute, not a thousand a day."""
    earlier = JobRun.objects.filter(job=row.job, pk__lt=row.pk).order_by("-pk").first()
    if (
        earlier
        and earlier.state == JobState.NOTHING_TO_DO
        and row.started_at - earlier.started_at < _IDLE_RUNS_MERGE_WITHIN
    ):
        earlier.delete()


def _sentence(error: BaseException) -> str:
    said = sentence_of(error)
    return said if isinstance(error, Refused) and said else f"{type(error).__name__}: {said}".rstrip(": ")
