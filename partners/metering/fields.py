"""Owns the strict reading of single fields: each reader returns what was meant or says what to write instead."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, Final

from partners.pricing import METERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLOCK_SKEW: Final = timedelta(minutes=5)
LONGEST_MEMORY: Final = timedelta(days=400)
OLDEST_BACKFILL: Final = datetime(2000, 1, 1, tzinfo=UTC)
MOST_METADATA: Final = 4096  # bytes of JSON
LONGEST_KEY: Final = 255
MOST_REQUESTS: Final = 10**12 - 1
TEXTS: Final = {"user_id": 120, "api_key_prefix": 20, "endpoint": 200, "resource_id": 200}
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_FUTURE: Final = "This lies in the future; check the clock that counted."
_TOO_OLD: Final = f"This is more than {LONGEST_MEMORY.days} days ago; such usage is imported by us, not sent here."
_FAR_TOO_OLD: Final = f"Usage is imported from {OLDEST_BACKFILL:%Y-%m-%d} on; check the year."
_ONE: Final = Decimal(1)
_ONES: Final = (1, "1")


class InvalidUsage(ValueError):
    """A count that cannot be believed; `errors` says for each field what to write instead."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        """Keep one sentence per field."""
        self.errors = dict(errors)
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentence in errors.items()))


def text_of(longest: int, *, least: int = 0) -> Callable[[object], str]:
    """Make a reader of printable text."""
    msg = f"Write text of {least} to {longest} printable characters."

    def read(value: object) -> str:
        if not isinstance(value, str) or not least <= len(value) <= longest or not value.isprintable():
            raise ValueError(msg)
        return value

    return read


def meter(value: object) -> str:
    """Read the name of a meter."""
    if not isinstance(value, str) or value not in METERS:
        msg = f"Nobody agreed on a price for this meter: write {' or '.join(METERS)}."
        raise ValueError(msg)
    return value


def instant_before(now: datetime, *, is_backfill: bool = False) -> Callable[[object], datetime]:
    """Make a reader of instants that are neither in the future nor beyond memory, which reaches further for us."""
    latest = now + CLOCK_SKEW
    oldest, too_old = (OLDEST_BACKFILL, _FAR_TOO_OLD) if is_backfill else (now - LONGEST_MEMORY, _TOO_OLD)

    def read(value: object) -> datetime:
        instant = _instant(value)
        if instant > latest:
            raise ValueError(_FUTURE)
        if instant < oldest:
            raise ValueError(too_old)
        return instant

    return read


def day_before(today: date) -> Callable[[object], date]:
    """Make a reader of days that are neither in the future nor beyond memory."""
    oldest = today - LONGEST_MEMORY

    def read(value: object) -> date:
        day = _day(value)
        if day > today:
            raise ValueError(_FUTURE)
        if day < oldest:
            raise ValueError(_TOO_OLD)
        return day

    return read


def quantity(value: object) -> Decimal:
    """Read a number above zero."""
    if type(value) in (int, str) and value in _ONES:
        return _ONE
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not _NUMBER.fullmatch(_written(value)):
        msg = "Write a number above zero, up to 12 digits before and 6 after the point."
        raise ValueError(msg)
    number = Decimal(str(value))
    if number <= 0:
        msg = "Write a number above zero: an event of nothing counts nothing."
        raise ValueError(msg)
    return number


def requests(value: object) -> int:
    """Read a whole number of requests."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_REQUESTS:
        msg = "Write a whole number of requests, from 1 to 12 digits, without quotes."
        raise ValueError(msg)
    return value


def metadata(value: object) -> dict[str, Any]:
    """Read a small JSON object."""
    if not isinstance(value, dict) or (value and len(as_json(value)) > MOST_METADATA):
        msg = f"Write a JSON object of at most {MOST_METADATA} bytes."
        raise ValueError(msg)
    return value


def as_json(metadata: Mapping[str, Any]) -> str:
    """Write metadata as ASCII. Most are a few texts: those are written here, because an encoder costs more to make."""
    try:
        return "{" + ", ".join([f"{_quoted(name)}: {_quoted(value)}" for name, value in metadata.items()]) + "}"
    except TypeError:  # not only texts
        return json.dumps(metadata)


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        msg = "Write an instant with its offset, such as 2026-10-31T23:30:00Z."
        raise ValueError(msg)
    try:
        instant = datetime.fromisoformat(value)
        return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"{value} is no instant of the calendar."
        raise ValueError(msg) from None


def _day(value: object) -> date:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        msg = "Write a day of your billing time zone, such as 2026-10-31."
        raise ValueError(msg)
    try:
        return date.fromisoformat(value)
    except ValueError:
        msg = f"{value} is no day of the calendar."
        raise ValueError(msg) from None


def _written(value: float | str) -> str:
    """Return a number as it was written; one of thousands of digits is not even looked at."""
    return "" if isinstance(value, int) and value > MOST_REQUESTS else str(value)
