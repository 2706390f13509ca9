"""The sweeps of payments. Each asks PostgreSQL what is due, and may run twice, at once, or never and later."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing_site.kit.jobs import recorded
from payments.nudging import nudge
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import fetch_missing_movements
from payments.stripe.gateway import gateway_from_settings
from payments.stripe.mirror import mirror_due_events


@shared_task
def apply_stripe_events() -> None:
    """Bring the inbox into the books, then let the mirror and the fees follow in their own queue."""
    now = timezone.now()
    with recorded("payments.tasks.apply_stripe_events", now) as run:
        outcomes = apply_due_events(now=now)
        run.did(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    if outcomes and settings.STRIPE_API_KEY:
        nudge(mirror_fetch_fees)
        nudge(mirror_events)


@shared_task
def mirror_events() -> None:
    """Show what the books have in dj-stripe's mirror."""
    now = timezone.now()
    with recorded("payments.tasks.mirror_events", now) as run:
        if settings.STRIPE_API_KEY:
            outcomes = mirror_due_events(gateway=gateway_from_settings(), now=now)
            run.did(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))


@shared_task
def mirror_fetch_fees() -> None:
    """Fetch the fees and nets that no event tells."""
    now = timezone.now()
    with recorded("payments.tasks.mirror_fetch_fees", now) as run:
        if settings.STRIPE_API_KEY:
            changed = fetch_missing_movements(gateway=gateway_from_settings(), now=now)
            run.did(", ".join(f"{count} rows of {table}" for table, count in sorted(changed.items())))
