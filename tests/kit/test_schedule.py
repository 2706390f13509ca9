from __future__ import annotations

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from billing_site import schedule
from billing_site.kit.jobs import recorded
from billing_site.kit.models import JobRun

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 10, 14, 12, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def nothing_scheduled():
    PeriodicTask.objects.all().delete()


@pytest.fixture
def berlin(settings):
    settings.BILLING_TIME_ZONE = "Europe/Berlin"


def jobs(now=NOW):
    return {job.name: job for job in schedule.overview(now)}


def test_the_month_is_billed_on_the_first_at_two_in_the_billing_time_zone(berlin):
    schedule.write_schedule(now=NOW)
    assert jobs()["Monthly partner run"].next_run == dt.datetime(2026, 11, 1, 1, 0, tzinfo=dt.UTC)


def test_reconciliation_stays_at_six_over_the_end_of_summer_time(berlin):
    schedule.write_schedule(now=NOW)
    summer, winter = dt.datetime(2026, 10, 24, 1, tzinfo=dt.UTC), dt.datetime(2026, 10, 25, 2, tzinfo=dt.UTC)
    assert jobs(summer)["Daily reconciliation"].next_run == dt.datetime(2026, 10, 24, 4, 0, tzinfo=dt.UTC)
    assert jobs(winter)["Daily reconciliation"].next_run == dt.datetime(2026, 10, 25, 5, 0, tzinfo=dt.UTC)


def test_writing_twice_adds_nothing_and_wakes_nobody():
    schedule.write_schedule(now=NOW)
    assert schedule.write_schedule(now=NOW + dt.timedelta(hours=1)) == []
    assert PeriodicTasks.objects.get().last_update == NOW
    assert PeriodicTask.objects.count() == len(schedule.ENTRIES)


def test_what_was_disabled_stays_disabled():
    schedule.write_schedule(now=NOW)
    PeriodicTask.objects.filter(name="Stripe mirror").update(enabled=False)
    schedule.write_schedule(now=NOW)
    assert (jobs()["Stripe mirror"].state, jobs()["Stripe mirror"].next_run) == ("disabled", None)


def test_another_billing_time_zone_keeps_the_hour(settings):
    schedule.write_schedule(now=NOW)
    settings.BILLING_TIME_ZONE = "Asia/Tokyo"
    schedule.write_schedule(now=NOW)
    assert jobs()["Daily reconciliation"].next_run == dt.datetime(2026, 10, 14, 21, 0, tzinfo=dt.UTC)


def test_a_sweep_is_due_again_after_its_minutes():
    schedule.write_schedule(now=NOW)
    with recorded("payments.tasks.mirror_fetch_missing", NOW) as run:
        run.did("2 fees fetched")
    job = jobs(NOW + dt.timedelta(minutes=4))["Stripe fees"]
    assert (job.next_run, job.state, job.last_run.outcome) == (NOW + dt.timedelta(minutes=10), "done", "2 fees fetched")


def test_a_job_that_never_ran_says_so():
    schedule.write_schedule(now=NOW)
    assert {job.state for job in jobs().values()} == {"never run"}


def test_a_run_that_was_killed_is_not_called_running_forever():
    schedule.write_schedule(now=NOW)
    JobRun.objects.create(job="reporting.tasks.check_books", started_at=NOW)
    assert jobs(NOW + dt.timedelta(minutes=5))["Books check"].state == "running"
    assert jobs(NOW + dt.timedelta(hours=2))["Books check"].state == "interrupted"


def test_the_command_shows_the_clockwork():
    shown = StringIO()
    call_command("write_schedule", stdout=shown)
    assert "Daily reconciliation" in shown.getvalue()
    assert "Nothing to add" not in shown.getvalue()
    call_command("write_schedule", stdout=shown)
    assert "Nothing to add" in shown.getvalue()
