"""Whatever happens on the way, in whatever order: when all is told, the books are those of an undisturbed run."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from contextlib import suppress

import pytest
from django.db import OperationalError
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from payments.models import StripeEvent, StripeObject
from payments.querysets import RECEIVED
from payments.stripe.applying import apply_due_events, apply_next_event
from payments.stripe.booking import NotYetKnown, book
from payments.stripe.fetching import fetch_missing
from payments.stripe.gateway import Gateway
from payments.stripe.projections import facts_from_event
from payments.stripe.replaying import replay
from payments.stripe.sim import Sim
from payments.stripe.sim.api import Api
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.schema import api_version
from payments.stripe.sim.server import SimServer
from tests.payments.posting import keep
from tests.payments.storm import Died, at_once, broken_invariants, differences, drain, failing_at, forget_everything
from tests.payments.stripe_life import DOCUMENTS, MONEY, SALES, SUBSCRIPTIONS, Company
from tests.payments.stripe_story import books
from tests.payments.stripe_truth import assert_books_equal_stripe

pytestmark = pytest.mark.django_db(transaction=True)

SHARES = 4
IS_WHOLE = settings.get_current_profile_name() == "proofs"
EXAMPLES = 300 if IS_WHOLE else 16
PLAY = settings(
    max_examples=EXAMPLES // SHARES,
    stateful_step_count=40 if IS_WHOLE else 20,
    deadline=None,
    # A short run is the same every time; the whole one looks elsewhere each time, and makes small what it finds.
    database=None,
    phases=[Phase.generate, Phase.shrink] if IS_WHOLE else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SOME = st.integers(0, 40)


def some_of(verbs):
    return st.lists(st.tuples(st.sampled_from(sorted(verbs)), SOME), min_size=1, max_size=3)


def told_by_events(said):
    """Leave out what depends on when Stripe was asked in a doubt, which events alone decide otherwise or not at all.

    That is by which payment an unpaid invoice may be paid, and at which moment a tie between two worths was resolved.
    """
    ties = [row for row in said["InvoicePayment"] if row["status"] == "paid"]
    payments = [
        row if row["status"] in RECEIVED else row | {"invoice__stripe_invoice_id": ""} for row in said["Payment"]
    ]
    worth: Counter[str] = Counter()
    for move in said["MrrMovement"]:
        worth[move["subscription__stripe_subscription_id"]] += move["change_cents"]
    return said | {
        "InvoicePayment": ties,
        "Payment": payments,
        "MrrMovement": [{name: cents for name, cents in worth.items() if cents}],
    }


class Storm(RuleBasedStateMachine):
    """Life at Stripe, a post that loses and doubles letters, workers that die, and replays in between."""

    server = None

    def __init__(self) -> None:
        super().__init__()
        forget_everything()
        self.company = Company("storm")
        self.sim = self.company.sim
        self.server.api = Api(self.sim)
        self.gateway = Gateway(API_KEY, self.server.url, api_version())
        self.delivered: set[str] = set()
        for what in ("a subscription begins", "an invoice is sent", "a card is charged"):
            self.company.happen(what, 0)

    @property
    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.company.second, dt.UTC)

    @rule(happenings=some_of(SALES))
    def customers_come(self, happenings) -> None:
        self._live(happenings)

    @rule(happenings=some_of(SUBSCRIPTIONS))
    def subscriptions_change(self, happenings) -> None:
        self._live(happenings)

    @rule(happenings=some_of(DOCUMENTS))
    def documents_change(self, happenings) -> None:
        self._live(happenings)

    @rule(happenings=some_of(MONEY))
    def money_moves(self, happenings) -> None:
        self._live(happenings)

    @rule(seconds=st.sampled_from([1, 60, 3_600, 40 * 86_400]))
    def time_passes(self, seconds) -> None:
        self.company.second += seconds

    @rule(places=st.lists(SOME, min_size=1, max_size=12))
    def stripe_delivers_some_in_any_order(self, places) -> None:
        for place in places:
            if waiting := self._undelivered():
                self._deliver(waiting[place % len(waiting)])

    @rule()
    def stripe_delivers_all_newest_first(self) -> None:
        for event in reversed(self._undelivered()):
            self._deliver(event)

    @precondition(lambda self: self.delivered)
    @rule(place=SOME)
    def stripe_delivers_again(self, place) -> None:
        known = sorted(self.delivered)
        self._deliver(self.sim.get("event", known[place % len(known)]))

    @rule(place=SOME)
    def a_delivery_is_lost_and_tried_again_later(self, place) -> None:
        if waiting := self._undelivered():
            with suppress(Died), failing_at(1, Died):
                keep([waiting[place % len(waiting)]], now=self.now)

    @rule(limit=st.integers(1, 30))
    def a_worker_sweeps(self, limit) -> None:
        apply_due_events(now=self.now, limit=limit)

    @rule(statement=st.integers(1, 14), error=st.sampled_from([OperationalError, Died]))
    def a_worker_stumbles_or_dies(self, statement, error) -> None:
        with suppress(error), failing_at(statement, error):
            apply_next_event(now=self.now)

    @rule(place=SOME)
    def a_worker_dies_after_the_commit(self, place) -> None:
        if waiting := list(StripeEvent.objects.pending().order_by("event_id")):
            with suppress(NotYetKnown):
                book(facts_from_event(self._told(waiting[place % len(waiting)])))

    @rule(limit=st.integers(1, 6))
    def two_workers_sweep_at_once(self, limit) -> None:
        at_once(*[lambda: apply_due_events(now=self.now, limit=limit)] * 2)

    @rule()
    def a_worker_sweeps_while_another_fetches(self) -> None:
        at_once(lambda: apply_due_events(now=self.now, limit=5), self.the_fetch_queue_runs)

    @rule()
    def the_fetch_queue_runs(self) -> None:
        fetch_missing(gateway=self.gateway, now=self.now)

    @precondition(lambda self: self.delivered)
    @rule(place=SOME)
    def one_object_is_replayed(self, place) -> None:
        known = sorted(set(StripeEvent.objects.values_list("object_id", flat=True)))
        chosen = known[place % len(known)]
        replay(
            events=StripeEvent.objects.filter(object_id=chosen), objects=StripeObject.objects.filter(stripe_id=chosen)
        )

    @rule()
    def everything_is_replayed(self) -> None:
        replay(events=StripeEvent.objects.all(), objects=StripeObject.objects.all())

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self._compare_with_an_undisturbed_run()

    def _compare_with_an_undisturbed_run(self) -> None:
        self.company.second += 86_400
        for event in self._undelivered():
            self._deliver(event)
        drain(self.gateway, now=self.now)
        ours = told_by_events(books())
        assert_books_equal_stripe(self.sim)
        assert not broken_invariants()
        forget_everything()
        keep(self.sim.events(), now=self.now)
        drain(self.gateway, now=self.now)
        assert not differences(ours, told_by_events(books()))

    def _live(self, happenings) -> None:
        for what, which in happenings:
            self.company.happen(what, which)

    def _undelivered(self) -> list[dict]:
        return [event for event in self.sim.events() if event["id"] not in self.delivered]

    def _deliver(self, event) -> None:
        keep([event], now=self.now)
        self.delivered.add(event["id"])

    def _told(self, row):
        return self.sim.get("event", row.event_id)


@pytest.mark.parametrize("share", range(SHARES))
def test_books_after_a_storm_equal_those_of_an_undisturbed_run(share):
    with SimServer(Sim()) as server:
        storm = type(f"Storm{share}", (Storm,), {"server": server})
        run_state_machine_as_test(storm if IS_WHOLE else seed(share)(storm), settings=PLAY)
