"""The sweeps of payments. Each asks PostgreSQL what is due, and may run twice, at once, or never and later."""

from __future__ import annotations

from collections import Counter
from typing import Final

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing_site.kit.jobs import recorded
from billing_site.kit.nudging import nudge
from payments.stripe.applying import apply_due_events
from payments.stripe.booking.subscriptions import recount_worth
from payments.stripe.fetching import Sweep, fetch_missing
from payments.stripe.gateway import gateway_from_settings
from payments.stripe.listing_events import list_missing_events, sound_alarm
from payments.stripe.mirror import mirror_due_events

# A sweep that stops at its limit nudges the next one: a burst drains without waiting for beat, and others get a turn.
EVENTS_IN_A_SWEEP: Final = 250  # well within the lease of a claim, which counts from the sweep's beginning
OBJECTS_IN_A_SWEEP: Final = 500


@shared_task
def apply_stripe_events() -> None:
    """Bring the inbox into the books, then let the mirror and what must be fetched follow in their own queue."""
    now = timezone.now()
    with recorded("payments.tasks.apply_stripe_events", now) as run:
        outcomes = apply_due_events(now=now, limit=EVENTS_IN_A_SWEEP)
        # A coupon may end while no event tells of it; with none that did, this asks once and writes nothing.
        run.did(_counted(outcomes + recount_worth(now=now)))
    if outcomes.total() >= EVENTS_IN_A_SWEEP:
        nudge(apply_stripe_events)
    if outcomes and settings.STRIPE_API_KEY:
        nudge(mirror_fetch_missing)
        nudge(mirror_events)


@shared_task
def mirror_events() -> None:
    """Fetch what events left out, and show what the books have in dj-stripe's mirror."""
    now, outcomes = timezone.now(), Counter[str]()
    with recorded("payments.tasks.mirror_events", now) as run:
        if settings.STRIPE_API_KEY:
            outcomes = mirror_due_events(gateway=gateway_from_settings(), now=now, limit=OBJECTS_IN_A_SWEEP)
            run.did(_counted(outcomes))
    if outcomes.total() >= OBJECTS_IN_A_SWEEP:
        nudge(mirror_events)


@shared_task
def mirror_fetch_missing() -> None:
    """Fetch what no event tells: fees, ledger entries, refunds of a charge, contents of payouts, what is in doubt."""
    now, sweep = timezone.now(), Sweep()
    with recorded("payments.tasks.mirror_fetch_missing", now) as run:
        if settings.STRIPE_API_KEY:
            sweep = fetch_missing(gateway=gateway_from_settings(), now=now, limit=OBJECTS_IN_A_SWEEP)
            run.did(str(sweep))
    if sweep.asked >= OBJECTS_IN_A_SWEEP:
        nudge(mirror_fetch_missing)


@shared_task
def list_stripe_events() -> None:
    """Find on Stripe's own list what no webhook brought; fail for as long as events may be lost."""
    now = timezone.now()
    with recorded("payments.tasks.list_stripe_events", now) as run:
        if settings.STRIPE_API_KEY:
            listed = list_missing_events(gateway=gateway_from_settings(), now=now)
            run.did(str(listed))
            if listed.kept:
                nudge(apply_stripe_events)
        sound_alarm(now=now)


def _counted(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
