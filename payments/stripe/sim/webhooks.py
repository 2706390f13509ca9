"""Signed webhooks: events posted to a URL, once on demand or live to every registered endpoint with retries."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import Condition, Thread
from typing import Self
from urllib.parse import urlsplit

from payments.stripe.sim.ledger import Ledger, Ref
from payments.stripe.sim.schema import Obj

UNREACHABLE = 0
TIMEOUT = 10.0
HTTP_OK, HTTP_AFTER_OK = 200, 300


@dataclass(frozen=True)
class Delivery:
    """One attempt to hand over an event; status 0 when nobody answered."""

    event_id: str
    event_type: str
    url: str
    status: int

    @property
    def accepted(self) -> bool:
        """The receiver said so."""
        return HTTP_OK <= self.status < HTTP_AFTER_OK


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """Return the Stripe-Signature header of a payload."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def body_of(event: Obj) -> bytes:
    """Return an event as Stripe posts it: indented JSON."""
    return json.dumps(event, indent=2, ensure_ascii=False).encode()


def post(event: Obj, url: str, secret: str, timestamp: int) -> Delivery:
    """Post one signed event."""
    body = body_of(event)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": sign(body, secret, timestamp),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    return Delivery(event["id"], event["type"], url, _status(url, body, headers))


def _status(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return UNREACHABLE
    finally:
        connection.close()


def deliver(
    ledger: Ledger, url: str, secret: str, since: Ref | None = None, *, clock: Callable[[], float] = time.time
) -> list[Delivery]:
    """Post the events after `since` (all without it) once each, in the order Stripe made them."""
    events = sorted(ledger.events(since), key=lambda event: event["created"])
    return [post(event, url, secret, int(clock())) for event in events]


class Postman:
    """Posts every new event to the endpoints that asked for it, and tries again later when they do not accept."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        attempts: int = 8,
        first_delay: float = 0.5,
        clock: Callable[[], float] = time.time,
        told: Callable[[Delivery], None] = lambda _: None,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self._ledger, self._attempts, self._first_delay = ledger, attempts, first_delay
        self._clock, self._told = clock, told
        self._queue: list[tuple[float, int, int, str, str]] = []
        self._busy, self._stopping, self._counted = 0, False, 0
        self._changed = Condition()
        self._thread = Thread(target=self._work, name="sim-postman", daemon=True)

    def __enter__(self) -> Self:
        self._ledger.listeners.append(self._enqueue)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger.listeners.remove(self._enqueue)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def wait_until_idle(self, seconds: float = 10.0) -> bool:
        """Wait until everything is delivered or given up; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, seconds)

    def _enqueue(self, event: Obj) -> None:
        for endpoint in self._ledger.endpoints_for(event["type"]):
            self._push(self._clock(), 1, endpoint["id"], event["id"])

    def _push(self, due: float, attempt: int, endpoint_id: str, event_id: str) -> None:
        with self._changed:
            self._counted += 1
            heappush(self._queue, (due, self._counted, attempt, endpoint_id, event_id))
            self._changed.notify_all()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            _, _, attempt, endpoint_id, event_id = task
            try:
                self._attempt(attempt, endpoint_id, event_id)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _next(self) -> tuple[float, int, int, str, str] | None:
        """Wait for the next task that is due; None at the end of the day."""
        with self._changed:
            while not self._stopping:
                wait = self._queue[0][0] - self._clock() if self._queue else None
                if wait is not None and wait <= 0:
                    self._busy += 1
                    return heappop(self._queue)
                self._changed.wait(wait)
        return None

    def _attempt(self, attempt: int, endpoint_id: str, event_id: str) -> None:
        endpoint, event = self._ledger.store.find(endpoint_id), self._ledger.get("event", event_id)
        if endpoint is None or endpoint.get("deleted"):
            return
        made = post(event, endpoint["url"], self._ledger.secrets[endpoint_id], int(self._clock()))
        self.deliveries.append(made)
        self._told(made)
        if made.accepted:
            self._ledger.delivered(event_id)
        elif attempt < self._attempts:
            self._push(self._clock() + self._first_delay * 2 ** (attempt - 1), attempt + 1, endpoint_id, event_id)
