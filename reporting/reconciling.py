"""The daily proof: Stripe's ledger against our rows, written down as one reconciliation and its breaks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from billing_site.kit.periods import Period
from payments.stripe.gateway import Gateway
from payments.stripe.ledger import keep_movements, movements_of
from reporting.enums import BreakStatus
from reporting.matching import Breaks, Difference, Entry, differences, totals
from reporting.models import Break, Reconciliation
from reporting.sides import Span, our_side, their_side

MARGIN = dt.timedelta(days=1)
"""Fetched on both sides of the span, so that a movement just across midnight finds its partner."""

_ONE_AT_A_TIME = 7_263_001
_NAMED_BY_OBJECT_ALONE = ("charge", "refund", "dispute", "payout")
_CHARGE = "charge"


def fetch_theirs(*, gateway: Gateway, start: dt.date, end: dt.date) -> list[dict[str, Any]]:
    """Fetch Stripe's movements of `[start, end)` in the billing time zone; raise what the gateway raises."""
    period = Period(start - MARGIN, end + MARGIN, _zone())
    span = {"created_gte": int(period.starts_at.timestamp()), "created_lt": int(period.ends_at.timestamp())}
    return list(gateway.balance_transactions(**span))


def reconcile(*, start: dt.date, end: dt.date, theirs: Iterable[Mapping[str, Any]], now: dt.datetime) -> Reconciliation:
    """Compare `[start, end)` and write the result, zero breaks too. `theirs` are balance transactions as fetched.

    Movements that no event tells, such as fees of the account, are kept first. Those that bring in payments are kept
    last: payments then learn their fee, and that it was missing is written down. The books wait only while movements
    are kept. An open break found again is the same row; one that is gone is resolved with a note.
    """
    fetched = list(theirs)
    _keep([movement for movement in fetched if movement.get("reporting_category") != _CHARGE], now)
    run = _write_down(Period(start, end, _zone()), fetched, now)
    _keep([movement for movement in fetched if movement.get("reporting_category") == _CHARGE], now)
    return run


def _keep(movements: list[Mapping[str, Any]], now: dt.datetime) -> None:
    keep_movements(fetched=movements, fetched_at=now, api_version=settings.STRIPE_API_VERSION)


@transaction.atomic
def _write_down(period: Period, fetched: list[Mapping[str, Any]], now: dt.datetime) -> Reconciliation:
    _wait_for_other_runs()
    breaks = _compare(period, fetched, now)
    run = Reconciliation.objects.create(
        period_start=period.start,
        period_end=period.end,
        started_at=now,
        finished_at=now,
        theirs_count=len(breaks.theirs),
        ours_count=len(breaks.ours),
        matched_count=breaks.matched_count,
        break_count=len(breaks.differences),
        totals=totals(breaks),
    )
    _write_breaks(run, breaks, now)
    return run


def _compare(period: Period, fetched: list[Mapping[str, Any]], now: dt.datetime) -> Breaks:
    facts = movements_of(fetched, fetched_at=now, api_version=settings.STRIPE_API_VERSION)
    theirs = their_side(facts, fetched, period.zone)
    ours = our_side(Span(period, frozenset(entry.key for entry in theirs)))
    return differences(ours, theirs, start=period.start, end=period.end)


def _write_breaks(run: Reconciliation, breaks: Breaks, now: dt.datetime) -> None:
    found = {(str(broken.kind), _name(broken)): broken for broken in breaks.differences}
    known = {(row.kind, row.stripe_id): row for row in Break.objects.open().select_for_update()}
    again = [_seen_again(known[name], run, broken) for name, broken in found.items() if name in known]
    gone = [_resolved(row, run, now) for name, row in known.items() if name not in found and _was_asked(row, run)]
    Break.objects.bulk_create(_new(run, broken, now) for name, broken in found.items() if name not in known)
    Break.objects.bulk_update(again, ["reconciliation", "currency", "difference_cents", "theirs", "ours"])
    Break.objects.bulk_update(gone, ["status", "resolved_at", "note"])


def _new(run: Reconciliation, broken: Difference, now: dt.datetime) -> Break:
    row = Break(kind=broken.kind, stripe_id=_name(broken), found_at=now)
    return _seen_again(row, run, broken)


def _seen_again(row: Break, run: Reconciliation, broken: Difference) -> Break:
    row.reconciliation = run
    row.currency, row.difference_cents = broken.amount.currency, broken.amount.cents
    row.theirs, row.ours = _evidence(broken.theirs), _evidence(broken.ours)
    return row


def _resolved(row: Break, run: Reconciliation, now: dt.datetime) -> Break:
    last_day = run.period_end - dt.timedelta(days=1)
    gone = f"Gone in the reconciliation of {run.period_start} to {last_day}: both sides agree."
    row.status, row.resolved_at = BreakStatus.RESOLVED, now
    row.note = f"{row.note}\n{gone}".strip()
    return row


def _was_asked(row: Break, run: Reconciliation) -> bool:
    """Only the run of its own day can say that a break is gone."""
    days = [dt.date.fromisoformat(side["day"]) for side in (row.theirs, row.ours) if side]
    return any(run.period_start <= day < run.period_end for day in days)


def _evidence(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else {"day": entry.day.isoformat(), **entry.evidence}


def _name(broken: Difference) -> str:
    """The object that moved; what came back of it is another movement of the same object."""
    what, object_id = broken.key
    is_plain = what in _NAMED_BY_OBJECT_ALONE or object_id.startswith("txn_")
    return object_id if is_plain else f"{object_id} {what}"


def _wait_for_other_runs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.BILLING_TIME_ZONE)
