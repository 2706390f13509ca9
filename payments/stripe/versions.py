"""Owns the order in which Stripe's objects are applied: one writer an object, the newest wins, ties are doubted."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from django.db import connection

from payments.models import AppliedVersion
from payments.stripe.facts import (
    BalanceTransactionFacts,
    CheckoutFacts,
    CreditNoteFacts,
    CustomerFacts,
    DisputeFacts,
    Facts,
    InvoiceFacts,
    InvoicePaymentFacts,
    OrderKey,
    PaymentFacts,
    PayoutFacts,
    RefundFacts,
    SubscriptionFacts,
)

_KINDS: Final[Mapping[type[Facts], str]] = MappingProxyType(
    {
        BalanceTransactionFacts: "balance_transaction",
        CheckoutFacts: "checkout.session",
        CreditNoteFacts: "credit_note",
        CustomerFacts: "customer",
        DisputeFacts: "dispute",
        InvoiceFacts: "invoice",
        InvoicePaymentFacts: "invoice_payment",
        PaymentFacts: "payment_intent",
        PayoutFacts: "payout",
        RefundFacts: "refund",
        SubscriptionFacts: "subscription",
    }
)
# What goes both ways may have been anything within one second; what only grows is known by its greater order.
_GOING_BOTH_WAYS: Final = frozenset({"customer", "dispute", "payout", "subscription"})
# Intent and charge tell one payment in two ways, and what one leaves out the other fills; the ledger is written once.
_NEVER_DOUBTED: Final = frozenset({"", "balance_transaction", "charge", "invoice_payment", "payment_intent"})
# How and when it was told, and what only the type of an event tells.
_NOT_OF_THE_OBJECT: Final = frozenset(
    {"order", "livemode", "api_version", "refunded_at", "funds_withdrawn_at", "funds_reinstated_at"}
)


_KNOWN: Final = """
SELECT named.id AS stripe_id, object_type, seen_created, state_rank, amounts, fingerprint, doubted_at,
    customer.id AS customer_pk
FROM unnest(%s::text[]) AS named (id)
LEFT JOIN stripe_applied_versions AS version ON version.stripe_id = named.id
LEFT JOIN invoices_customer AS customer ON customer.stripe_customer_id = named.id
"""


_MOST_LOCKS: Final = 1000  # PostgreSQL has room for some thousands, of all connections together
_ALL_OBJECTS: Final = int.from_bytes(hashlib.sha256(b"stripe: all objects").digest()[:8], signed=True)
LOCK: Final = (
    f"SELECT count(pg_advisory_xact_lock_shared({_ALL_OBJECTS})::text || pg_advisory_xact_lock(key)::text)"  # noqa: S608 - a constant
    " FROM unnest(%s::bigint[]) AS key"
)
"""Locks objects by their `lock_keys`, and lets nobody lock them all meanwhile."""


class Version(NamedTuple):
    """One version of an object. Of two the greater is shown, whichever came first; times are seconds and often tie."""

    order: OrderKey
    fingerprint: str


def fingerprint(facts: Facts) -> str:
    """Return the SHA-256 of what facts say of their object, however and whenever they were told."""
    said = {name: value for name, value in _fields(facts) if name not in _NOT_OF_THE_OBJECT}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=_plain).encode()).hexdigest()


def lock_objects(stripe_ids: Collection[str]) -> None:
    """Wait until no other transaction works on any of these objects; held until this one ends.

    Who needs very many, such as all movements of a payout, locks all there are.
    """
    keys = lock_keys(stripe_ids)
    with connection.cursor() as cursor:
        if len(keys) > _MOST_LOCKS:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ALL_OBJECTS])
        else:
            cursor.execute(LOCK, [keys])


def lock_mirrored(stripe_id: str) -> None:
    """Wait until nobody else mirrors this object; the books, which do not wait for Stripe, do not notice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_key(f"mirror:{stripe_id}")])


def lock_keys(stripe_ids: Collection[str]) -> list[int]:
    """Return the advisory locks of objects, in one order for all: nobody waits for each other in a circle."""
    return sorted({_lock_key(stripe_id) for stripe_id in stripe_ids})


