"""Usage comes in: each event once, and its day's sum in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from billing_site.kit.garbage import collector_paused
from partners.metering import NewUsage, Reversal, identity
from partners.metering.repeats import CONFLICT, says_the_same
from partners.models import Partner, UsageEvent
from partners.services.usage.archived import ARCHIVED, archived_spans
from partners.services.usage.conflicts import Contradiction, keep_contradictions
from partners.services.usage.locks import hold_usage, share_usage
from partners.services.usage.rollup import add_events, add_reversals
from partners.services.zones import zone_named

Fate = Literal["recorded", "repeated", "conflict", "refused"]
Sent = NewUsage | Reversal
UNKNOWN = "No event of yours has this key, or it is archived; nothing was taken back."
OF_A_REVERSAL = "This key is a reversal itself; send the event again under a new key instead."
_TAKEN_BACK = "This event was taken back already, by the key {key}."


class UsageItem(NamedTuple):
    """What became of one event: recorded now, the repeat of one we have, in conflict with it, or refused."""

    id: str
    idempotency_key: str
    fate: Fate
    sentence: str = ""


class UsageOutcome(NamedTuple):
    """What became of a batch, in the order it was sent."""

    items: tuple[UsageItem, ...]

    def fates(self, fate: Fate) -> int:
        """Return how many events met this fate."""
        return sum(item.fate == fate for item in self.items)


@collector_paused()
@transaction.atomic
def record_usage(
    *, partner: Partner, events: Sequence[Sent], now: dt.datetime, reported_by: str | None = None
) -> UsageOutcome:
    """Record each event once, whoever sends it again; a key that comes with another body is in conflict, not counted.

    Events come before what takes them back, wherever they stand in the batch. `reported_by` is the prefix of the key
    that reports: where that is all that differs, the event is a repeat, because keys are rotated.
    Raises UnknownTimeZone when the partner's days cannot be cut.
    """
    partner_id = partner.pk
    sent = [(identity(partner_id, event.idempotency_key), event) for event in events]
    firsts: dict[str, Sent] = {}
    for known_by, event in sent:
        firsts.setdefault(known_by, event)
    taking_back = {i: event for i, event in firsts.items() if type(event) is Reversal}
    plain = {i: event for i, event in firsts.items() if type(event) is NewUsage}
    (hold_usage if taking_back else share_usage)(partner)
    batch = _Batch(partner, _zone_of(partner), now, reported_by)
    batch.add(plain)
    batch.take_back(taking_back)
    items = tuple(batch.items(sent, firsts))
    batch.keep_conflicts(sent, items)
    return UsageOutcome(items)


class _Batch:
    """The work on one batch: which of its events were known, and why some were refused."""

    def __init__(self, partner: Partner, zone: ZoneInfo, now: dt.datetime, reported_by: str | None) -> None:
        self.partner, self.zone, self.now, self.reported_by = partner, zone, now, reported_by
        self.refused: dict[str, str] = {}
        self.known: dict[str, UsageEvent] = {}

    def add(self, events: dict[str, NewUsage]) -> None:
        for span in archived_spans(self.partner) if events else ():
            late = {i for i, event in events.items() if span.starts_at <= event.occurred_at < span.ends_at}
            self.refused |= dict.fromkeys(late, ARCHIVED.format(month=span.period_start))
        wanted = {i: e for i, e in events.items() if i not in self.refused} if self.refused else events
        self._remember(add_events(partner_id=self.partner.pk, events=wanted, zone=self.zone, now=self.now))

    def take_back(self, reversals: dict[str, Reversal]) -> None:
        if not reversals:
            return
        self._remember(reversals)
        wanted = {i: reversal for i, reversal in reversals.items() if i not in self.known}
        targets = {i: identity(self.partner.pk, reversal.reverses) for i, reversal in wanted.items()}
        found = _events(targets.values())
        undone = UsageEvent.objects.filter(reverses__in=found).values_list("reverses", "idempotency_key")
        taken = {target: key for target, key in undone if target is not None}
        accepted: dict[str, tuple[NewUsage, UUID]] = {}
        for i, target in targets.items():
            event = found.get(target)
            sentence = _why_not(event, taken)
            if event is None or sentence:
                self.refused[i] = sentence
            else:
                taken[event.pk] = wanted[i].idempotency_key
                accepted[i] = (_negative(event, wanted[i].idempotency_key), event.pk)
        add_reversals(partner_id=self.partner.pk, events=accepted, zone=self.zone, now=self.now)

    def items(self, sent: Sequence[tuple[str, Sent]], firsts: Mapping[str, Sent]) -> Iterator[UsageItem]:
        if len(firsts) == len(sent) and not self.known and not self.refused:
            yield from (UsageItem(i, event.idempotency_key, "recorded") for i, event in sent)  # as nearly always
            return
        said: set[str] = set()
        for i, event in sent:
            key = event.idempotency_key
            if i not in said and i not in self.known and i not in self.refused:
                said.add(i)
                yield UsageItem(i, key, "recorded")
            elif i in self.refused:
                yield UsageItem(i, key, "refused", self.refused[i])
            elif self._is_repeat(i, event, firsts[i]):
                yield UsageItem(i, key, "repeated")
            else:
                yield UsageItem(i, key, "conflict", CONFLICT)

    def keep_conflicts(self, sent: Sequence[tuple[str, Sent]], items: Sequence[UsageItem]) -> None:
        found = [
            Contradiction(item.id, item.idempotency_key, event.body)
            for item, (_, event) in zip(items, sent, strict=True)
            if item.fate == "conflict"
        ]
        keep_contradictions(partner=self.partner, found=found, now=self.now)

    def _is_repeat(self, i: str, event: Sent, first: Sent) -> bool:
        kept = self.known.get(i)
        if isinstance(event, Reversal):
            return event == first if kept is None else str(kept.reverses) == identity(self.partner.pk, event.reverses)
        if kept is None:
            return isinstance(first, NewUsage) and says_the_same(event, first)
        return kept.reverses is None and says_the_same(event, _as_sent(kept), reported_by=self.reported_by)

    def _remember(self, identities: object) -> None:
        self.known |= _events(identities)


def _why_not(event: UsageEvent | None, taken: Mapping[UUID, str]) -> str:
    if event is None:
        return UNKNOWN
    if event.reverses is not None:
        return OF_A_REVERSAL
    return _TAKEN_BACK.format(key=taken[event.pk]) if event.pk in taken else ""


def _zone_of(partner: Partner) -> ZoneInfo:
    """Return the zone in which the partner's days are cut now, whatever it was when `partner` was read."""
    name: str = Partner.objects.values_list("billing_time_zone", flat=True).get(pk=partner.pk)
    return zone_named(name, of=str(partner))


def _events(identities: object) -> dict[str, UsageEvent]:
    wanted = list(identities)  # type: ignore[call-overload]
    return {str(event.pk): event for event in UsageEvent.objects.filter(pk__in=wanted)} if wanted else {}


def _as_sent(kept: UsageEvent) -> NewUsage:
    return NewUsage(*(getattr(kept, name) for name in NewUsage._fields))


def _negative(event: UsageEvent, key: str) -> NewUsage:
    return _as_sent(event)._replace(idempotency_key=key, quantity=-event.quantity, metadata={})
