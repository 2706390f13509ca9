"""Owns what one count of usage is, the identity it keeps for ever, and how counts add up by day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from billing_site.kit.money import plain
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
        read = {"occurred_at": self.occurred_at.isoformat(), "quantity": plain(self.quantity)}
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
    half = sha256(f"{partner_id}:{idempotency_key}".encode()).hexdigest()
    return f"{half[:8]}-{half[8:12]}-{half[12:16]}-{half[16:20]}-{half[20:32]}"


def added_up(events: Iterable[NewUsage], zone: ZoneInfo) -> list[tuple[DayKey, DayCount]]:
    """Add events up by day of the zone; those that take others back are below zero, and so count the other way."""
    found: dict[tuple[date, str, str, str], list[Decimal]] = defaultdict(list)
    for _, event_type, occurred_at, quantity, _, prefix, endpoint, _, _ in events:
        found[occurred_at.astimezone(zone).date(), event_type, prefix, endpoint].append(quantity)
    return [(DayKey(*key), _count(key[1], quantities)) for key, quantities in found.items()]


def _count(event_type: str, quantities: list[Decimal]) -> DayCount:
    """A deed is fetched by one request; an event of the request meter says how many there were."""
    quantity = sum(quantities, Decimal(0))
    requests = int(quantity) if event_type == REQUEST else sum((one > 0) - (one < 0) for one in quantities)
    return DayCount(requests, quantity)
