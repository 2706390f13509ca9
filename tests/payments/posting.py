"""Signed posts to the webhook door, and the books read back as plain values."""

from __future__ import annotations

import json
import time
from typing import Any

from django.test import Client

from payments.stripe.inbox import keep_event
from payments.stripe.signatures import sign

SECRET = "whsec_the_one_of_the_tests"
DOOR = "/stripe/webhook/"


def post(
    body: bytes, *, door: str = DOOR, signature: str | None = None, secret: str = SECRET, age: int = 0, **headers: Any
):
    """Post a body as Stripe would; `signature` replaces the right one."""
    signed = sign(body, secret, int(time.time()) - age) if signature is None else signature
    return Client(raise_request_exception=True).post(
        door, data=body, content_type="application/json", headers={"Stripe-Signature": signed}, **headers
    )


def event(**changes: Any) -> dict[str, Any]:
    """Return an event that changes a customer."""
    customer = {
        "id": "cus_1",
        "object": "customer",
        "created": 1_760_000_000,
        "name": "Acorn",
        "email": "a@acorn.example",
    }
    envelope = {
        "id": "evt_1",
        "object": "event",
        "type": "customer.created",
        "created": 1_760_000_000,
        "livemode": False,
        "api_version": "2026-05-27.dahlia",
        "data": {"object": customer},
    }
    return envelope | changes


def body_of(event: dict[str, Any]) -> bytes:
    return json.dumps(event, indent=2).encode()


def keep(events, *, now) -> None:
    """Put events into the inbox in the order given."""
    for one in events:
        keep_event(body=body_of(one), headers={}, now=now)
