"""Usage as a stream: each line has its own answer, a broken one harms no other, and the whole may be sent again."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing_site.kit.models import ServiceKey
from partners.api import lines
from partners.models import ApiUsage, PartnerApiKey, UsageEvent
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(AFTER_OCTOBER, tick=False):
        yield


@pytest.fixture
def key() -> str:
    return PartnerApiKey.objects.create_key(name="production", partner=a_partner("Acme Titles"))[1]


def event(key: str, **changes: Any) -> bytes:
    sent = {"idempotency_key": key, "event_type": "deed", "occurred_at": "2026-10-15T12:00:00Z", **changes}
    return json.dumps(sent).encode() + b"\n"


def stream(key: str, body: bytes, query: str = "") -> tuple[int, list[dict[str, Any]]]:
    answer = Client().post(
        f"/api/v1/usage-events{query}",
        body,
        content_type="application/x-ndjson",
        headers={"Authorization": f"Api-Key {key}"},
    )
    if answer["Content-Type"] != "application/x-ndjson":
        return answer.status_code, [answer.json()]
    return answer.status_code, [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_a_long_stream_is_counted_and_sent_again_counts_nothing(key):
    body = b"".join(event(f"k-{n}") for n in range(2500))
    status, told = stream(key, body)
    assert (status, len(told), {line["status"] for line in told}) == (201, 2500, {"recorded"})
    assert [line["line"] for line in told] == list(range(1, 2501))
    status, told = stream(key, body)
    assert (status, {line["status"] for line in told}) == (200, {"repeated"})
    assert ApiUsage.objects.get().quantity == 2500


def test_a_broken_line_gets_its_own_answer_and_harms_no_other(key):
    body = event("a") + b"{not json\n\n" + b"\xff\n" + event("b", quantity=-1) + b'{"a":1,"a":2}\n' + event("c")[:-1]
    status, told = stream(key, body)
    assert status == 207
    assert [(line["line"], line["status"]) for line in told] == [
        (1, "recorded"), (2, "invalid"), (4, "invalid"), (5, "invalid"), (6, "invalid"), (7, "recorded"),
    ]  # fmt: skip
    assert told[1]["detail"].startswith("The line is not valid JSON")
    assert told[3]["errors"].keys() == {"quantity"}
    assert UsageEvent.objects.count() == 2


def test_a_line_that_is_too_long_is_passed_over(key):
    status, told = stream(key, event("a", metadata={"x": "y" * 40_000}) + event("b"))
    assert (status, [line["status"] for line in told]) == (207, ["invalid", "recorded"])
    assert told[0]["detail"] == "A line holds one event of at most 16,384 bytes."


def test_a_stream_that_is_too_long_says_where_it_stopped(key, monkeypatch):
    monkeypatch.setattr(lines, "MOST_BYTES", 400)
    status, told = stream(key, b"".join(event(f"k-{n}") for n in range(20)))
    assert (status, [line["status"] for line in told]) == (207, ["recorded"] * 4 + ["invalid"])
    assert told[-1]["line"] == 5


def test_nothing_counted_is_a_bad_request_or_a_conflict(key):
    stream(key, event("a"))
    assert stream(key, event("a", quantity=2))[0] == 409
    assert stream(key, b"7\n")[0] == 400


def test_an_event_and_its_reversal_may_stand_in_different_chunks(key, monkeypatch):
    monkeypatch.setattr(lines, "LINES_AT_ONCE", 1)
    undo = json.dumps({"idempotency_key": "u", "reverses": "a"}).encode()
    assert stream(key, event("a") + undo)[0] == 201
    assert ApiUsage.objects.get().quantity == 0


def test_a_service_key_names_the_partner_in_the_address(key):
    able = ServiceKey.objects.create_key(name="m", scopes=["usage:write"])[1]
    assert stream(able, event("a"))[0] == 400
    assert stream(able, event("a"), "?partner=Acme%20Titles")[0] == 201


def test_memory_stays_flat_however_long_a_line_is():
    rest = BytesIO(b"x" * 5_000_000 + b"\n" + event("a"))
    assert [(line.number, bool(line.wrong)) for line in lines.Lines(rest)] == [(1, True), (2, False)]


@pytest.mark.parametrize("body", [b"\n", b"\n  \n\n"])
def test_a_stream_without_events_is_refused_with_a_sentence(key, body):
    status, (told,) = stream(key, body)
    assert (status, told["detail"]) == (400, "No line holds an event: send one JSON object a line.")
