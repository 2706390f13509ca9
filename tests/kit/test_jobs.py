from __future__ import annotations

import datetime as dt

import pytest

from billing_site.kit.errors import Refused
from billing_site.kit.jobs import latest_runs, recorded
from billing_site.kit.models import JobRun

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 1, 2, 0, tzinfo=dt.UTC)


class NoPrice(Refused):
    pass


def idle(now):
    with recorded("sweep", now):
        pass


def test_a_run_keeps_what_it_did():
    with recorded("sweep", NOW) as run:
        run.did("3 events applied")
    row = JobRun.objects.get()
    assert (row.job, row.state, row.outcome, row.started_at) == ("sweep", "done", "3 events applied", NOW)
    assert row.finished_at is not None


def test_a_run_that_did_nothing_says_so():
    idle(NOW)
    assert (JobRun.objects.get().state, JobRun.objects.get().outcome) == ("nothing_to_do", "Nothing to do.")


def test_a_refusal_stays_on_record_in_its_own_words():
    with pytest.raises(NoPrice), recorded("sweep", NOW):
        raise NoPrice("Contract 7 has no price.")
    assert (JobRun.objects.get().state, JobRun.objects.get().outcome) == ("failed", "Contract 7 has no price.")


def test_an_accident_stays_on_record_with_its_kind():
    with pytest.raises(KeyError), recorded("sweep", NOW):
        raise KeyError("currency")
    assert JobRun.objects.get().outcome == "KeyError: 'currency'"


def test_a_sweep_that_idles_every_minute_keeps_one_row():
    for minute in range(5):
        idle(NOW + dt.timedelta(minutes=minute))
    assert JobRun.objects.get().started_at == NOW + dt.timedelta(minutes=4)


def test_idle_days_are_all_kept():
    idle(NOW)
    idle(NOW + dt.timedelta(days=1))
    assert JobRun.objects.count() == 2


def test_work_between_idle_runs_is_kept():
    idle(NOW)
    with recorded("sweep", NOW) as run:
        run.did("1 event applied")
    idle(NOW)
    assert [row.state for row in JobRun.objects.order_by("pk")] == ["nothing_to_do", "done", "nothing_to_do"]


def test_the_latest_run_of_each_job_is_found():
    idle(NOW)
    idle(NOW + dt.timedelta(days=1))
    with recorded("other", NOW) as run:
        run.did("something")
    assert {job: run.started_at.day for job, run in latest_runs().items()} == {"sweep": 2, "other": 1}
