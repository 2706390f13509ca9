"""Every night the daily sums are proved against the counts behind them; a difference is told, row by row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from billing_site.kit.models import JobRun
from partners.metering import CountsBatch, CountsReversal, NewUsage, RequestCount, Reversal
from partners.models import ApiUsage
from partners.services import record_counts, record_usage
from partners.services.usage.proof import all_usage_differences
from partners.tasks import UsageDiffers, prove_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "Europe/Berlin"]


def use_much(zone: str) -> None:
    """Count every hour around three month borders, some of it twice, some taken back, and some by the day."""
    partner = a_partner(zone=zone)
    for border in ("2026-09-01", "2026-10-01", "2026-11-01"):
        start = dt.datetime.fromisoformat(f"{border}T00:00:00+00:00")
        events = [
            NewUsage(f"{border} {hour}", meter, start + dt.timedelta(hours=hour), Decimal(2), endpoint=f"/{hour % 2}")
            for meter, hours in (("deed", range(-30, 30, 2)), ("request", range(-29, 30, 2)))
            for hour in hours
        ]
        undo = [Reversal(f"undo {border}", f"{border} 0"), Reversal(f"undo {border} too", f"{border} 1")]
        record_usage(partner=partner, events=events + undo + events, now=AFTER_OCTOBER)
    counts = (RequestCount(dt.date(2026, 10, 1), 5), RequestCount(dt.date(2026, 10, 31), 7, endpoint="/1"))
    for batch in (CountsBatch("a", counts), CountsBatch("b", counts), CountsReversal("c", "b")):
        record_counts(partner=partner, batch=batch, now=AFTER_OCTOBER)


def test_the_sums_of_all_zones_are_what_was_counted():
    for zone in ZONES:
        use_much(zone)
    assert all_usage_differences() == []
    assert prove_usage() == "The daily sums of 4 months are what was counted."
    call_command("check_books")


def test_a_job_that_had_nothing_to_prove_says_so():
    assert prove_usage() == "nothing was ever counted"


@pytest.mark.breaks_invariants
@pytest.mark.parametrize("change", [{"quantity": 90}, {"requests": 9}])
def test_a_sum_that_differs_fails_the_job_and_is_named(change):
    use_much("UTC")
    row = ApiUsage.objects.filter(event_type="deed", day="2026-10-01", endpoint="/0").first()
    ApiUsage.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(UsageDiffers, match="1 daily sum differs from what was counted"):
        prove_usage()
    job = JobRun.objects.get()
    assert (job.state, f"{row.partner}, 2026-10-01, deed /0" in job.outcome) == ("failed", True)
    with pytest.raises(CommandError, match="1 promises are broken"):
        call_command("check_books")


@pytest.mark.breaks_invariants
def test_a_day_that_is_missing_and_one_too_many_are_found():
    use_much("UTC")
    gone = ApiUsage.objects.filter(event_type="deed", day="2026-10-01", endpoint="/0").first()
    partner, _ = gone.partner, gone.delete()
    ApiUsage.objects.create(partner=partner, day=dt.date(2026, 12, 24), event_type="deed", quantity=1, requests=1)
    told = [(one.day, one.quantity, one.quantity_counted) for one in all_usage_differences()]
    assert told == [(dt.date(2026, 10, 1), 0, gone.quantity), (dt.date(2026, 12, 24), 1, 0)]
