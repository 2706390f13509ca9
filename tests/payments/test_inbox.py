"""The door keeps what Stripe signed, once and to the byte, and nothing else."""

from __future__ import annotations

import json
import threading
import time
import uuid

import pytest
from django.db import connection
from djstripe.models import WebhookEndpoint

from billing_site.kit import nudging
from payments.models import StripeEvent
from payments.stripe.signatures import sign
from tests.payments.posting import DOOR, SECRET, body_of, event, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def secret_of_the_settings(settings):
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]


@pytest.fixture
def endpoint():
    return WebhookEndpoint.objects.create(
        id="we_1",
        secret="whsec_of_the_endpoint",
        url="https://billing.example/",
        enabled_events=["*"],
        status="enabled",
    )


def test_a_signed_event_is_kept_to_the_byte():
    body = b'{ "id":"evt_1",\n"type":"customer.created", "created":1760000000,"livemode":false, "extra":"\\u00e9" }'
    assert post(body).status_code == 200
    kept = StripeEvent.objects.get()
    assert bytes(kept.payload) == body
    assert (kept.event_id, kept.type, kept.status, kept.attempts) == ("evt_1", "customer.created", "pending", 0)


def test_what_an_event_is_about_can_be_looked_up():
    post(body_of(event()))
    kept = StripeEvent.objects.get()
    assert (kept.object_id, kept.object_type, kept.api_version) == ("cus_1", "customer", "2026-05-27.dahlia")


def test_a_duplicate_is_welcome_and_kept_once():
    assert [post(body_of(event())).status_code for _ in range(3)] == [200, 200, 200]
    assert StripeEvent.objects.count() == 1


def test_a_type_the_books_do_not_know_is_kept():
    assert post(body_of(event(type="invoice.haunted"))).status_code == 200
    assert StripeEvent.objects.get().type == "invoice.haunted"


def test_the_endpoint_of_djstripe_has_its_own_secret(endpoint):
    door = f"{DOOR}{endpoint.djstripe_uuid}/"
    assert post(body_of(event()), door=door, secret="whsec_of_the_endpoint").status_code == 200
    assert StripeEvent.objects.count() == 1


def test_during_a_rotation_both_secrets_are_good(endpoint):
    door = f"{DOOR}{endpoint.djstripe_uuid}/"
    assert post(body_of(event()), door=door, secret=SECRET).status_code == 200


def test_the_secret_of_one_endpoint_does_not_open_the_other_door(endpoint):
    assert post(body_of(event()), secret="whsec_of_the_endpoint").status_code == 400
    assert not StripeEvent.objects.exists()


def test_an_unknown_endpoint_is_not_found():
    assert post(body_of(event()), door=f"{DOOR}{uuid.uuid4()}/").status_code == 404
    assert post(body_of(event()), door=f"{DOOR}not-a-uuid/").status_code == 404
    assert not StripeEvent.objects.exists()


def test_without_secrets_in_the_settings_the_plain_door_is_not_there(settings):
    settings.STRIPE_WEBHOOK_SECRETS = []
    assert post(body_of(event())).status_code == 404


def test_an_endpoint_without_a_secret_takes_nothing(settings, endpoint):
    settings.STRIPE_WEBHOOK_SECRETS = []
    WebhookEndpoint.objects.update(secret="")
    assert post(body_of(event()), door=f"{DOOR}{endpoint.djstripe_uuid}/", secret="").status_code == 400


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head", "options"])
def test_only_posts_are_taken(client, method):
    assert getattr(client, method)(DOOR).status_code == 405


def test_an_event_of_the_other_mode_is_refused():
    answer = post(body_of(event(livemode=True)))
    assert (answer.status_code, answer.content) == (
        400,
        b"This is a live event; this installation takes test ones.",
    )
    assert not StripeEvent.objects.exists()


def test_a_body_over_one_mebibyte_is_too_large():
    assert post(b" " * (2**20 + 1)).status_code == 413
    assert post(b"{}", CONTENT_LENGTH="9" * 5000).status_code == 413
    assert not StripeEvent.objects.exists()


def test_a_body_of_one_mebibyte_is_taken():
    whole = body_of(event())
    assert post(whole + b" " * (2**20 - len(whole))).status_code == 200


