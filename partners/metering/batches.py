"""Owns how a batch of request counts reads: counted by a product itself, sent under one key, or taken back whole."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from partners.metering import fields
from partners.metering.counts import RequestCount
from partners.metering.fields import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

MOST_COUNTS: Final = 1000
_key = fields.text_of(fields.LONGEST_KEY, least=1)
_FIXED: Final = {
    "requests": fields.requests,
    "api_key_prefix": fields.text_of(fields.TEXTS["api_key_prefix"]),
    "endpoint": fields.text_of(fields.TEXTS["endpoint"]),
}
_NEEDED: Final = ("day", "requests")


class CountsBatch(NamedTuple):
    """Counts sent under one key."""

    idempotency_key: str
    counts: tuple[RequestCount, ...]

    @property
    def body(self) -> dict[str, Any]:
        """What was sent, as JSON can hold it; the order of the counts does not matter."""
        counts = [{**count._asdict(), "day": count.day.isoformat()} for count in sorted(self.counts)]
        return {"idempotency_key": self.idempotency_key, "counts": counts}


class CountsReversal(NamedTuple):
    """Takes the batch with the key `reverses` back, whole."""

    idempotency_key: str
    reverses: str

    @property
    def body(self) -> dict[str, Any]:
        """What was sent, as JSON can hold it."""
        return self._asdict()


def sha256_of(body: dict[str, Any]) -> str:
    """Tell bodies apart; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_batch(sent: object, *, today: date, api_key_prefix: str = "") -> CountsBatch | CountsReversal:
    """Read a batch as sent; raise InvalidUsage, which names each wrong place as `counts/0/day`."""
    if not isinstance(sent, dict):
        raise InvalidUsage({"": "A batch is a JSON object."})
    errors = dict(_key_errors(sent))
    if "reverses" in sent:
        return _read_reversal(sent, errors)
    if unknown := sent.keys() - {"idempotency_key", "counts"}:
        errors |= {str(name)[:80]: "Unknown field; known are counts, idempotency_key, reverses." for name in unknown}
    counts = _read_counts(sent.get("counts"), day=fields.day_before(today), prefix=api_key_prefix, errors=errors)
    if errors:
        raise InvalidUsage(errors)
    return CountsBatch(sent["idempotency_key"], counts)


def _key_errors(sent: dict[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        _key(sent.get("idempotency_key"))
    except ValueError as error:
        yield "idempotency_key", str(error)


def _read_reversal(sent: dict[str, Any], errors: dict[str, str]) -> CountsReversal:
    for name in sent.keys() - {"idempotency_key", "reverses"}:
        errors[str(name)[:80]] = "A reversal takes the whole batch back: send idempotency_key and reverses alone."
    try:
        _key(sent["reverses"])
    except ValueError as error:
        errors["reverses"] = str(error)
    if errors:
        raise InvalidUsage(errors)
    return CountsReversal(sent["idempotency_key"], sent["reverses"])


def _read_counts(
    sent: object, *, day: Callable[[object], date], prefix: str, errors: dict[str, str]
) -> tuple[RequestCount, ...]:
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_COUNTS:
        errors["counts"] = f"Send a list of 1 to {MOST_COUNTS:,} counts."
        return ()
    found: dict[tuple[date, str, str], RequestCount] = {}
    for place, one in enumerate(sent):
        count = _read_count(one, {**_FIXED, "day": day}, prefix, place, errors)
        if count is None:
            continue
        if found.setdefault((count.day, count.api_key_prefix, count.endpoint), count) is not count:
            errors[f"counts/{place}"] = "This day, key prefix and endpoint stand in the batch already; add them up."
    return tuple(found.values())


def _read_count(
    sent: object, readers: dict[str, Callable[[object], Any]], prefix: str, place: int, errors: dict[str, str]
) -> RequestCount | None:
    if not isinstance(sent, dict):
        errors[f"counts/{place}"] = "A count is a JSON object."
        return None
    wrong = {name: "This field is needed." for name in _NEEDED if sent.get(name) is None}
    given: dict[str, Any] = {"api_key_prefix": prefix}
    for name, value in sent.items():
        try:
            given[name] = readers[name](value)
        except KeyError:
            wrong[str(name)[:80]] = f"Unknown field; known are {', '.join(sorted(readers))}."
        except ValueError as error:
            wrong.setdefault(name, str(error))
    errors |= {f"counts/{place}/{name}": sentence for name, sentence in wrong.items()}
    return None if wrong else RequestCount(**given)
