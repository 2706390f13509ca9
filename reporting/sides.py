"""The two books as entries that can be compared: Stripe's movements, and our payments, refunds, disputes and payouts.

Ours come from rows that events wrote. Only what no row of ours states (the fee of a dispute, a fee of the account) is
read from our copy of the ledger.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from billing_site.kit.currencies import from_stripe
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from payments.models import BalanceTransaction, Dispute, Payment, Payout, Refund
from payments.querysets import RECEIVED
from payments.stripe.facts import BalanceTransactionFacts
from reporting.matching import Entry, Key, Standing

TOLD_BY_EVENTS = ("charge", "refund", "refund_failure", "dispute", "dispute_reversal", "payout")
"""Categories of movements of which rows of ours speak too; of all others the ledger alone tells."""

_NOT_GIVEN_BACK = ("failed", "canceled")
_OUTWARD = ("refund", "dispute", "payout")
_PAID_FIELD = {"charge": "amount_captured"}


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for: the days, and the movements the other side named."""

    period: Period
    keys: frozenset[Key]

    def ids(self, *kinds: str) -> list[str]:
        return [object_id for kind, object_id in self.keys if kind in kinds]

    def happened(self, field: str) -> Q:
        return Q(**{f"{field}__gte": self.period.starts_at, f"{field}__lt": self.period.ends_at})

    def day(self, instant: dt.datetime) -> dt.date:
        return instant.astimezone(self.period.zone).date()


def their_side(
    movements: Iterable[BalanceTransactionFacts], fetched: Iterable[Mapping[str, Any]], zone: ZoneInfo
) -> list[Entry]:
    """Return Stripe's movements; an expanded source also says what the customer saw."""
    sources = {obj["id"]: obj.get("source") for obj in fetched}
    return [_their_entry(facts, sources.get(facts.stripe_id), zone) for facts in movements]


def our_side(span: Span) -> list[Entry]:
    """Return what our rows say about the days of the span and about the movements named; five queries."""
    copies = _copies(span)
    told = [*_payments(span), *_refunds(span, copies), *_disputes(span, copies), *_payouts(span, copies)]
    return [*told, *(_copy_entry(span, row) for key, row in copies.items() if key[0] not in TOLD_BY_EVENTS)]


def key_of(category: str, source_id: str, movement_id: str) -> Key:
    """Name a movement as both books can: by its source where events tell of it, else by itself."""
    return (category, source_id) if category in TOLD_BY_EVENTS and source_id else (category or "other", movement_id)


def _their_entry(facts: BalanceTransactionFacts, source: object, zone: ZoneInfo) -> Entry:
    key = key_of(facts.reporting_category, facts.source_id, facts.stripe_id)
    created = facts.created_at or dt.datetime.fromtimestamp(facts.order.created, tz=dt.UTC)
    return Entry(
        key=key,
        day=created.astimezone(zone).date(),
        paid=_paid_by_customer(key[0], source) if isinstance(source, Mapping) else None,
        settled=Money(facts.amount_cents, facts.currency),
        fee=Money(facts.fee_cents, facts.currency),
        status=facts.status,
        evidence={
            "balance_transaction": facts.stripe_id,
            "source": facts.source_id,
            "category": facts.reporting_category,
            "amount_cents": facts.amount_cents,
            "fee_cents": facts.fee_cents,
            "net_cents": facts.net_cents,
            "currency": facts.currency,
            "created_at": created.isoformat(),
        },
    )


def _paid_by_customer(category: str, source: Mapping[str, Any]) -> Money | None:
    amount = source.get(_PAID_FIELD.get(category, "amount"))
    if category not in TOLD_BY_EVENTS or not isinstance(amount, int):
        return None
    paid = from_stripe(amount, source["currency"])
    return -paid if category in _OUTWARD else paid


def _copies(span: Span) -> dict[Key, BalanceTransaction]:
    named = Q(source_id__in=span.ids(*TOLD_BY_EVENTS)) | Q(stripe_id__in=[object_id for _, object_id in span.keys])
    rows = BalanceTransaction.objects.filter(span.happened("created_at") | named).order_by("created_at", "pk")
    return {key_of(row.reporting_category, row.source_id, row.stripe_id): row for row in rows}


def _payments(span: Span) -> Iterator[Entry]:
    received = Q(status__in=RECEIVED) & (
        span.happened("received_at") | Q(received_at=None) & span.happened("created_at")
    )
    for row in Payment.objects.from_stripe().filter(received | Q(stripe_charge_id__in=span.ids("charge"))):
        yield _payment_entry(span, row)


