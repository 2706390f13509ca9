"""What cannot be built is parked, or fails the job by name; it never vanishes."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine

from billing_site.kit.models import JobRun
from partners.models import BillingRun
from partners.services import build_run
from partners.tasks import RunsNotBuilt, bill_due_months
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, a_contract

pytestmark = pytest.mark.django_db


def test_terms_nobody_can_read_park_their_contract_and_hide_nobody():
    unreadable, good = a_contract(price_per_deed=None, tiers=[7]), a_contract("flat")
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    states = dict(run.entries.values_list("contract", "state"))
    assert states == {unreadable.pk: "parked", good.pk: "previewed"}
    assert run.entries.parked().get().reason


@time_machine.travel(dt.datetime(2026, 11, 2, 3, tzinfo=dt.UTC), tick=False)
def test_a_month_that_cannot_be_built_fails_the_job_and_stops_no_other():
    """The first month of all has none before it to compare with: somebody typed a date wrong."""
    a_contract("flat", start_date=dt.date(1, 1, 1), end_date=dt.date(1, 2, 1))
    a_contract("flat")
    with pytest.raises(RunsNotBuilt, match=r"1-01 could not be built.*2026-10: 1 contract previewed"):
        bill_due_months()
    assert BillingRun.objects.get().period_start == OCTOBER.start
    job = JobRun.objects.get(job="partners.tasks.bill_due_months")
    assert (job.state, "could not be built" in job.outcome) == ("failed", True)
