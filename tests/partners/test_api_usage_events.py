"""`POST /api/v1/usage-events`: who may report, what is refused, and that each event has its own answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing_site.kit.models import ServiceKey
from partners.models import ApiUsage, Partner, PartnerApiKey, UsageEvent
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
URL = "/api/v1/usage-events"


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(AFTER_OCTOBER, tick=False):
        yield


@pytest.fixture
def partner() -> Partner:
    return a_partner("Acme Titles")


@pytest.fixture
def key(partner) -> str:
    return PartnerApiKey.objects.create_key(name="production", partner=partner)[1]


def event(key: str = "k-1", **changes: Any) -> dict[str, Any]:
    return {"idempotency_key": key, "event_type": "deed", "occurred_at": "2026-10-15T12:00:00Z", **changes}


def post(key: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Api-Key {key}"} if key else {}
    return Client().post(URL, content, content_type="application/json", headers=headers)


def statuses(answer: Any) -> list[str]:
    return [result["status"] for result in answer.json()["results"]]


def test_events_are_counted_and_repeats_are_not(key):
    first = post(key, {"events": [event("a"), event("b", quantity="2.5"), event("a")]})
    assert (first.status_code, statuses(first)) == (201, ["recorded", "recorded", "repeated"])
    again = post(key, {"events": [event("a")]})
    assert (again.status_code, statuses(again)) == (200, ["repeated"])
    assert again.json()["results"][0]["id"] == first.json()["results"][0]["id"]
    assert ApiUsage.objects.get().quantity == 3.5


def test_an_event_names_the_key_that_reported_it_unless_it_names_another(key):
    post(key, {"events": [event("a"), event("b", api_key_prefix="pk_live_9f3c")]})
    prefixes = set(UsageEvent.objects.values_list("api_key_prefix", flat=True))
    assert prefixes == {key.split(".")[0], "pk_live_9f3c"}


def test_a_partner_whose_name_holds_what_no_name_holds_is_not_found():
    secret = ServiceKey.objects.create_key(name="product", scopes=["usage:write"])[1]
    answer = Client().post(
        f"{URL}?partner=%00", b"{}", content_type="application/x-ndjson", headers={"Authorization": f"Api-Key {secret}"}
    )
    assert (answer.status_code, "Name an active partner" in answer.content.decode()) == (400, True)


def test_each_event_of_a_batch_has_its_own_answer(key):
    post(key, {"events": [event("a")]})
    answer = post(key, {"events": [event("b"), event("a", quantity=9), event("c", quantity=-1), 7]})
    assert (answer.status_code, statuses(answer)) == (207, ["recorded", "conflict", "invalid", "invalid"])
    assert answer.json()["results"][2]["errors"].keys() == {"quantity"}
    assert (answer.json()["recorded"], answer.json()["invalid"]) == (1, 2)
    assert UsageEvent.objects.count() == 2


def test_the_same_key_with_another_body_is_a_conflict(key):
    post(key, {"events": [event("a")]})
    answer = post(key, {"events": [event("a", quantity=9)]})
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["type"] == "urn:billing:problem:usage-conflict"
    assert statuses(answer) == ["conflict"]
    assert ApiUsage.objects.get().quantity == 1


def test_what_cannot_be_read_is_a_problem_that_points_at_it(key):
    answer = post(key, {"events": [event("a", quantity=0, colour="red")]})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/events/0/quantity", "#/events/0/colour"}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"events": []},
        {"events": {}},
        {"events": [event(str(n)) for n in range(1001)]},
        {"events": [event()], "more": 1},
        {"events": [event()], "partner": "Somebody else"},
        b'{"events": [{"quantity": NaN}]}',
        b'{"events": [], "events": []}',
        b"\xff",
        b"not json",
    ],
)
def test_a_body_of_another_shape_is_refused_whole(key, body):
    answer = post(key, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert UsageEvent.objects.count() == 0


def test_a_thousand_events_go_in_one_call(key):
    answer = post(key, {"events": [event(str(n)) for n in range(1000)]})
    assert (answer.status_code, answer.json()["recorded"]) == (201, 1000)
    assert ApiUsage.objects.get().requests == 1000


def test_nobody_reports_without_a_living_key(key, partner):
    assert post("", {"events": [event()]}).status_code == 401
    assert post("abcdefgh.secret", {"events": [event()]}).status_code == 401
    Partner.objects.update(is_active=False)
    assert post(key, {"events": [event()]}).status_code == 401


def test_our_machines_report_for_a_named_partner_with_the_scope(partner):
    able, unable = (ServiceKey.objects.create_key(name="m", scopes=scopes)[1] for scopes in (["usage:write"], []))
    body = {"partner": partner.name, "events": [event()]}
    assert post(unable, body).status_code == 403
    assert post(able, {"events": [event()]}).status_code == 400
    assert post(able, {**body, "partner": "Nobody"}).status_code == 400
    assert post(able, body).status_code == 201
    assert UsageEvent.objects.get().partner == partner
