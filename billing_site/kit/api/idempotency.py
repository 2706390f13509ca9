"""Idempotency-Key: the same request twice changes something once and gets the same answer twice."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing_site.kit.api.keys import caller_of
from billing_site.kit.api.problems import Conflict

HEADER = "Idempotency-Key"
_LONGEST = 255
Handler = Callable[..., Response]


class KeyReused(Conflict):
    default_code = "idempotency-key-reused"
    default_detail = "This Idempotency-Key was used with another body; use a new key for a new request."


class StillRunning(Conflict):
    default_code = "idempotency-key-in-flight"
    default_detail = "A request with this Idempotency-Key is running; ask again in a moment."


def idempotent(handler: Handler) -> Handler:
    """Decorate a view's `post`: work and answer are stored in one transaction, a repeat gets the stored answer.

    A refused request stores nothing, so its key may be used again. Without the header the handler runs plainly.
    """

    @functools.wraps(handler)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key_of(request)
        if key is None:
            return handler(view, request, *args, **kwargs)
        with transaction.atomic():
            return _once(request, key, lambda: handler(view, request, *args, **kwargs), at=timezone.now())

    return answer


def fingerprint(body: Any) -> str:
    """Hash what was asked; spacing and the order of keys do not matter."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def _once(request: Request, key: str, run: Callable[[], Response], *, at: datetime) -> Response:
    from billing_site.kit.models import IdempotentRequest  # the app registry is not ready when views are imported early

    name = {
        "key_owner": caller_of(request),
        "method": request.method,
        "path": request.path[:200],
        "idempotency_key": key,
    }
    asked = fingerprint(request.data)
    _lock(name)
    known = IdempotentRequest.objects.filter(**name).first()
    if known is not None:
        return _replayed(known, asked)
    response = run()
    body = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
    IdempotentRequest.objects.create(
        **name,
        request_sha256=asked,
        response_status=response.status_code,
        response_body=body,
        completed_at=at,
    )
    return response


def _replayed(known: Any, asked: str) -> Response:
    if known.request_sha256 != asked:
        raise KeyReused
    return Response(known.response_body, status=known.response_status, headers={"Idempotency-Replayed": "true"})


def _lock(name: dict[str, Any]) -> None:
    """Take the key for this transaction, or refuse at once: waiting would hold a worker for a repeat."""
    number = int.from_bytes(hashlib.sha256(json.dumps(name, sort_keys=True).encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise StillRunning


def _key_of(request: Request) -> str | None:
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= _LONGEST or not key.isascii() or not key.isprintable():
        raise ValidationError(f"{HEADER} must be 1 to {_LONGEST} printable ASCII characters, such as a UUID.")
    return key
