"""The Stripe side of the story on its way into the books: the inbox, the ledger, and what was compared since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db.models import F
from django.test.utils import override_settings

from billing_site.demo.agenda import as_if
from billing_site.demo.dates import MONTHS_OF_HISTORY, Dates
from billing_site.demo.subscribers import Obj, StripeStory
from payments.models import EventListing, StripeEvent
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import fetch_missing, keep_and_book
from payments.stripe.gateway import Gateway, gateway_from_settings
from payments.stripe.inbox import keep_event
from payments.stripe.listing_events import OVERLAP, list_missing_events
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.server import SimServer
from payments.stripe.sim.webhooks import body_of, sign
from reporting.reconciling import fetch_theirs, reconcile

DAYS_MIRRORED = 3
MORNINGS = 7
"""So many days before yesterday were reconciled one by one; what came earlier, all at once."""


def receive_events(story: StripeStory, dates: Dates) -> None:
    """Put every event that a webhook brought into the inbox when it came, and apply what was due by then."""
    secret = next(iter(settings.STRIPE_WEBHOOK_SECRETS), "")  # evidence for the reader; nobody verifies it again
    for at, event in story.heard():
        _work_until(at)
        with as_if(at):
            body = body_of(event)
            signature = sign(body, secret, int(at.timestamp()))
            keep_event(body=body, headers={"Stripe-Signature": signature, "User-Agent": "Stripe/1.0"}, now=at)
            apply_due_events(now=at + dt.timedelta(seconds=1))
    _work_until(dates.ends_at)


def fetch_what_no_event_tells(story: StripeStory, dates: Dates) -> None:
    """Fetch fees, ledger and contents of payouts, ask about what is in doubt, and read Stripe's list of events."""
    unknown = {event["data"]["object"]["id"] for event in story.sim.events() if event["id"] in story.unheard}
    with _served(story) as gateway:
        for movement in gateway.list("balance_transaction"):
            if movement["source"] not in unknown and movement["source"]:
                keep_and_book(answered=movement, api_version=gateway.api_version, now=_seen(movement))
        _read_list(story, dates, gateway)
        with as_if(dates.ends_at):
            fetch_missing(gateway=gateway, now=dates.ends_at)
    _change_fees(story)


def reconcile_past(story: StripeStory, dates: Dates) -> None:
    """Compare everything up to the day before yesterday; yesterday is left to the reader."""
    yesterday = dates.as_of - dt.timedelta(days=1)
    first = yesterday - dt.timedelta(days=MORNINGS)
    with _served(story) as gateway:
        _reconcile(gateway, dates, dates.month(MONTHS_OF_HISTORY).start, first)
        for days in range(MORNINGS):
            day = first + dt.timedelta(days=days)
            _reconcile(gateway, dates, day, day + dt.timedelta(days=1))


def leave_old_events_to_the_past(dates: Dates) -> None:
    """Spare the mirror the years before: only the last days are shown in it."""
    old = StripeEvent.objects.filter(stripe_created_at__lt=dates.days_ago(DAYS_MIRRORED, 0))
    old.update(mirrored_at=F("applied_at"))


def _work_until(until: dt.datetime) -> None:
    """Try again what is to be tried again by then, each at its time."""
    pending = StripeEvent.objects.pending().order_by("next_attempt_at")
    while (waiting := pending.filter(next_attempt_at__lt=until).first()) is not None:
        with as_if(waiting.next_attempt_at):
            apply_due_events(now=waiting.next_attempt_at)


def _read_list(story: StripeStory, dates: Dates, gateway: Gateway) -> None:
    """Find on Stripe's list what no webhook brought; what is `unheard` is not even there: the daily proof finds it."""
    story.sim.forget_events(story.unheard)
    begun = story.everything_from
    EventListing.objects.create(
        listed_from=begun - OVERLAP, listed_until=begun + OVERLAP, found=0, kept=0, finished_at=begun + OVERLAP
    )
    with as_if(dates.ends_at):
        list_missing_events(gateway=gateway, now=dates.ends_at)
        apply_due_events(now=dates.ends_at)


def _reconcile(gateway: Gateway, dates: Dates, start: dt.date, end: dt.date) -> None:
    now = dates.at(end, 6)
    theirs = fetch_theirs(gateway=gateway, start=start, end=end)
    reconcile(start=start, end=end, theirs=[row for row in theirs if row["created"] < now.timestamp()], now=now)


def _change_fees(story: StripeStory) -> None:
    """Let Stripe think again about a fee after we have booked it."""
    for charge_id, cents in story.recharged.items():
        movement = story.sim.get("balance_transaction", story.sim.get("charge", charge_id)["balance_transaction"])
        fee = movement["fee"] + cents
        parts = [{**part, "amount": fee} for part in movement["fee_details"]]
        story.sim.store.change(
            "balance_transaction", movement["id"], {"fee": fee, "net": movement["amount"] - fee, "fee_details": parts}
        )


def _seen(movement: Obj) -> dt.datetime:
    return dt.datetime.fromtimestamp(movement["created"] + 60, dt.UTC)


@contextmanager
def _served(story: StripeStory) -> Iterator[Gateway]:
    """Serve the story's Stripe on loopback for a while."""
    with SimServer(story.sim) as server, override_settings(STRIPE_API_BASE=server.url, STRIPE_API_KEY=API_KEY):
        yield gateway_from_settings()
