"""What no webhook brought is found on Stripe's own list, and a list that nobody reads is told before Stripe forgets."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from urllib.parse import parse_qs

import pytest
import time_machine
from django.core.management import CommandError, call_command

from billing_site.kit.models import JobRun
from invoices.models import Customer
from payments.models import AccountImport, EventListing, StripeEvent
from payments.stripe.applying import apply_due_events
from payments.stripe.envelopes import OtherMode
from payments.stripe.gateway import StripeUnreachable, gateway_from_settings
from payments.stripe.importing import KINDS
from payments.stripe.listing_events import EventsAtRisk, GapState, list_missing_events, listing_gap, sound_alarm
from payments.tasks import list_stripe_events
from tests.payments.posting import keep
from tests.payments.stripe_story import DAY, START, live

pytestmark = pytest.mark.django_db

NOW = dt.datetime.fromtimestamp(START, tz=dt.UTC)
HOUR = dt.timedelta(hours=1)


def days(count: float) -> dt.timedelta:
    return dt.timedelta(days=count)


def listed(sim, *, at: dt.datetime = NOW):
    sim.clock = lambda: int(at.timestamp())
    return list_missing_events(gateway=gateway_from_settings(), now=at)


def a_listing(*, start: dt.datetime, end: dt.datetime) -> None:
    EventListing.objects.create(listed_from=start, listed_until=end, found=0, kept=0, finished_at=end)


def asked_since(sim) -> set[str]:
    return {asked for one in sim.api.requests for asked in parse_qs(one.query)["created[gte]"]}


def test_what_no_webhook_brought_is_found_and_applied(stripe_sim):
    stripe_sim.customer("Acorn", card=None, at=START - 5 * DAY)
    assert (listed(stripe_sim).kept, listed(stripe_sim).kept) == (1, 0)
    row = StripeEvent.objects.get()
    assert (row.source, row.headers, json.loads(bytes(row.payload))) == ("list", {}, stripe_sim.events()[0])
    apply_due_events(now=NOW)
    assert Customer.objects.get().name == "Acorn"


def test_an_event_both_delivered_and_listed_is_one_row_as_it_was_signed(stripe_sim):
    stripe_sim.customer("Acorn", card=None, at=START - 60)
    keep(stripe_sim.events(), now=NOW)
    signed = bytes(StripeEvent.objects.get().payload)
    assert listed(stripe_sim).kept == 0
    row = StripeEvent.objects.get()
    assert (row.source, bytes(row.payload)) == ("webhook", signed)


def test_an_event_delivered_after_it_was_listed_is_one_row(stripe_sim):
    stripe_sim.customer("Acorn", card=None, at=START - 60)
    listed(stripe_sim)
    keep(stripe_sim.events(), now=NOW)
    assert StripeEvent.objects.get().source == "list"


def test_every_page_of_the_list_is_read(stripe_sim):
    for n in range(250):
        stripe_sim.customer(f"Customer {n}", card=None, at=START - n)
    found = listed(stripe_sim)
    assert (found.found, found.kept, StripeEvent.objects.count()) == (250, 250, 250)
    assert len(stripe_sim.api.requests) == 3


def test_the_first_reading_asks_for_all_that_stripe_still_lists(stripe_sim):
    listed(stripe_sim)
    assert asked_since(stripe_sim) == {str(START - 30 * DAY)}
    row = EventListing.objects.get()
    assert row.listed_from == NOW - days(30)
    assert NOW - dt.timedelta(seconds=2) <= row.listed_until < NOW


def test_the_next_reading_overlaps_the_last_by_two_hours(stripe_sim):
    a_listing(start=NOW - days(2), end=NOW - HOUR)
    listed(stripe_sim)
    assert asked_since(stripe_sim) == {str(START - 3 * 3600)}


def test_an_event_that_stripe_shows_late_is_found_by_the_next_reading(stripe_sim):
    listed(stripe_sim, at=NOW)
    stripe_sim.customer("Late", card=None, at=START - 3600)
    assert listed(stripe_sim, at=NOW + HOUR - dt.timedelta(minutes=1)).kept == 1


def test_the_running_second_is_left_to_the_next_reading(stripe_sim):
    stripe_sim.customer("Now", card=None, at=START)
    listed(stripe_sim, at=NOW)
    assert EventListing.objects.get().listed_until < NOW


def test_a_reading_that_breaks_off_keeps_what_it_found_and_covers_nothing(stripe_sim):
    for n in range(150):
        stripe_sim.customer(f"Customer {n}", card=None, at=START - n)
    gateway = gateway_from_settings()

    def after_one_answer() -> int:
        stripe_sim.faults.error_rate = 1.0
        return START

    stripe_sim.clock = after_one_answer
    with pytest.raises(StripeUnreachable):
        list_missing_events(gateway=gateway, now=NOW)
    assert (StripeEvent.objects.count(), EventListing.objects.count()) == (100, 0)


def test_events_of_the_other_mode_are_refused_as_at_the_door(stripe_sim, settings):
    settings.STRIPE_LIVE_MODE = True
    stripe_sim.customer("Acorn", card=None, at=START - 60)
    with pytest.raises(OtherMode):
        listed(stripe_sim)
    assert not EventListing.objects.exists()


def test_one_event_the_inbox_cannot_take_is_named_and_the_rest_is_kept(stripe_sim, caplog):
    bad, _ = (stripe_sim.customer(name, card=None, at=START - 60) for name in ("Bad", "Good"))
    event = next(one for one in stripe_sim.events() if one["data"]["object"]["id"] == bad["id"])
    stripe_sim.store.change("event", event["id"], {"account": "acct_somebody_else"})
    assert str(listed(stripe_sim)) == "2 listed, 1 missing here, 1 refused (see the log)"
    assert event["id"] in caplog.text
    assert StripeEvent.objects.count() == EventListing.objects.count() == 1


@pytest.mark.parametrize(
    ("age", "state"),
    [(0.1, GapState.OK), (0.2, GapState.LATE), (24.9, GapState.LATE), (25.1, GapState.AT_RISK), (30.1, GapState.LOST)],
)
def test_a_list_that_nobody_reads_is_told_before_stripe_forgets(age, state):
    a_listing(start=NOW - days(60), end=NOW - days(age))
    gap = listing_gap(NOW)
    assert (gap.state, gap.covered_until, gap.age) == (state, NOW - days(age), days(age))
    assert bool(gap.sentence) == (state != GapState.OK)


def test_without_a_reading_the_oldest_event_tells_the_age(stripe_sim):
    assert listing_gap(NOW).covered_until is None
    stripe_sim.customer("Acorn", card=None, at=START - 26 * DAY)
    stripe_sim.customer("Birch", card=None, at=START)
    keep(stripe_sim.events(), now=NOW)
    assert (listing_gap(NOW).state, listing_gap(NOW).age) == (GapState.AT_RISK, days(26))


def test_while_all_is_well_the_gap_costs_two_queries(django_assert_num_queries):
    a_listing(start=NOW - days(2), end=NOW - HOUR)
    with django_assert_num_queries(2):
        assert listing_gap(NOW).state == GapState.OK
    sound_alarm(now=NOW)


def test_what_stripe_forgot_before_it_was_listed_stays_an_alarm_until_it_is_imported(stripe_sim):
    a_listing(start=NOW - days(70), end=NOW - days(40))
    listed(stripe_sim, at=NOW)
    listed(stripe_sim, at=NOW + HOUR)
    with pytest.raises(EventsAtRisk, match=r"run `manage\.py import_stripe --since 2025-11-22`"):
        sound_alarm(now=NOW + HOUR)
    an_import_of(KINDS[1:], since=NOW - days(41))
    assert listing_gap(NOW + HOUR).state == GapState.LOST
    an_import_of(KINDS[:1], since=NOW - days(41))
    assert listing_gap(NOW + HOUR).state == GapState.OK


def test_an_import_from_before_the_gap_does_not_close_it():
    a_listing(start=NOW - days(70), end=NOW - days(40))
    a_listing(start=NOW - days(30), end=NOW)
    an_import_of(KINDS, since=NOW - days(100), started_at=NOW - days(50))
    assert listing_gap(NOW).state == GapState.LOST


def an_import_of(kinds, *, since: dt.datetime, started_at: dt.datetime = NOW) -> None:
    for kind in kinds:
        AccountImport.objects.create(
            object_type=kind.name, since=since, started_at=started_at, finished_at=started_at + HOUR
        )


def the_task_at(now: dt.datetime) -> JobRun:
    with time_machine.travel(now, tick=False), suppress(EventsAtRisk, StripeUnreachable):
        list_stripe_events()
    return JobRun.objects.latest("pk")


def test_the_hourly_job_says_what_it_found(stripe_sim):
    live(stripe_sim)
    end = NOW + days(75)
    stripe_sim.clock = lambda: int(end.timestamp())
    run = the_task_at(end)
    recent = sum(one["created"] >= START + 45 * DAY for one in stripe_sim.events())
    assert (run.state, run.outcome) == ("done", f"{recent} listed, {recent} missing here")
    assert the_task_at(end).outcome.endswith(", none missing here")


def test_a_failing_job_says_why_and_once_events_are_at_risk_says_that_first(stripe_sim):
    stripe_sim.faults.error_rate = 1.0
    run = the_task_at(NOW)
    assert run.outcome.startswith("StripeUnreachable: Stripe could not answer now")
    a_listing(start=NOW - days(28), end=NOW - days(26))
    run = the_task_at(NOW)
    assert run.state == "failed"
    assert run.outcome.startswith("Stripe's list of events was last read up to 2025-12-06, and Stripe shows 30 days")
    assert "Stripe could not answer now" in run.outcome


def test_an_installation_without_a_key_is_told_that_events_are_at_risk(stripe_sim, settings, caplog):
    settings.STRIPE_API_KEY = ""
    assert the_task_at(NOW).state == "nothing_to_do"
    a_listing(start=NOW - days(28), end=NOW - days(26))
    assert the_task_at(NOW).state == "failed"
    assert "run `manage.py list_stripe_events` before 2026-01-05" in caplog.text


def test_an_operator_reads_the_list_by_hand(stripe_sim, capsys):
    stripe_sim.customer("Acorn", card=None, at=START - 60)
    with time_machine.travel(NOW, tick=False):
        call_command("list_stripe_events")
        stripe_sim.faults.error_rate = 1.0
        with pytest.raises(CommandError, match="Stripe could not answer now"):
            call_command("list_stripe_events")
    assert capsys.readouterr().out == "1 listed, 1 missing here.\n"
    assert StripeEvent.objects.count() == 1


def test_of_many_found_at_once_the_oldest_are_due_first(stripe_sim):
    ages = (3, 1, 2)
    for age in ages:
        stripe_sim.customer(f"{age} days old", card=None, at=START - age * DAY)
    listed(stripe_sim)
    due = [row.next_attempt_at for row in StripeEvent.objects.due(now=NOW)]
    assert due == [NOW - days(age) for age in sorted(ages, reverse=True)]
