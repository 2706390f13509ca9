"""The door keeps what Stripe signed, once and to the byte, and nothing else."""

from __future__ import annotations

import json
import time

import pytest
from django.contrib.sessions.models import Session

from billing_site.celery import app
from billing_site.kit import nudging
from payments.models import StripeEvent
from tests.payments.posting import DOOR, SECRET, body_of, event, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def secret_of_the_settings(settings):
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]


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


@pytest.mark.parametrize("told", ["acct_theirs", "acct_"])
def test_an_event_about_a_connected_account_is_refused(told):
    answer = post(body_of(event(account=told)))
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert "STRIPE_ACCOUNT_ID" in answer.content.decode()
    assert not StripeEvent.objects.exists()


def test_an_event_about_our_own_account_is_kept_with_it(settings):
    settings.STRIPE_ACCOUNT_ID = "acct_ours"
    assert post(body_of(event(account="acct_ours"))).status_code == 200
    assert StripeEvent.objects.get().account == "acct_ours"
    assert post(body_of(event(id="evt_2", account="acct_theirs"))).status_code == 400
    assert StripeEvent.objects.count() == 1


def test_headers_are_kept_without_cookies_and_secrets():
    body = body_of(event())
    post(body, HTTP_COOKIE="sessionid=1", HTTP_AUTHORIZATION="Bearer x", HTTP_USER_AGENT="Stripe/1.0 \u00e9\x00")
    kept = StripeEvent.objects.get().headers
    assert set(kept) == {"Stripe-Signature", "User-Agent", "Content-Type"}
    assert kept["User-Agent"] == "Stripe/1.0 ??"


def test_one_insert_is_all_an_event_costs(django_assert_num_queries):
    body = body_of(event())
    with django_assert_num_queries(1) as asked:
        post(body)
    assert "ON CONFLICT DO NOTHING" in asked[0]["sql"]


@pytest.mark.django_db(transaction=True)
def test_an_event_is_kept_without_opening_a_transaction(django_assert_num_queries):
    with django_assert_num_queries(1):  # BEGIN and COMMIT would be counted, were there any
        post(body_of(event()))


def test_a_webhook_leaves_no_session_behind(client):
    client.cookies["sessionid"] = "of-nobody"
    answer = client.post(DOOR, data=b"{}", content_type="application/json")
    assert (answer.status_code, answer.cookies) == (400, {})
    assert not Session.objects.exists()


def test_a_duplicate_calls_no_worker(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as first:
        post(body_of(event()))
    with django_capture_on_commit_callbacks() as second:
        post(body_of(event()))
    assert (len(first), len(second)) == (1, 0)


def test_with_stripes_api_dead_the_answer_is_the_same(settings):
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "sk_test_" + "a" * 24, "http://127.0.0.1:1"
    assert post(body_of(event())).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_neither_fails_nor_delays_the_answer(monkeypatch):
    messenger = nudging.Messenger(pause_seconds=0.01, silence_seconds=0.01)
    monkeypatch.setattr(nudging, "_messenger", messenger)
    monkeypatch.setattr(app.conf, "broker_url", "redis://203.0.113.1:6379/0")  # an address that answers nobody
    took = []
    for number in range(20):
        began = time.monotonic()
        assert post(body_of(event(id=f"evt_{number}"))).status_code == 200
        took.append(time.monotonic() - began)
    assert max(took) < nudging.PATIENCE_SECONDS
    assert StripeEvent.objects.count() == 20


def test_the_payload_cannot_be_changed_afterwards():
    from django.db import DatabaseError, transaction

    post(body_of(event()))
    with pytest.raises(DatabaseError, match="evidence"), transaction.atomic():
        StripeEvent.objects.update(payload=json.dumps({}).encode())
