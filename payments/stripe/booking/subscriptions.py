"""Owns the booking of subscriptions: the newest version as it is, every version for the movements of MRR."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from payments.enums import BillingCycle
from payments.models import MrrMovement, Subscription, SubscriptionVersion
from payments.stripe.booking.books import Books, fitted, told_at
from payments.stripe.facts import SubscriptionFacts
from payments.stripe.mrr import Movement, Story, Told, story_of
from payments.stripe.terms import Terms, as_json, completed, from_json
from payments.stripe.versions import fingerprint, lock_objects

_MOVEMENT_FIELDS = ("kind", "occurred_at", "before_cents", "after_cents", "change_cents", "currency")


def book_subscription(books: Books, facts: SubscriptionFacts, *, is_newest: bool) -> None:
    """Keep this version, copy it if it is the newest, and tell anew how its worth moved."""
    versions = list(SubscriptionVersion.objects.of(facts.stripe_id).select_related("subscription"))
    version = _version(facts)
    is_new = all(_key(version) != _key(known) for known in versions)
    if is_new:
        versions = sorted([*versions, version], key=_key)
    present = next((known.subscription for known in versions if known.pk), None)
    terms, story = _story(versions, present.mrr_counted_until if present else None)
    said = (_fields(books, facts) if is_newest else {}) | _worth(story, terms[-1])
    if present is None:
        row = books.copy(Subscription, key={"stripe_subscription_id": facts.stripe_id}, fields=said)
    else:
        row = books.copy_into(present, said)
    if is_new:
        version.subscription = row
    _keep_versions(books, versions, terms)
    # Movements come of versions: before the first version there are none to look for.
    _keep_movements(books, row, story.movements, present=_movements_of(row) if present else [])


def recount_worth(*, now: dt.datetime) -> Counter[str]:
    """Let coupons end whose end no event has told; return the changed rows by table.

    What is kept is when the coupon ended, not when this ran, so that a replay later counts the same.
    """
    books = Books()
    for pk, stripe_id in Subscription.objects.worth_changing(by=now).values_list("pk", "stripe_subscription_id"):
        with transaction.atomic():
            lock_objects({stripe_id})
            while (row := Subscription.objects.worth_changing(by=now).filter(pk=pk).first()) is not None:
                _recount(books, row)
    return books.changed


def _recount(books: Books, row: Subscription) -> None:
    versions = list(SubscriptionVersion.objects.of(row.stripe_subscription_id))
    terms, story = _story(versions, row.mrr_changes_at)
    until = {"mrr_counted_until": row.mrr_changes_at}
    books.copy(Subscription, key={"pk": row.pk}, fields=until | _worth(story, terms[-1]))
    _keep_movements(books, row, story.movements, present=_movements_of(row))


def _version(facts: SubscriptionFacts) -> SubscriptionVersion:
    said = {
        "seen_created": facts.order.created,
        "state_rank": facts.order.state_rank,
        "fingerprint": fingerprint(facts),
        "status": facts.status,
        "is_counted": facts.is_counted,
        "plan": facts.plan,
        "quantity": facts.quantity,
        "currency": facts.currency,
        "mrr_cents": max(facts.mrr_cents, 0),
        "terms": as_json(facts.terms),
    }
    return SubscriptionVersion(**fitted(SubscriptionVersion, said))


def _key(version: SubscriptionVersion) -> tuple[int, int, str]:
    return version.seen_created, version.state_rank, version.fingerprint


def _story(versions: Sequence[SubscriptionVersion], counted_until: dt.datetime | None) -> tuple[list[Terms], Story]:
    """Return the terms of each version as far as any of them tells, and how the worth moved."""
    terms = completed(from_json(version.terms) for version in versions)
    told = [_told(version, known) for version, known in zip(versions, terms, strict=True)]
    return terms, story_of(told, counted_until=int(counted_until.timestamp()) if counted_until else 0)


def _told(version: SubscriptionVersion, terms: Terms) -> Told:
    return Told(at=version.seen_created, is_counted=version.is_counted, currency=version.currency, terms=terms)


def _fields(books: Books, facts: SubscriptionFacts) -> dict[str, Any]:
    known = facts.billing_cycle in BillingCycle.values
    return {
        "customer_id": books.customer_id_of(facts.customer_id),
        "status": facts.status,
        "is_paused": facts.is_paused,
        "plan": facts.plan,
        "quantity": facts.quantity,
        "currency": facts.currency,
        "billing_cycle": facts.billing_cycle if known else BillingCycle.OTHER,
        "current_period_start": facts.period_starts_at,
        "current_period_end": facts.period_ends_at,
        "trial_end": facts.trial_ends_at,
        "cancel_at_period_end": facts.cancel_at_period_end,
        "canceled_at": facts.canceled_at,
        "created_at": facts.created_at or facts.started_at or told_at(facts),
    }


def _worth(story: Story, newest: Terms) -> dict[str, Any]:
    return {
        "mrr_cents": story.mrr_cents,
        "mrr_changes_at": _instant(story.changes_at) if story.changes_at else None,
        "discount": newest.discount(),
    }


def _keep_versions(books: Books, versions: Sequence[SubscriptionVersion], terms: Sequence[Terms]) -> None:
    """Write the new version, and of older ones what a coupon known by now makes of their worth."""
    worth = [
        _told(version, known).worth_cents(version.seen_created) for version, known in zip(versions, terms, strict=True)
    ]
    changed = [
        version for version, cents in zip(versions, worth, strict=True) if version.pk and version.mrr_cents != cents
    ]
    new = [version for version in versions if version.pk is None]
    for version, cents in zip(versions, worth, strict=True):
        version.mrr_cents = cents
    if changed:
        SubscriptionVersion.objects.bulk_update(changed, ["mrr_cents"])
    SubscriptionVersion.objects.bulk_create(new)
    books.count(SubscriptionVersion, len(changed) + len(new))


def _movements_of(row: Subscription) -> list[MrrMovement]:
    return list(row.mrr_movements.order_by("occurred_at", "pk"))


def _keep_movements(
    books: Books, row: Subscription, movements: Sequence[Movement], *, present: Sequence[MrrMovement]
) -> None:
    """Write only what differs: the movements from the first one on that is told otherwise now."""
    wanted = [_movement(row, movement) for movement in movements]
    same = _in_common([_said(one) for one in present], [_said(one) for one in wanted])
    if present[same:]:
        row.mrr_movements.filter(pk__in=[one.pk for one in present[same:]]).delete()
    MrrMovement.objects.bulk_create(wanted[same:])
    books.count(MrrMovement, max(len(present), len(wanted)) - same)


def _movement(row: Subscription, movement: Movement) -> MrrMovement:
    return MrrMovement(
        subscription=row,
        customer_id=row.customer_id,
        kind=movement.kind,
        occurred_at=_instant(movement.occurred_at),
        before_cents=movement.before_cents,
        after_cents=movement.after_cents,
        change_cents=movement.after_cents - movement.before_cents,
        currency=movement.currency,
    )


def _said(movement: MrrMovement) -> tuple[Any, ...]:
    return movement.customer_id, *(getattr(movement, name) for name in _MOVEMENT_FIELDS)


def _in_common(present: Sequence[object], wanted: Sequence[object]) -> int:
    """Return how many are the same from the start on."""
    pairs = zip(present, wanted, strict=False)
    return next((n for n, (old, new) in enumerate(pairs) if old != new), min(len(present), len(wanted)))


def _instant(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
