"""Owns what one count of usage is: read strictly from outside, given an identity, added up by day. No framework."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from partners.pricing import METERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

DEED, REQUEST = METERS
CLOCK_SKEW: Final = timedelta(minutes=5)
LONGEST_MEMORY: Final = timedelta(days=400)
MOST_METADATA: Final = 4096  # bytes of JSON
_TEXTS: Final = {"user_id": 120, "api_key_prefix": 20, "endpoint": 200, "resource_id": 200}
_NEEDED: Final = ("idempotency_key", "event_type", "occurred_at")
_KNOWN: Final = frozenset({*_NEEDED, "quantity", "metadata", *_TEXTS})
_LONGEST_KEY: Final = 255
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class InvalidUsage(ValueError):
    """A count that cannot be believed; `errors` says for each field what to write instead."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        """Keep one sentence per field."""
        self.errors = dict(errors)
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentence in errors.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUsage:
    """One count as its sender reports it; `idempotency_key` is the sender's own and names it for ever."""

    idempotency_key: str
    event_type: str
    occurred_at: datetime
    quantity: Decimal = Decimal(1)
    user_id: str = ""
    api_key_prefix: str = ""
    endpoint: str = ""
    resource_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def id_for(self, partner_id: int) -> UUID:
        """Return the identity of this count: the same partner and key always meet the same row."""
        return UUID(bytes=hashlib.sha256(f"{partner_id}:{self.idempotency_key}".encode()).digest()[:16])


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCount:
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


def added_up(events: Iterable[NewUsage], zone: ZoneInfo) -> list[tuple[DayKey, DayCount]]:
    """Add events up by day of the zone, in the one order every writer takes its locks in."""
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


def read_event(sent: object, *, now: datetime, api_key_prefix: str = "") -> NewUsage:
    """Read one event as sent; raise InvalidUsage with a sentence for each field that is wrong."""
    if not isinstance(sent, dict):
        raise InvalidUsage({"": "An event is a JSON object."})
    errors = {name: "This field is needed." for name in _NEEDED if sent.get(name) is None}
    errors |= {
        str(name)[:80]: f"Unknown field; known are {', '.join(sorted(_KNOWN))}." for name in sent.keys() - _KNOWN
    }
    given: dict[str, Any] = {"api_key_prefix": api_key_prefix}
    for name in _KNOWN & sent.keys() - errors.keys():
        try:
            given[name] = _read(name, sent[name], now)
        except ValueError as error:
            errors[name] = str(error)
    if given.get("event_type") == REQUEST and given.get("quantity", 1) % 1:
        errors["quantity"] = "Requests are counted whole."
    if errors:
        raise InvalidUsage(errors)
    return NewUsage(**given)


def _read(name: str, value: object, now: datetime) -> object:
    match name:
        case "idempotency_key":
            return _text(value, _LONGEST_KEY, least=1)
        case "event_type":
            return _meter(value)
        case "occurred_at":
            return _instant(value, now)
        case "quantity":
            return _quantity(value)
        case "metadata":
            return _metadata(value)
        case _:
            return _text(value, _TEXTS[name])


def _text(value: object, longest: int, *, least: int = 0) -> str:
    if not isinstance(value, str) or not least <= len(value) <= longest or not value.isprintable():
        msg = f"Write text of {least} to {longest} printable characters."
        raise ValueError(msg)
    return value


def _meter(value: object) -> str:
    if value not in METERS:
        msg = f"Nobody agreed on a price for this meter: write {' or '.join(METERS)}."
        raise ValueError(msg)
    return str(value)


def _instant(value: object, now: datetime) -> datetime:
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        msg = "Write an instant with its offset, such as 2026-10-31T23:30:00Z."
        raise ValueError(msg)
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"{value} is no instant of the calendar."
        raise ValueError(msg) from None
    if instant > now + CLOCK_SKEW:
        msg = "This lies in the future; check the clock that counted."
        raise ValueError(msg)
    if instant < now - LONGEST_MEMORY:
        msg = f"This is more than {LONGEST_MEMORY.days} days ago; such usage is billed by agreement, not by the API."
        raise ValueError(msg)
    return instant


def _quantity(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not _NUMBER.fullmatch(str(value)):
        msg = "Write a number above zero, up to 12 digits before and 6 after the point."
        raise ValueError(msg)
    quantity = Decimal(str(value))
    if quantity <= 0:
        msg = "Write a number above zero: an event of nothing counts nothing."
        raise ValueError(msg)
    return quantity


def _metadata(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or len(json.dumps(value).encode()) > MOST_METADATA:
        msg = f"Write a JSON object of at most {MOST_METADATA} bytes."
        raise ValueError(msg)
    return value
