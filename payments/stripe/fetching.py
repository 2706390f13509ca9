"""Owns what is asked of Stripe because no event tells it: kept as answered, then booked; HTTP before transactions."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from payments.models import BalanceTransaction, Payment, Refund, StripeObject
from payments.stripe.booking import book
from payments.stripe.facts import AnyFacts, PaymentFacts, SubscriptionFacts
from payments.stripe.gateway import Gateway, StripeRefused
from payments.stripe.projections import facts_from_object

log = logging.getLogger(__name__)


def fetch_missing_movements(*, gateway: Gateway, now: dt.datetime, limit: int = 500) -> Counter[str]:
    """Fetch the ledger entries of payments without a fee and of refunds; return the changed rows by table.

    Raises StripeUnreachable. What Stripe refuses is logged and asked for again next time.
    """
    changed: Counter[str] = Counter()
    for kind, stripe_id in _missing_movements(limit):
        expand = ("balance_transaction",) if kind == "charge" else ()
        try:
            changed += fetch(gateway=gateway, kind=kind, stripe_id=stripe_id, expand=expand, now=now)
        except StripeRefused as refusal:
            log.warning("Stripe does not show %s %s: %s", kind, stripe_id, refusal)
    return changed


def fetch_left_out(*, gateway: Gateway, facts: Iterable[AnyFacts], now: dt.datetime) -> Counter[str]:
    """Fetch what an event named only by id and the books need: the coupons and tiers of a subscription."""
    changed: Counter[str] = Counter()
    for one in facts:
        if isinstance(one, SubscriptionFacts) and one.to_expand:
            changed += fetch(
                gateway=gateway, kind="subscription", stripe_id=one.stripe_id, expand=one.to_expand, now=now
            )
    return changed


def fetch(*, gateway: Gateway, kind: str, stripe_id: str, now: dt.datetime, expand: Iterable[str] = ()) -> Counter[str]:
    """Ask Stripe for one object, keep the answer and book it. Raises StripeUnreachable, StripeRefused."""
    answered = gateway.retrieve(kind, stripe_id, expand)
    return keep_and_book(answered=answered, api_version=gateway.api_version, now=now)


@transaction.atomic
def keep_and_book(*, answered: Mapping[str, Any], api_version: str, now: dt.datetime) -> Counter[str]:
    """Keep an object as Stripe answered it and make our rows say so; return the changed rows by table."""
    return book(facts_of(keep_object(answered=answered, api_version=api_version, now=now)))


@transaction.atomic
def keep_object(*, answered: Mapping[str, Any], api_version: str, now: dt.datetime) -> StripeObject:
    """Keep an object as Stripe answered it; the same answer is kept once."""
    payload = json.dumps(answered, sort_keys=True, separators=(",", ":")).encode()
    key = {"stripe_id": answered["id"], "sha256": hashlib.sha256(payload).hexdigest()}
    fields = {"object_type": answered["object"], "api_version": api_version, "payload": payload, "fetched_at": now}
    return StripeObject.objects.get_or_create(**key, defaults=fields)[0]


def facts_of(kept: StripeObject) -> tuple[AnyFacts, ...]:
    """Return what a kept object tells the books."""
    facts = facts_from_object(
        json.loads(bytes(kept.payload)), seen_at=int(kept.fetched_at.timestamp()), api_version=kept.api_version
    )
    # A charge is fetched for its movement; what it says of the payment, its events say with Stripe's own time.
    return tuple(one for one in facts if not isinstance(one, PaymentFacts))


def _missing_movements(limit: int) -> list[tuple[str, str]]:
    """Return what to ask for: the ledger entry by its id or, where the payment does not know it yet, the charge."""
    known = BalanceTransaction.objects.filter(stripe_id=OuterRef("stripe_balance_transaction_id"))
    payments = Payment.objects.without_fee().exclude(stripe_balance_transaction_id="", stripe_charge_id=None)
    refunds = Refund.objects.exclude(stripe_balance_transaction_id="").filter(~Exists(known))
    fees = payments.order_by("pk").values_list("stripe_balance_transaction_id", "stripe_charge_id")[:limit]
    wanted = [("balance_transaction", movement) if movement else ("charge", str(charge)) for movement, charge in fees]
    entries = refunds.order_by("pk").values_list("stripe_balance_transaction_id", flat=True)[:limit]
    return wanted + [("balance_transaction", entry) for entry in entries]
