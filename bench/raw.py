"""A WSGI application without any framework: the signature, one insert, an answer. What the door could cost at least."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")

from django.conf import settings

from payments.stripe.signatures import verify

INSERT = """
INSERT INTO stripe_events (event_id, type, livemode, account, source, api_version, object_id, object_type, payload,
    headers, stripe_created_at, received_at, status, attempts, next_attempt_at, last_error, skipped_reason, skipped_by,
    mirror_attempts, last_mirror_error)
VALUES (%s, %s, %s, '', 'webhook', %s, %s, %s, %s, '{}', %s, %s, 'pending', 0, %s, '', '', '', 0, '')
ON CONFLICT DO NOTHING
"""
_own = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Keep one event."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    verify(body, environ["HTTP_STRIPE_SIGNATURE"], settings.STRIPE_WEBHOOK_SECRETS, now=int(time.time()))
    _connection().execute(INSERT, _row(body))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"Kept."]


def _row(body: bytes) -> list[Any]:
    event, now = json.loads(body), dt.datetime.now(dt.UTC)
    subject, made_at = event["data"]["object"], dt.datetime.fromtimestamp(event["created"], dt.UTC)
    told = [event["id"], event["type"], event["livemode"], event["api_version"], subject["id"], subject["object"]]
    return [*told, body, made_at, now, now]


def _connection() -> psycopg.Connection:
    if not hasattr(_own, "connection"):
        given = settings.DATABASES["default"]
        names = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"]}
        named = {name: value for name, value in names.items() if value}
        options = given.get("OPTIONS", {}).get("options", "")
        _own.connection = psycopg.connect(dbname=given["NAME"], autocommit=True, options=options, **named)
    return _own.connection
