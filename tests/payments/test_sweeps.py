"""The sweeps drain whatever waits, however much, without waiting for the clock; and say what they did."""

from __future__ import annotations

import pytest
from django.utils import timezone

from billing_site.kit.models import JobRun
from payments import tasks
from payments.models import Payment, StripeEvent
from tests.payments.posting import keep
from tests.payments.stripe_story import START, live

pytestmark = pytest.mark.django_db


@pytest.fixture
def workers(monkeypatch):
    """Workers that stop a sweep after three and do what they are nudged to, one after another."""
    waiting: list = []
    monkeypatch.setattr(tasks, "nudge", waiting.append)
    monkeypatch.setattr(tasks, "EVENTS_IN_A_SWEEP", 3)
    monkeypatch.setattr(tasks, "OBJECTS_IN_A_SWEEP", 3)

    def work(task) -> None:
        waiting.append(task)
        while waiting:
            waiting.pop(0)()

    return work


def said_of(task) -> list[str]:
    return list(JobRun.objects.filter(job=task.name).order_by("pk").values_list("outcome", flat=True))


def test_a_burst_drains_though_each_sweep_stops_at_its_limit(stripe_sim, workers):
    live(stripe_sim)
    stripe_sim.clock = lambda: int(timezone.now().timestamp())
    keep(stripe_sim.events(), now=timezone.now())
    workers(tasks.apply_stripe_events)
    assert not StripeEvent.objects.pending().exists()
    assert not StripeEvent.objects.filter(mirrored_at=None).exists()
    assert not Payment.objects.without_fee().exists()
    assert len(said_of(tasks.apply_stripe_events)) > 10
    assert "3 applied" in said_of(tasks.apply_stripe_events)


def test_a_sweep_of_nothing_says_so(stripe_sim):
    for task in (tasks.apply_stripe_events, tasks.mirror_events, tasks.mirror_fetch_missing):
        task()
        assert said_of(task) == ["Nothing to do."]


def test_a_sweep_says_what_it_asked_and_what_that_changed(stripe_sim, workers):
    stripe_sim.charge(None, 100_00, at=START)
    keep(stripe_sim.events(), now=timezone.now())
    workers(tasks.apply_stripe_events)
    assert "Asked 1 times, 0 in vain; rows changed: 1 of balance_transactions, 1 of payment_history" in said_of(
        tasks.mirror_fetch_missing
    )
