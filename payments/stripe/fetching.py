"""Owns what is asked of Stripe because no event tells it: one asker an object, kept as answered, then booked."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from django.db import transaction

from billing_site.kit.locks import took
from payments.models import AppliedVersion, StripeObject
from payments.stripe.booking import book
from payments.stripe.facts import AnyFacts, PaymentFacts
from payments.stripe.gateway import Answer, Gateway, StripeRefused, StripeUnreachable
from payments.stripe.projections import facts_from_object
from payments.stripe.questions import GIVEN_UP, REFUSED, Question, left_out_by, open_questions, was_asked_since

log = logging.getLogger(__name__)

_MOST_REFUSALS: Final = 5
_STRIPE_IS_AWAY: Final = 3
"""Unanswered so often in a row, Stripe is away; less, and something is wrong with one object at Stripe's."""


class BeingFetched(Exception):
    """Somebody else is asking Stripe for this object at the moment."""


class NotBooked(Exception):
    """Stripe answered and the answer is kept, but the books cannot take it; a replay tries it again."""


@dataclass(slots=True)
class Sweep:
    """What a sweep asked Stripe for, how often in vain, and the rows it changed, by table."""

    asked: int = 0
    in_vain: int = 0
    unanswered: list[StripeUnreachable] = field(default_factory=list)
    unanswered_in_a_row: int = 0
    changed: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        if not self.asked:
            return ""
        tables = ", ".join(f"{count} of {table}" for table, count in sorted(self.changed.items())) or "none"
        return f"Asked {self.asked} times, {self.in_vain} in vain; rows changed: {tables}"


def fetch_missing(*, gateway: Gateway, now: dt.datetime, limit: int = 500) -> Sweep:
    """Ask Stripe for what the books lack, up to a limit. What Stripe refuses, or the books cannot take, is logged.

    Raises StripeUnreachable when something stayed unanswered, at once when Stripe is away; what was fetched is booked.
    """
    sweep = Sweep()
    for question in islice(open_questions(now=now), limit):
        if not was_asked_since(question, now):
            sweep.asked += 1
            _ask(question, sweep, gateway, now)
    if sweep.unanswered:
        raise sweep.unanswered[-1]
    return sweep


def fetch_left_out(*, gateway: Gateway, facts: Iterable[AnyFacts], now: dt.datetime) -> Counter[str]:
    """Ask for what these facts named only by id or cut off, unless Stripe has been asked since it told them."""
    changed: Counter[str] = Counter()
    for one in facts:
        told_at = dt.datetime.fromtimestamp(one.order.created, tz=dt.UTC)
        for question in left_out_by([one]):
            if not was_asked_since(question, told_at):
                changed += fetch(gateway=gateway, question=question, now=now)
    return changed


def fetch(*, gateway: Gateway, question: Question, now: dt.datetime) -> Counter[str]:
    """Ask Stripe one question, keep the answer and book it; return the changed rows by table.

    Raises BeingFetched, StripeUnreachable, NotBooked, and StripeRefused once the refusal is on record.
    """
    try:
        with _alone_with(question.stripe_id):
            changed, trouble = _keep_and_try(_asked(question, gateway), question)
    except StripeRefused as refusal:
        _remember(refusal, question, now)
        raise
    if trouble:
        raise NotBooked(f"fetched and kept, but not booked ({type(trouble).__name__}: {trouble})") from trouble
    return changed


@transaction.atomic
def keep_and_book(*, answered: Mapping[str, Any], api_version: str, now: dt.datetime, owner: str = "") -> Counter[str]:
    """Keep an object as Stripe answered it at `now` and make our rows say so; return the changed rows by table.

    A list goes by the id of its `owner`.
    """
    return book(facts_of(keep_object(answered=answered, api_version=api_version, now=now, owner=owner)))