NOW = str(int(time.time()))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=,v1=",
        f"t={NOW}",
        f"v1={'a' * 64}",
        f"t={NOW},v1={'a' * 64}",
        f"t={NOW},v0={'a' * 64}",
        "t=1e9,v1=a",
        "t=-1,v1=a",
        f"t={NOW},t={NOW},v1=a",
        f"t={NOW},v1=\u00e9\u00e9",
        f"t={'9' * 400},v1=a",
        ",".join([f"t={NOW}", *["v1=a"] * 40]),
        "x" * 5000,
    ],
    ids=[f"case {n}" for n in range(1, 14)],  # the clock is in them, and workers must agree on names
)
def test_a_bad_signature_is_refused_and_nothing_kept(signature):
    assert post(body_of(event()), signature=signature).status_code == 400
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("age", [301, -330])
def test_a_signature_too_old_or_from_the_future_is_refused(age):
    assert post(body_of(event()), age=age).status_code == 400
    assert not StripeEvent.objects.exists()


def test_a_signature_of_another_body_is_refused():
    assert post(body_of(event()) + b" ", signature=sign(body_of(event()), SECRET, int(time.time()))).status_code == 400


BAD_BODIES = [
    b"",
    b"5",
    b"null",
    b"true",
    b'"evt_1"',
    b"[]",
    b"{}",
    b"{",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 5000,
    b"NaN",
    body_of(event(id=None)),
    body_of(event(id="")),
    body_of(event(id=5)),
    body_of(event(id="evt_\x00")),
    body_of(event(id="evt_\ud800")),
    body_of(event(id="e" * 256)),
    body_of(event(type=None)),
    body_of(event(type=["customer.created"])),
    body_of(event(type="t" * 101)),
    body_of(event(created=None)),
    body_of(event(created="1760000000")),
    body_of(event(created=-1)),
    body_of(event(created=10**30)),
    body_of(event(created=1.5)),
    body_of(event(livemode="false")),
    body_of(event(livemode=1)),
    body_of(event(api_version=5)),
    body_of(event(api_version="v" * 41)),
    body_of(event(data=5)),
    body_of(event(data=[])),
    body_of(event(data={"object": 5})),
    body_of(event(data={"object": {"id": 5}})),
    body_of(event(data={"object": {"id": "i" * 256}})),
    body_of(event(data={"object": {"id": "cus_1", "object": "\x00"}})),
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_signed_nonsense_is_refused_and_nothing_kept(body):
    answer = post(body)
    assert answer.status_code == 400
    assert answer.content
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("length", ["-1", "abc", "1_0", "\u0661", "1e3", " 5"])
def test_a_bad_content_length_is_refused(length):
    assert post(b"{}", CONTENT_LENGTH=length).status_code == 400


def test_a_body_shorter_than_it_says_is_refused():
    assert post(body_of(event())[:-10]).status_code == 400


def test_headers_are_kept_without_cookies_and_secrets():
    body = body_of(event())
    post(body, HTTP_COOKIE="sessionid=1", HTTP_AUTHORIZATION="Bearer x", HTTP_USER_AGENT="Stripe/1.0 \u00e9\x00")
    kept = StripeEvent.objects.get().headers
    assert set(kept) == {"Stripe-Signature", "User-Agent", "Content-Type"}
    assert kept["User-Agent"] == "Stripe/1.0 ??"


def test_strange_headers_of_a_stranger_are_no_fault_of_ours():
    strange = {"HTTP_X_FORWARDED_FOR": "not, an ip", "HTTP_X_REQUEST_ID": "x" * 4000, "HTTP_HOST": "localhost"}
    assert post(body_of(event()), **strange).status_code == 200


def test_one_insert_is_all_an_event_costs(django_assert_num_queries):
    body = body_of(event())
    with django_assert_num_queries(1) as asked:
        post(body)
    assert "ON CONFLICT DO NOTHING" in asked[0]["sql"]


@pytest.mark.django_db(transaction=True)
def test_fifty_deliveries_at_once_are_one_event():
    body, answers = body_of(event()), []

    def deliver():
        answers.append(post(body).status_code)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 50
    assert StripeEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_neither_fails_nor_delays_the_answer(settings, monkeypatch):
    from billing_site.celery import app

    monkeypatch.setattr(nudging, "_silent_until", 0.0)
    alive = app.conf.broker_url
    app.conf.broker_url = "redis://203.0.113.1:6379/0"  # an address that answers nobody
    try:
        began = time.monotonic()
        assert post(body_of(event())).status_code == 200
        first = time.monotonic() - began
        assert post(body_of(event(id="evt_2"))).status_code == 200
        second = time.monotonic() - began - first
    finally:
        app.conf.broker_url = alive
    assert first < 1
    assert second < 0.2
    assert StripeEvent.objects.count() == 2


def test_the_payload_cannot_be_changed_afterwards():
    from django.db import DatabaseError, transaction

    post(body_of(event()))
    with pytest.raises(DatabaseError, match="evidence"), transaction.atomic():
        StripeEvent.objects.update(payload=json.dumps({}).encode())
