"""The scheduled proofs. Each may run twice, and catches up on days that were missed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing_site.kit.errors import Refused
from billing_site.kit.jobs import recorded
from billing_site.kit.wording import counted
from payments.stripe.gateway import gateway_from_settings
from reporting.invariants import broken_invariants
from reporting.models import Reconciliation
from reporting.reconciling import fetch_theirs, reconcile

MOST_DAYS_CAUGHT_UP = 30


class BooksDoNotBalance(Refused):
    """Somebody must look: see `manage.py check_books`."""


@shared_task
def reconcile_yesterday() -> None:
    """Reconcile each day that is over and was not yet, yesterday in any case; a failed day stops those after it."""
    now = timezone.now()
    with recorded("reporting.tasks.reconcile_yesterday", now) as run:
        if settings.STRIPE_API_KEY:
            run.did("; ".join(_reconciled(day, now) for day in days_due(now)))


@shared_task
def check_books() -> None:
    """Ask every invariant; a broken one fails the job, so that it shows."""
    with recorded("reporting.tasks.check_books", timezone.now()) as run:
        broken = broken_invariants()
        if broken:
            raise BooksDoNotBalance("; ".join(f"{one.name}: {one.detail}" for one in broken[:20]))
        run.did("The books balance.")


def days_due(now: dt.datetime) -> list[dt.date]:
    """Return yesterday, and the days before it since the last reconciliation, oldest first."""
    yesterday = now.astimezone(ZoneInfo(settings.BILLING_TIME_ZONE)).date() - dt.timedelta(days=1)
    latest = Reconciliation.objects.order_by("-period_end").first()
    missed = (yesterday - latest.period_end).days if latest else 0
    back = min(max(missed, 0), MOST_DAYS_CAUGHT_UP)
    return [yesterday - dt.timedelta(days=days) for days in range(back, -1, -1)]


def _reconciled(day: dt.date, now: dt.datetime) -> str:
    end = day + dt.timedelta(days=1)
    theirs = fetch_theirs(gateway=gateway_from_settings(), start=day, end=end)
    run = reconcile(start=day, end=end, theirs=theirs, now=now)
    return f"{day}: {run.matched_count} of {run.theirs_count} movements agree, {counted(run.break_count, 'break')}"