def _payment_entry(span: Span, row: Payment) -> Entry:
    settled_in = row.settlement_currency or row.currency
    moved = row.status in RECEIVED
    return Entry(
        key=("charge", row.stripe_charge_id or row.stripe_payment_intent_id or ""),
        day=span.day(row.received_at or row.created_at),
        paid=row.amount,
        settled=None if row.settlement_amount_cents is None else Money(row.settlement_amount_cents, settled_in),
        fee=None if row.stripe_fee_cents is None else Money(row.stripe_fee_cents, settled_in),
        standing=Standing.MOVED if moved else Standing.DENIED,
        status=row.status,
        evidence={
            "payment": row.pk,
            "amount_cents": row.amount_cents,
            "currency": row.currency,
            "settlement_amount_cents": row.settlement_amount_cents,
            "settlement_currency": row.settlement_currency,
            "fee_cents": row.stripe_fee_cents,
            "status": row.status,
            "moved_at": (row.received_at or row.created_at).isoformat(),
        },
    )


def _refunds(span: Span, copies: Mapping[Key, BalanceTransaction]) -> Iterator[Entry]:
    named = Q(stripe_refund_id__in=span.ids("refund", "refund_failure"))
    rows: QuerySet[Refund] = Refund.objects.exclude(stripe_refund_id=None)
    for row in rows.filter(span.happened("created_at") | named):
        gone, came_back = ("refund", row.stripe_refund_id or ""), ("refund_failure", row.stripe_refund_id or "")
        has_failed = row.status in _NOT_GIVEN_BACK
        yield _entry(span, gone, row, -1, row.created_at, copies, Standing.UNSURE if has_failed else Standing.MOVED)
        if came_back in span.keys:
            at = copies[came_back].created_at if came_back in copies else row.created_at
            yield _entry(span, came_back, row, 1, at, copies, Standing.MOVED if has_failed else Standing.DENIED)


def _disputes(span: Span, copies: Mapping[Key, BalanceTransaction]) -> Iterator[Entry]:
    named = Q(stripe_dispute_id__in=span.ids("dispute", "dispute_reversal"))
    rows: QuerySet[Dispute] = Dispute.objects.filter(
        named | span.happened("funds_withdrawn_at") | span.happened("funds_reinstated_at")
    )
    for row in rows:
        for what, sign, at in (
            ("dispute", -1, row.funds_withdrawn_at),
            ("dispute_reversal", 1, row.funds_reinstated_at),
        ):
            standing = Standing.DENIED if at is None else Standing.MOVED
            yield _entry(span, (what, row.stripe_dispute_id), row, sign, at or row.created_at, copies, standing)


def _payouts(span: Span, copies: Mapping[Key, BalanceTransaction]) -> Iterator[Entry]:
    rows: QuerySet[Payout] = Payout.objects.filter(
        span.happened("created_at") | Q(stripe_payout_id__in=span.ids("payout"))
    )
    for row in rows:
        key = ("payout", row.stripe_payout_id)
        standing = Standing.UNSURE if row.status in _NOT_GIVEN_BACK else Standing.MOVED
        yield _entry(span, key, row, -1, row.created_at, copies, standing)


def _entry(
    span: Span,
    key: Key,
    row: Refund | Dispute | Payout,
    sign: int,
    at: dt.datetime,
    copies: Mapping[Key, BalanceTransaction],
    standing: Standing,
) -> Entry:
    copy, paid = copies.get(key), Money(sign * row.amount_cents, row.currency)
    is_exchanged = copy is not None and copy.currency != row.currency
    return Entry(
        key=key,
        day=span.day(at),
        paid=paid,
        settled=Money(copy.amount_cents, copy.currency) if copy is not None and is_exchanged else None,
        fee=Money(copy.fee_cents, copy.currency) if copy is not None else None,
        standing=standing,
        status=row.status,
        evidence={
            str(row._meta.model_name): row.pk,  # noqa: SLF001 - Django's documented Options
            "amount_cents": paid.cents,
            "currency": row.currency,
            "status": row.status,
            "moved_at": at.isoformat(),
        },
    )


def _copy_entry(span: Span, row: BalanceTransaction) -> Entry:
    return Entry(
        key=key_of(row.reporting_category, row.source_id, row.stripe_id),
        day=span.day(row.created_at),
        paid=None,
        settled=Money(row.amount_cents, row.currency),
        fee=Money(row.fee_cents, row.currency),
        evidence={"balance_transaction": row.stripe_id, "amount_cents": row.amount_cents, "currency": row.currency},
    )
