"""Owns the order in which Stripe's objects are applied: one writer an object, and the newest version wins."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db import connection

from payments.models import AppliedVersion
from payments.stripe.facts import Facts, OrderKey


def lock_objects(stripe_ids: Collection[str]) -> None:
    """Wait until no other transaction works on any of these objects; held until this one ends."""
    # Always in the same order: two transactions that need the same objects never wait for each other in a circle.
    keys = sorted({_lock_key(stripe_id) for stripe_id in stripe_ids})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


@dataclass(slots=True)
class Versions:
    """Which version of each object our rows show. Read it after `lock_objects`, `keep` it before the commit."""

    _shown: dict[str, OrderKey]
    _newer: dict[str, OrderKey] = field(default_factory=dict)

    @classmethod
    def of(cls, stripe_ids: Collection[str]) -> Versions:
        rows = AppliedVersion.objects.in_bulk(stripe_ids)
        return cls({key: OrderKey(row.seen_created, row.state_rank, tuple(row.amounts)) for key, row in rows.items()})

    def is_newest(self, facts: Facts) -> bool:
        """Say whether nothing newer was applied, and remember these facts as applied if so."""
        shown = self._shown.get(facts.stripe_id)
        if shown is None or facts.order > shown:
            self._shown[facts.stripe_id] = self._newer[facts.stripe_id] = facts.order
            return True
        return facts.order == shown

    def keep(self) -> None:
        """Write down what was applied; nothing when nothing was newer."""
        if self._newer:
            AppliedVersion.objects.bulk_create(
                _rows(self._newer.items()),
                update_conflicts=True,
                unique_fields=["stripe_id"],
                update_fields=["seen_created", "state_rank", "amounts"],
            )


def _rows(orders: Iterable[tuple[str, OrderKey]]) -> list[AppliedVersion]:
    return [
        AppliedVersion(
            stripe_id=stripe_id, seen_created=order.created, state_rank=order.state_rank, amounts=list(order.amounts)
        )
        for stripe_id, order in orders
    ]


def _lock_key(stripe_id: str) -> int:
    return int.from_bytes(hashlib.sha256(b"stripe:" + stripe_id.encode()).digest()[:8], signed=True)
