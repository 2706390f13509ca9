"""`POST /api/v1/api-usage`: a product's own counts, once per batch, by strict days, taken back as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing_site.kit.models import ServiceKey
from partners.models import ApiUsage, PartnerApiKey, RequestBatch, RequestCount, UsageConflict
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
URL = "/api/v1/api-usage"
COUNTS = [
    {"day": "2026-10-15", "requests": 75, "endpoint": "/v2/parcels", "api_key_prefix": "pk_1"},
    {"day": "2026-10-16", "requests": 25},
]


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(AFTER_OCTOBER, tick=False):
        yield


@pytest.fixture
def partner():
    return a_partner("Acme Titles", zone="Asia/Tokyo")


@pytest.fixture
def key(partner) -> str:
    return PartnerApiKey.objects.create_key(name="production", partner=partner)[1]


def post(key: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().post(URL, content, content_type="application/json", headers={"Authorization": f"Api-Key {key}"})


def counted():
    return [(f"{row.day:%m-%d}", row.requests, row.quantity) for row in ApiUsage.objects.order_by("day")]


def test_a_batch_is_counted_once(key):
    batch = {"idempotency_key": "b-1", "counts": COUNTS}
    first, again = post(key, batch), post(key, {**batch, "counts": COUNTS[::-1]})
    assert (first.status_code, first.json()["status"], first.json()["requests"]) == (201, "recorded", 100)
    assert (again.status_code, again.json()) == (200, {**first.json(), "status": "repeated"})
    assert counted() == [("10-15", 75, 75), ("10-16", 25, 25)]
    assert RequestCount.objects.count() == 2
    assert set(ApiUsage.objects.values_list("api_key_prefix", flat=True)) == {"pk_1", key.split(".")[0]}


def test_the_same_key_with_another_body_is_a_conflict_on_record(key):
    post(key, {"idempotency_key": "b-1", "counts": COUNTS})
    answer = post(key, {"idempotency_key": "b-1", "counts": COUNTS[:1]})
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["type"] == "urn:billing:problem:usage-conflict"
    assert UsageConflict.objects.get().sent["counts"][0]["requests"] == 75
    assert counted() == [("10-15", 75, 75), ("10-16", 25, 25)]


def test_a_batch_is_taken_back_whole_and_once(key):
    post(key, {"idempotency_key": "b-1", "counts": COUNTS})
    undo = {"idempotency_key": "undo", "reverses": "b-1"}
    assert [(post(key, undo).status_code, post(key, undo).json()["requests"])] == [(201, -100)]
    assert counted() == [("10-15", 0, 0), ("10-16", 0, 0)]
    again = post(key, {"idempotency_key": "undo-2", "reverses": "b-1"})
    assert again.status_code == 409
    assert again.json()["detail"] == "This batch was taken back already, by the key undo."
    assert post(key, {"idempotency_key": "redo", "reverses": "undo"}).status_code == 409
    assert post(key, {"idempotency_key": "undo-3", "reverses": "b-9"}).status_code == 409
    assert RequestBatch.objects.count() == 2


def test_today_is_a_day_of_the_partners_zone(key):
    """At 08:00 UTC on 2 November, Tokyo is at 17:00 of the same day; the third has not begun anywhere near."""
    assert post(key, {"idempotency_key": "a", "counts": [{"day": "2026-11-02", "requests": 1}]}).status_code == 201
    assert post(key, {"idempotency_key": "b", "counts": [{"day": "2026-11-03", "requests": 1}]}).status_code == 400


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"day": "2026-10-32"}, "day"),
        ({"day": "20261015"}, "day"),
        ({"day": "2026-10-15T00:00:00Z"}, "day"),
        ({"day": "2026-10-1\u0665"}, "day"),
        ({"day": "2025-01-01"}, "day"),
        ({"day": 20261015}, "day"),
        ({"day": None}, "day"),
        ({"requests": 0}, "requests"),
        ({"requests": -5}, "requests"),
        ({"requests": 1.0}, "requests"),
        ({"requests": "1_000"}, "requests"),
        ({"requests": True}, "requests"),
        ({"requests": 10**12}, "requests"),
        ({"endpoint": "a\nb"}, "endpoint"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_count_is_a_plain_day_and_a_whole_number(key, changes, place):
    answer = post(key, {"idempotency_key": "b-1", "counts": [{"day": "2026-10-15", "requests": 1, **changes}]})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/counts/0/{place}"]
    assert counted() == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"idempotency_key": "a"},
        {"idempotency_key": "a", "counts": []},
        {"idempotency_key": "a", "counts": [7]},
        {"idempotency_key": "a", "counts": [COUNTS[1]] * 2},
        {"idempotency_key": "a", "counts": COUNTS, "more": 1},
        {"idempotency_key": "a", "counts": COUNTS, "reverses": "b"},
        {"idempotency_key": "", "counts": COUNTS},
        {"counts": COUNTS},
        {"idempotency_key": "a", "counts": COUNTS, "partner": "Somebody else"},
        b'{"idempotency_key": "a", "idempotency_key": "b", "counts": []}',
        b'{"idempotency_key": "\\ud800", "counts": []}',
    ],
)
def test_a_body_of_another_shape_is_refused_whole(key, body):
    answer = post(key, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert RequestBatch.objects.count() == 0


def test_our_machines_report_for_a_named_partner(partner):
    able = ServiceKey.objects.create_key(name="m", scopes=["usage:write"])[1]
    assert post(able, {"idempotency_key": "a", "counts": COUNTS}).status_code == 400
    assert post(able, {"idempotency_key": "a", "counts": COUNTS, "partner": partner.name}).status_code == 201
    assert post("abcdefgh.secret", {"idempotency_key": "a", "counts": COUNTS}).status_code == 401
