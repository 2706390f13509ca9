"""Whatever is sent to the doors for usage is answered with a status below 500, and what is refused counts nothing."""

from __future__ import annotations

import json

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.models import ApiUsage, PartnerApiKey
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
NASTY = st.sampled_from(
    ["\x00", "\ud800", "1_000", "\u0661\u0662", "NaN", "1e999", "-1", "0", "2026-10-15T12:00:00Z",
     "9999-12-31T23:59:59-23:59",
     "0001-01-01T00:00:00+23:59", "2026-10-15T12:00:00+99:99", "2026-02-30", "deed", "request", "k", "a" * 300,
     "\\N", "\t"]
)  # fmt: skip
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8) | NASTY
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3))
FIELDS = ["idempotency_key", "event_type", "occurred_at", "quantity", "user_id", "api_key_prefix", "endpoint",
          "resource_id", "metadata", "reverses", "day", "requests", "colour"]  # fmt: skip
RIGHT = {"idempotency_key": "k", "event_type": "deed", "occurred_at": "2026-10-15T12:00:00Z", "day": "2026-10-15"}
THING = st.builds(
    lambda kept, changed: {name: RIGHT[name] for name in kept} | changed,
    st.sets(st.sampled_from(sorted(RIGHT))),
    st.dictionaries(st.sampled_from(FIELDS), VALUE, max_size=4),
)
BODIES = (
    st.builds(lambda things, more: {"events": things} | more, st.lists(THING | VALUE, max_size=4), st.just({}) | THING)
    | st.builds(lambda things, more: {"counts": things} | more, st.lists(THING | VALUE, max_size=4), THING)
    | THING
    | VALUE
)
BYTES = BODIES.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=40)


@pytest.fixture(scope="module", autouse=True)
def november():
    with time_machine.travel(AFTER_OCTOBER, tick=False):
        yield


@pytest.fixture
def key() -> str:
    return PartnerApiKey.objects.create_key(name="production", partner=a_partner("Acme Titles"))[1]


def status_of(key: str, path: str, content: bytes, content_type: str) -> int:
    with transaction.atomic():
        answer = Client().post(path, content, content_type=content_type, headers={"Authorization": f"Api-Key {key}"})
        b"".join(answer)  # an answer of lines is read to its end
        if answer.status_code in {400, 409}:
            assert ApiUsage.objects.count() == 0
        transaction.set_rollback(True)
    return answer.status_code


@FUZZ
@given(BYTES)
def test_events_as_json(key, content):
    assert status_of(key, "/api/v1/usage-events", content, "application/json") < 500


@FUZZ
@given(st.lists(BYTES, max_size=4).map(b"\n".join))
def test_events_as_lines(key, content):
    assert status_of(key, "/api/v1/usage-events", content, "application/x-ndjson") < 500


@FUZZ
@given(BYTES)
def test_counts(key, content):
    assert status_of(key, "/api/v1/api-usage", content, "application/json") < 500


@pytest.mark.parametrize("path", ["usage-events", "api-usage"])
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"events":' * 500, b"9" * 5000, b'{"quantity": ' + b"9" * 5000 + b"}"]
)
def test_what_is_too_deep_or_too_long(key, path, content):
    assert status_of(key, f"/api/v1/{path}", content, "application/json") == 400
