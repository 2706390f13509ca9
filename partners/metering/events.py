"""Owns how an event reads: its fields, which of them are needed, and the short form that takes an event back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from partners.metering import fields
from partners.metering.counts import REQUEST, NewUsage, Reversal
from partners.metering.fields import InvalidUsage

if TYPE_CHECKING:
    from datetime import datetime

_NEEDED: Final = ("idempotency_key", "event_type", "occurred_at")
_OF_A_REVERSAL: Final = ("idempotency_key", "reverses")
_key = fields.text_of(fields.LONGEST_KEY, least=1)
_FIXED: Final = {
    "idempotency_key": _key,
    "event_type": fields.meter,
    "quantity": fields.quantity,
    "metadata": fields.metadata,
    **{name: fields.text_of(longest) for name, longest in fields.TEXTS.items()},
}
KNOWN_FIELDS: Final = frozenset({*_FIXED, "occurred_at", "reverses"})


class EventReader:
    """Reads events as sent, of the last 400 days; a backfill of ours may be older."""

    def __init__(self, *, now: datetime, api_key_prefix: str = "", is_backfill: bool = False) -> None:
        """Prepare for a batch: what a field may be depends on the clock and on the key that reports."""
        self._readers = {**_FIXED, "occurred_at": fields.instant_before(now, is_backfill=is_backfill)}
        self._given = {"api_key_prefix": api_key_prefix}

    def read(self, sent: object) -> NewUsage | Reversal:
        """Read one event; raise InvalidUsage with a sentence for each field that is wrong."""
        if not isinstance(sent, dict):
            raise InvalidUsage({"": "An event is a JSON object."})
        if "reverses" in sent:
            return _reversal(sent)
        given, errors = self._fields(sent)
        for name in _NEEDED:
            if name not in given and name not in errors:
                errors[name] = "This field is needed."
        if given.get("event_type") == REQUEST and given.get("quantity", 1) % 1:
            errors["quantity"] = "Requests are counted whole."
        if errors:
            raise InvalidUsage(errors)
        return NewUsage(**given)

    def _fields(self, sent: dict[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
        given: dict[str, Any] = self._given.copy()
        errors: dict[str, str] = {}
        for name, value in sent.items():
            try:
                given[name] = self._readers[name](value)
            except KeyError:
                errors[str(name)[:80]] = f"Unknown field; known are {', '.join(sorted(KNOWN_FIELDS))}."
            except ValueError as error:
                errors[name] = "This field is needed." if value is None and name in _NEEDED else str(error)
        return given, errors


def read_event(sent: object, *, now: datetime, api_key_prefix: str = "") -> NewUsage | Reversal:
    """Read one event as sent; raise InvalidUsage."""
    return EventReader(now=now, api_key_prefix=api_key_prefix).read(sent)


def _reversal(sent: dict[str, object]) -> Reversal:
    errors = {
        str(name)[:80]: "A reversal takes the whole event back: send idempotency_key and reverses alone."
        for name in sent.keys() - set(_OF_A_REVERSAL)
    }
    read = {}
    for name in _OF_A_REVERSAL:
        try:
            read[name] = _key(sent.get(name))
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise InvalidUsage(errors)
    if read["idempotency_key"] == read["reverses"]:
        raise InvalidUsage({"idempotency_key": "A reversal needs a key of its own."})
    return Reversal(**read)