@dataclass(slots=True)
class Versions:
    """Which version of each object our rows show. Read it after `lock_objects`, `keep` it before the commit."""

    _shown: dict[str, AppliedVersion]
    customers: dict[str, int]
    """The primary keys of our customers among the objects, by Stripe's id: nearly every event names one."""
    _changed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, stripe_ids: Collection[str]) -> Versions:
        rows = list(AppliedVersion.objects.raw(_KNOWN, [list(stripe_ids)]))
        return cls(
            {row.stripe_id: row for row in rows if row.seen_created is not None},
            {row.stripe_id: pk for row in rows if (pk := row.customer_pk) is not None},  # type: ignore[attr-defined]  # of the raw query
        )

    def is_newest(self, facts: Facts) -> bool:
        """Say whether nothing newer was applied, and remember these facts as applied if so.

        Of two versions that cannot be told apart by time the greater is shown, and the object is in doubt until Stripe
        is asked, or says something later.
        """
        told = Version(facts.order, fingerprint(facts))
        row = self._shown.get(facts.stripe_id)
        shown = _version(row) if row else None
        if shown == told:
            return True
        newest = max(told, shown) if shown else told
        self._show(facts, newest, doubted_at=_doubted_at(facts, told, row))
        return newest == told

    def keep(self) -> None:
        """Write down what was applied; nothing when nothing was newer."""
        if self._changed:
            AppliedVersion.objects.bulk_create(
                [self._shown[stripe_id] for stripe_id in sorted(self._changed)],
                update_conflicts=True,
                unique_fields=["stripe_id"],
                update_fields=["object_type", "seen_created", "state_rank", "amounts", "fingerprint", "doubted_at"],
            )

    def _show(self, facts: Facts, newest: Version, *, doubted_at: dt.datetime | None) -> None:
        before, after = self._shown.get(facts.stripe_id), _row(facts, newest, doubted_at)
        if before is None or _content(before) != _content(after):
            self._shown[facts.stripe_id] = after
            self._changed.add(facts.stripe_id)


def kind_of(facts: Facts) -> str:
    """Return the object's type as Stripe names it; "" for what is no object of its own."""
    if isinstance(facts, PaymentFacts) and not facts.payment_intent_id:
        return "charge"
    return _KINDS.get(type(facts), "")


def _doubted_at(facts: Facts, told: Version, shown: AppliedVersion | None) -> dt.datetime | None:
    """Return since when the object is in doubt; anything that is newer beyond doubt ends it."""
    if shown is None:
        return None
    if told.order.created == shown.seen_created and _is_tie(kind_of(facts), told, _version(shown)):
        return dt.datetime.fromtimestamp(told.order.created, tz=dt.UTC)
    return None if told.order > _version(shown).order else shown.doubted_at


def _is_tie(kind: str, told: Version, shown: Version) -> bool:
    if kind in _NEVER_DOUBTED or shown.fingerprint in ("", told.fingerprint):
        return False
    return kind in _GOING_BOTH_WAYS or told.order == shown.order


def _row(facts: Facts, version: Version, doubted_at: dt.datetime | None) -> AppliedVersion:
    order = version.order
    return AppliedVersion(
        stripe_id=facts.stripe_id,
        object_type=kind_of(facts),
        seen_created=order.created,
        state_rank=order.state_rank,
        amounts=list(order.amounts),
        fingerprint=version.fingerprint,
        doubted_at=doubted_at,
    )


def _version(row: AppliedVersion) -> Version:
    return Version(OrderKey(row.seen_created, row.state_rank, tuple(row.amounts)), row.fingerprint)


def _content(row: AppliedVersion) -> tuple[Version, dt.datetime | None]:
    return _version(row), row.doubted_at


def _fields(whole: Any) -> Iterable[tuple[str, Any]]:
    return ((one.name, getattr(whole, one.name)) for one in fields(whole))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return dict(_fields(value))
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


def _lock_key(stripe_id: str) -> int:
    return int.from_bytes(hashlib.sha256(b"stripe:" + stripe_id.encode()).digest()[:8], signed=True)
