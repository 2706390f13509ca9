"""A nudge costs who gives it nothing; a burst is few messages, and the last of it is never left without one."""

from __future__ import annotations

import os
import threading
import time

import pytest
from celery import Celery

from billing_site.kit import nudging
from billing_site.kit.nudging import Messenger


@pytest.fixture
def app(redis_url, request):
    """Return an application with a queue of its own at the test's broker."""
    made = Celery(request.node.name, broker=redis_url, set_as_current=False)
    made.conf.task_default_queue = f"nudges-{os.getpid()}-{time.monotonic_ns()}"
    yield made
    with made.connection_for_write() as broker:
        broker.default_channel.queue_purge(made.conf.task_default_queue)


def nothing():
    """Stand for a sweep; here only its name travels."""


@pytest.fixture
def sweep(app):
    return app.task(nothing, name="sweep")


@pytest.fixture
def other_sweep(app):
    return app.task(nothing, name="other sweep")


def waiting(app, *, at_least=1):
    """Take the messages that wait at the broker: the name of each task, in order."""
    taken = []
    with app.connection_for_read() as broker, broker.SimpleQueue(app.conf.task_default_queue, no_ack=True) as queue:
        while True:
            try:
                taken.append(queue.get(timeout=5 if len(taken) < at_least else 0.1).headers["task"])
            except queue.Empty:
                return taken


def until_idle(messenger):
    deadline = time.monotonic() + 30
    while messenger._is_under_way:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_nudge_arrives(app, sweep):
    Messenger().nudge(sweep)
    assert waiting(app) == ["sweep"]


def test_a_burst_is_the_first_message_and_one_for_the_rest(app, sweep):
    messenger = Messenger(pause_seconds=1)
    for _ in range(50):
        messenger.nudge(sweep)
        time.sleep(0.01)
    until_idle(messenger)
    assert 1 <= len(waiting(app)) <= 2


def test_the_last_nudge_of_a_burst_is_sent_after_it(app, sweep):
    messenger = Messenger(pause_seconds=0.3)
    messenger.nudge(sweep)
    assert waiting(app) == ["sweep"]
    messenger.nudge(sweep)  # within the pause
    assert waiting(app) == ["sweep"]


def test_each_sweep_gets_its_own_message(app, sweep, other_sweep):
    messenger = Messenger(pause_seconds=0.2)
    for _ in range(10):
        messenger.nudge(sweep)
        messenger.nudge(other_sweep)
    until_idle(messenger)
    assert set(waiting(app, at_least=2)) == {"sweep", "other sweep"}


def test_a_dead_broker_costs_the_caller_nothing_and_is_told(app, sweep, caplog):
    alive, app.conf.broker_url = app.conf.broker_url, "redis://127.0.0.1:1/0"
    messenger = Messenger(pause_seconds=0.01, silence_seconds=0.05)
    began = time.monotonic()
    for _ in range(1000):
        messenger.nudge(sweep)
    assert time.monotonic() - began < nudging.PATIENCE_SECONDS
    time.sleep(0.3)
    assert "The broker is away" in caplog.text
    app.conf.broker_url = alive


def test_a_nudge_waits_for_a_broker_that_comes_back(app, sweep):
    alive, app.conf.broker_url = app.conf.broker_url, "redis://127.0.0.1:1/0"
    messenger = Messenger(pause_seconds=0.01, silence_seconds=0.05)
    messenger.nudge(sweep)
    time.sleep(0.2)
    app.conf.broker_url = alive
    assert waiting(app)[0] == "sweep"


def test_what_is_wrong_with_one_nudge_leaves_the_next_one_its_way(app, sweep):
    broken = app.task(nothing, name="broken", serializer="no such thing")
    messenger = Messenger(pause_seconds=0.01, silence_seconds=0.01)
    messenger.nudge(broken)
    time.sleep(0.1)
    messenger.nudge(sweep)
    assert waiting(app) == ["sweep"]


def test_no_thread_stays_behind(app, sweep):
    messenger = Messenger(pause_seconds=0.01)
    messenger.nudge(sweep)
    until_idle(messenger)
    time.sleep(0.1)
    assert "nudges" not in [thread.name for thread in threading.enumerate()]


def test_a_child_process_begins_anew():
    nudging._begin_anew()
    assert not nudging._messenger._is_under_way