@transaction.atomic
def keep_object(*, answered: Mapping[str, Any], api_version: str, now: dt.datetime, owner: str = "") -> StripeObject:
    """Keep an object as Stripe answered it; the same answer is kept again later, as others may have come between."""
    payload = json.dumps(answered, sort_keys=True, separators=(",", ":")).encode()
    stripe_id, digest = owner or answered["id"], hashlib.sha256(payload).hexdigest()
    fields = {"object_type": answered["object"], "api_version": api_version, "payload": payload, "fetched_at": now}
    kept, _ = StripeObject.objects.get_or_create(stripe_id=stripe_id, sha256=digest, defaults=fields)
    if kept.fetched_at >= now:
        return kept
    digest = hashlib.sha256(f"{digest} {now.isoformat()}".encode()).hexdigest()
    return StripeObject.objects.get_or_create(stripe_id=stripe_id, sha256=digest, defaults=fields)[0]


def facts_of(kept: StripeObject) -> tuple[AnyFacts, ...]:
    """Return what a kept object tells the books; nothing where Stripe refused."""
    facts = facts_from_object(
        json.loads(bytes(kept.payload)), seen_at=int(kept.fetched_at.timestamp()), api_version=kept.api_version
    )
    return tuple(_as_old_as_its_attempt(one) for one in facts)


def _as_old_as_its_attempt(facts: AnyFacts) -> AnyFacts:
    """Date a fetched charge that failed as itself: its payment may have succeeded with another charge since."""
    if not isinstance(facts, PaymentFacts) or facts.source != "charge" or facts.created_at is None:
        return facts
    if facts.status not in ("failed", "canceled"):
        return facts
    return replace(facts, order=facts.order._replace(created=int(facts.created_at.timestamp())))


def _ask(question: Question, sweep: Sweep, gateway: Gateway, now: dt.datetime) -> None:
    try:
        sweep.changed += fetch(gateway=gateway, question=question, now=now)
    except BeingFetched:
        return
    except StripeUnreachable as silence:
        sweep.unanswered.append(silence)
        sweep.unanswered_in_a_row += 1
        if sweep.unanswered_in_a_row >= _STRIPE_IS_AWAY:
            raise
        return
    except (StripeRefused, NotBooked) as trouble:
        if isinstance(trouble, StripeRefused) and trouble.is_about_the_key:
            raise
        sweep.in_vain += 1
        log.warning("%s %s: %s", question.kind, question.stripe_id, trouble)
    sweep.unanswered_in_a_row = 0


@contextmanager
def _alone_with(stripe_id: str) -> Iterator[None]:
    """Let nobody else fetch this object meanwhile. The books do not wait: they lock it by another name."""
    with transaction.atomic():
        if not took(f"fetch:{stripe_id}"):
            raise BeingFetched(f"{stripe_id} is being fetched by somebody else.")
        yield


def _asked(question: Question, gateway: Gateway) -> Answer:
    """Return the answer, dated at least as late as the last we had heard of the object before we asked."""
    heard = AppliedVersion.objects.filter(pk=question.stripe_id).values_list("seen_created", flat=True).first() or 0
    answer = question.put_to(gateway)
    return replace(answer, at=max(answer.at, dt.datetime.fromtimestamp(heard, tz=dt.UTC)))


def _keep_and_try(answer: Answer, question: Question) -> tuple[Counter[str], Exception | None]:
    """Keep the answer whatever the books make of it."""
    owner = question.stripe_id if question.listed_by else ""
    kept = keep_object(answered=answer.body, api_version=answer.api_version, now=answer.at, owner=owner)
    try:
        return book(facts_of(kept)), None
    except Exception as trouble:  # noqa: BLE001 - whatever it is, the evidence stays and the caller is told
        return Counter(), trouble


@transaction.atomic
def _remember(refusal: StripeRefused, question: Question, now: dt.datetime) -> None:
    """Keep what Stripe said instead of the object; five days of it and it is asked for no more."""
    if refusal.is_about_the_key:
        return
    before = StripeObject.objects.filter(stripe_id=question.stripe_id, object_type=REFUSED).count()
    outcome = GIVEN_UP if before + 1 >= _MOST_REFUSALS else REFUSED
    said = {"object": outcome, "id": question.stripe_id, "kind": question.kind, "said": str(refusal), "at": str(now)}
    keep_object(answered=said, api_version="", now=now)
    if outcome == GIVEN_UP:
        log.error(
            "Stripe has refused %s %s %d times and is not asked again: %s",
            question.kind,
            question.stripe_id,
            _MOST_REFUSALS,
            refusal,
        )
