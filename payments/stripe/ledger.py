"""Our copy of Stripe's ledger: movements kept as fetched, also those no event tells of, such as fees of the account."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from payments.models import BalanceTransaction, StripeObject
from payments.stripe.booking import book
from payments.stripe.facts import BalanceTransactionFacts
from payments.stripe.projections import facts_from_object


def movements_of(
    fetched: Iterable[Mapping[str, Any]], *, fetched_at: dt.datetime, api_version: str
) -> list[BalanceTransactionFacts]:
    """Return the facts of fetched balance transactions, in their order."""
    seen_at = int(fetched_at.timestamp())
    facts = (one for obj in fetched for one in facts_from_object(obj, seen_at=seen_at, api_version=api_version))
    return [one for one in facts if isinstance(one, BalanceTransactionFacts)]


@transaction.atomic
def keep_movements(*, fetched: Sequence[Mapping[str, Any]], fetched_at: dt.datetime, api_version: str) -> int:
    """Keep the movements the ledger does not have yet, with what Stripe answered; return how many. Known ones stay.

    The payments that they bring in learn their fee and net.
    """
    facts = {one.stripe_id: one for one in movements_of(fetched, fetched_at=fetched_at, api_version=api_version)}
    known = BalanceTransaction.objects.filter(stripe_id__in=facts).values_list("stripe_id", flat=True)
    new = {stripe_id: facts[stripe_id] for stripe_id in facts.keys() - set(known)}
    evidence = [_kept(obj, fetched_at, api_version) for obj in fetched if obj["id"] in new]
    StripeObject.objects.bulk_create(evidence, ignore_conflicts=True)
    book(sorted(new.values(), key=lambda one: one.stripe_id))
    return len(new)


def _kept(obj: Mapping[str, Any], fetched_at: dt.datetime, api_version: str) -> StripeObject:
    payload = json.dumps(obj, sort_keys=True, separators=(",", ":")).encode()
    return StripeObject(
        stripe_id=obj["id"],
        object_type="balance_transaction",
        api_version=api_version,
        payload=payload,
        sha256=hashlib.sha256(payload).hexdigest(),
        fetched_at=fetched_at,
    )
