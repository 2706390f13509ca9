"""Owns what one count of usage is, the identity it keeps for ever, and how counts add up by day."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from partners.pricing import METERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

DEED, REQUEST = METERS
_NOTHING: Mapping[str, Any] = {}


class NewUsage(NamedTuple):
    """One count as its sender reports it; `idempotency_key` is the sender's own and names it.

    A tuple, because fifty thousand of them are made, compared and taken apart in one call.
    """

    idempotency_key: str
    event_type: str
    occurred_at: datetime
    quantity: Decimal = Decimal(1)
    user_id: str = ""
    api_key_prefix: str = ""
    endpoint: str = ""
    resource_id: str = ""
    metadata: Mapping[str, Any] = _NOTHING

    @property
    def body(self) -> dict[str, Any]:
        """What was sent, as JSON can hold it."""
        read = {"occurred_at": self.occurred_at.isoformat(), "quantity": f"{self.quantity.normalize():f}"}
        return {**self._asdict(), **read, "metadata": dict(self.metadata)}


class Reversal(NamedTuple):
    """Takes the event with the key `reverses` back, whole."""

    idempotency_key: str
    reverses: str

    @property
    def body(self) -> dict[str, Any]:
        """What was sent, as JSON can hold it."""
        return self._asdict()


class RequestCount(NamedTuple):
    """Requests a product counted itself, for one day of the partner's billing time zone."""

    day: date
    requests: int
    api_key_prefix: str = ""
    endpoint: str = ""


class DayKey(NamedTuple):
    """What one row of the daily rollup stands for. Its order is the order in which rows are locked."""

    day: date
    event_type: str
    api_key_prefix: str
    endpoint: str


class DayCount(NamedTuple):
    """What is added to a row of the rollup."""

    requests: int
    quantity: Decimal


def identity(partner_id: int, idempotency_key: str) -> str:
    """Return the id of a count, as a UUID is written: the same partner and key always meet the same row."""
    half = hashlib.sha256(f"{partner_id}:{idempotency_key}".encode()).hexdigest()
    return f"{half[:8]}-{half[8:12]}-{half[12:16]}-{half[16:20]}-{half[20:32]}"


def added_up(events: Iterable[NewUsage], zone: ZoneInfo) -> list[tuple[DayKey, DayCount]]:
    """Add events up by day of the zone: the rule, in plain words, that the database follows when it records usage."""
    sums: dict[DayKey, DayCount] = defaultdict(lambda: DayCount(0, Decimal(0)))
    for event in events:
        day = event.occurred_at.astimezone(zone).date()
        key = DayKey(day, event.event_type, event.api_key_prefix, event.endpoint)
        before = sums[key]
        sums[key] = DayCount(before.requests + _requests(event), before.quantity + event.quantity)
    return sorted(sums.items())


def _requests(event: NewUsage) -> int:
    """A deed is fetched by one request; an event of the request meter says how many there were."""
    return int(event.quantity) if event.event_type == REQUEST else 1
