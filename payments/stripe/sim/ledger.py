"""What every scenario stands on: objects made from blanks, changed by name, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, TypeAlias

from payments.stripe.sim.schema import Obj, api_version, blank, copied
from payments.stripe.sim.store import Store

At: TypeAlias = datetime | int | None
"""When something happens: an aware datetime or Unix seconds; None is the sim's own clock."""

Ref: TypeAlias = str | Obj
"""An object or its id."""

FIRST_DAY = 1_767_225_600
"""2026-01-01 00:00 UTC: where the clock stands when none is passed in."""

PREFIXES = {
    "balance_transaction": "txn",
    "charge": "ch",
    "checkout.session": "cs_test",
    "credit_note": "cn",
    "credit_note_line_item": "cnli",
    "customer": "cus",
    "discount": "di",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "item": "li",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "payout": "po",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "subscription": "sub",
    "subscription_item": "si",
    "tax_rate": "txr",
    "webhook_endpoint": "we",
}


class NaiveTime(ValueError):
    """A datetime without a time zone names no instant."""


def id_of(ref: Ref) -> str:
    """Return the id of an object or of its id."""
    return ref if isinstance(ref, str) else str(ref["id"])


class Ledger:
    """Objects, the events about them, and the clock."""

    def __init__(self, *, seed: str = "sim", clock: Callable[[], int] = lambda: FIRST_DAY) -> None:
        self.store = Store(seed)
        self.clock = clock
        self.request: Obj = {"id": None, "idempotency_key": None}
        self.secrets: dict[str, str] = {}
        self.listeners: list[Callable[[Obj], None]] = []
        self._events: list[str] = []

    def events(self, since: Ref | None = None) -> list[Obj]:
        """Return the events in the order they happened, those after `since` when it is given."""
        with self.store.lock:
            start = 0 if since is None else self._events.index(id_of(since)) + 1
            return [self.store.get("event", event_id) for event_id in self._events[start:]]

    def forget_events(self, event_ids: Collection[str]) -> None:
        """Lose events: no webhook and no list brings them any more; what they were about stays."""
        with self.store.lock:
            self._events = [event_id for event_id in self._events if event_id not in event_ids]
            for event_id in event_ids:
                self.store.forget("event", event_id)

    def now(self, at: At = None) -> int:
        """Return an instant as Unix seconds."""
        if at is None:
            return self.clock()
        if isinstance(at, int):
            return at
        if at.tzinfo is None:
            raise NaiveTime(f"{at.isoformat()} has no time zone.")
        return int(at.astimezone(UTC).timestamp())

    def time_of_answers(self) -> int:
        """Return the Unix second an answer is dated: the clock's, but after all that was told ahead of the clock.

        Two seconds after, as a careful reader takes off the time the answer was on its way.
        """
        now, told = self.clock(), self.store.latest("event")
        return now if told <= now else told + 2

    def get(self, kind: str, ref: Ref) -> Obj:
        """Return an object as it is now."""
        return self.store.get(kind, id_of(ref))

    def _draft(self, kind: str, **fields: Any) -> Obj:
        """Return a filled blank that is not kept: for objects that live inside others."""
        fields = {"id": self.store.new_id(PREFIXES[kind]), **fields} if kind in PREFIXES else fields
        return {**blank(kind), **fields}

    def _make(self, kind: str, **fields: Any) -> Obj:
        """Return a filled blank, kept."""
        return self.store.put(self._draft(kind, **fields))

    def _change(self, kind: str, ref: Ref, **fields: Any) -> tuple[Obj, Obj]:
        """Change fields of an object; return it, and what they were before."""
        return self.store.change(kind, id_of(ref), fields)

    def _tell(self, event_type: str, obj: Obj, at: int, previous: Obj | None = None) -> Obj:
        """Write the event that says what happened; its copy of the object never changes again."""
        content = {"object": copied(obj)} | ({} if previous is None else {"previous_attributes": previous})
        event = self._make(
            "event",
            type=event_type,
            api_version=api_version(),
            created=at,
            data=content,
            pending_webhooks=len(self.endpoints_for(event_type)),
            request=dict(self.request),
        )
        self._events.append(event["id"])
        for listener in self.listeners:
            listener(event)
        return event

    def endpoints_for(self, event_type: str) -> list[Obj]:
        """Return the enabled webhook endpoints that asked for a type of event."""
        return [
            endpoint
            for endpoint in self.store.newest_first("webhook_endpoint")
            if endpoint["status"] == "enabled" and {"*", event_type} & set(endpoint["enabled_events"])
        ]

    def delivered(self, event: Ref) -> None:
        """Note that one more endpoint has accepted an event."""
        with self.store.lock:
            waiting = self.get("event", event)["pending_webhooks"]
            self._change("event", event, pending_webhooks=max(waiting - 1, 0))

    def _change_and_tell(self, event_type: str, kind: str, ref: Ref, at: int, **fields: Any) -> Obj:
        """Change an object and say so."""
        after, previous = self._change(kind, ref, **fields)
        self._tell(event_type, after, at, previous)
        return after


def listed(url: str, rows: list[Obj]) -> Obj:
    """Return a complete list as Stripe embeds it in another object."""
    return {"object": "list", "url": url, "has_more": False, "data": rows}
