"""Nonsense at Stripe's door gets a sentence and a 4xx; nothing of it is stored, signed or not, and nothing breaks."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from payments.models import StripeEvent
from payments.stripe.signatures import sign
from tests.payments.posting import DOOR, SECRET, body_of, event, post

pytestmark = pytest.mark.django_db

LARGEST = 2**20


@pytest.fixture(autouse=True)
def secret_of_the_settings(settings):
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]


def nothing_is_stored() -> bool:
    return not StripeEvent.objects.exists() and not Session.objects.exists()


def without(*names: str) -> bytes:
    return body_of({name: value for name, value in event().items() if name not in names})


def about(subject: object) -> bytes:
    return body_of(event(data={"object": subject}))


WHOLE = body_of(event())

BAD_BODIES = {
    "empty": b"",
    "a blank": b" ",
    "a number": b"5",
    "a fraction": b"5.5e300",
    "a number without end": b"9" * 5000,
    "null": b"null",
    "true": b"true",
    "text": b'"evt_1"',
    "a list": b"[]",
    "a list with an event": b"[" + WHOLE + b"]",
    "an empty object": b"{}",
    "an object cut off": b"{",
    "an event cut off": WHOLE[:-2],
    "an event twice": WHOLE + WHOLE,
    "an event and more": WHOLE + b"x",
    "a comma too many": WHOLE[:-2] + b",}",
    "single quotes": b"{'id': 'evt_1'}",
    "a form": b"id=evt_1&type=customer.created",
    "a page": b"<!doctype html><title>Bad gateway</title>",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "NUL": b"\x00",
    "NUL before": b"\x00" + WHOLE,
    "NUL in the text": WHOLE.replace(b"Acorn", b"Ac\x00rn"),
    "no UTF-8": b"\xff\xfe",
    "no UTF-8 in the text": WHOLE.replace(b"Acorn", b"Ac\xe9rn"),
    "UTF-8 cut off": WHOLE.replace(b"Acorn", b"Acorn\xe2\x82"),
    "a mark of order": b"\xef\xbb\xbf{}",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "deep data": b'{"id":"evt_1","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b"NaN",
    "Infinity as time": WHOLE.replace(b'1760000000,\n  "livemode', b'Infinity,\n  "livemode'),
    "no id": without("id"),
    "id null": body_of(event(id=None)),
    "id empty": body_of(event(id="")),
    "id a number": body_of(event(id=5)),
    "id an object": body_of(event(id={"$ne": ""})),
    "id with NUL": body_of(event(id="evt_\x00")),
    "id with half a pair": body_of(event(id="evt_\ud800")),
    "id too long": body_of(event(id="e" * 256)),
    "no type": without("type"),
    "type null": body_of(event(type=None)),
    "type a list": body_of(event(type=["customer.created"])),
    "type too long": body_of(event(type="t" * 101)),
    "type with NUL": body_of(event(type="customer\x00created")),
    "no time": without("created"),
    "time null": body_of(event(created=None)),
    "time as text": body_of(event(created="1760000000")),
    "time as date": body_of(event(created="2026-01-01T00:00:00Z")),
    "time before time": body_of(event(created=-1)),
    "time beyond time": body_of(event(created=10**30)),
    "time between seconds": body_of(event(created=1.5)),
    "time true": body_of(event(created=True)),
    "no mode": without("livemode"),
    "mode null": body_of(event(livemode=None)),
    "mode as text": body_of(event(livemode="false")),
    "mode as number": body_of(event(livemode=1)),
    "the other mode": body_of(event(livemode=True)),
    "account a number": body_of(event(account=5)),
    "account an object": body_of(event(account={"id": "acct_1"})),
    "account with NUL": body_of(event(account="acct_\x00")),
    "account too long": body_of(event(account="a" * 256)),
    "account of another": body_of(event(account="acct_1")),
    "version a number": body_of(event(api_version=5)),
    "version too long": body_of(event(api_version="v" * 41)),
    "data a number": body_of(event(data=5)),
    "data a list": body_of(event(data=[])),
    "object a number": about(5),
    "object a list": about([]),
    "object true": about(True),
    "object with a number as id": about({"id": 5}),
    "object with an id too long": about({"id": "i" * 256}),
    "object of a kind with NUL": about({"id": "cus_1", "object": "\x00"}),
    "object of a kind too long": about({"id": "cus_1", "object": "o" * 61}),
}


def test_there_are_enough_bad_bodies():
    assert len(set(BAD_BODIES.values())) >= 60


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_signed_nonsense_is_refused_and_nothing_kept(body):
    answer = post(body)
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("text/plain")
    assert answer.content.endswith(b".")
    assert nothing_is_stored()


@pytest.mark.parametrize("signature", ["", "t=1,v1=" + "a" * 64], ids=["unsigned", "forged"])
def test_unsigned_nonsense_is_refused_kept_nowhere_and_not_logged(signature, caplog):
    statuses = {name: post(body, signature=signature).status_code for name, body in BAD_BODIES.items()}
    assert statuses == dict.fromkeys(BAD_BODIES, 400)
    assert nothing_is_stored()
    assert [found for found in ("Acorn", "evt_1", "acct_", "<!doctype", "passwd") if found in caplog.text] == []


def test_a_body_over_one_mebibyte_is_too_large():
    assert post(b" " * (LARGEST + 1)).status_code == 413
    assert post(b"{}", CONTENT_LENGTH="9" * 5000).status_code == 413
    assert nothing_is_stored()


def test_a_body_of_one_mebibyte_is_taken():
    assert post(WHOLE + b" " * (LARGEST - len(WHOLE))).status_code == 200


NOW = int(time.time())

BAD_SIGNATURES = {
    "missing": "",
    "blank": " ",
    "empty parts": "t=,v1=",
    "only a time": f"t={NOW}",
    "only a signature": f"v1={'a' * 64}",
    "no words": "a,b,c",
    "forged": f"t={NOW},v1={'a' * 64}",
    "another scheme": f"t={NOW},v0={'a' * 64}",
    "the scheme in capitals": f"t={NOW},V1={'a' * 64}",
    "time as a fraction": "t=1e9,v1=a",
    "time negative": "t=-1,v1=a",
    "time in other digits": "t=\u0661\u0667,v1=a",
    "two times": f"t={NOW},t={NOW},v1=a",
    "beyond ASCII": f"t={NOW},v1=\u00e9\u00e9",
    "time without end": f"t={'9' * 400},v1=a",
    "too many": ",".join([f"t={NOW}", *["v1=a"] * 40]),
    "too long": "x" * 5000,
    "commas": "," * 4000,
    "NUL": f"t={NOW},v1=\x00",
    "of another body": sign(b"{}", SECRET, NOW),
    "of another secret": sign(WHOLE, "whsec_of_a_stranger_00000", NOW),
    "of an empty secret": sign(WHOLE, "", NOW),
    "time changed": sign(WHOLE, SECRET, NOW).replace(f"t={NOW}", f"t={NOW + 1}"),
    "shortened": sign(WHOLE, SECRET, NOW)[:-1],
    "in capitals": sign(WHOLE, SECRET, NOW).upper().replace("T=", "t=").replace("V1=", "v1="),
    "with a blank": sign(WHOLE, SECRET, NOW).replace("v1=", "v1= "),
}


@pytest.mark.parametrize("signature", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
def test_a_bad_signature_is_refused_and_nothing_kept(signature):
    answer = post(WHOLE, signature=signature)
    assert answer.status_code == 400
    assert b"signature" in answer.content.lower()
    assert nothing_is_stored()


@pytest.mark.parametrize("age", [301, 10_000_000, -330, -10_000_000])
def test_a_signature_too_old_or_from_the_future_is_refused(age):
    assert post(WHOLE, age=age).status_code == 400
    assert nothing_is_stored()


@pytest.mark.parametrize("age", [290, -290])
def test_a_signature_within_five_minutes_either_way_is_good(age):
    assert post(WHOLE, age=age).status_code == 200


def test_why_a_webhook_was_refused_is_logged(caplog):
    post(WHOLE, signature="")
    post(body_of(event(type=None)))
    assert caplog.messages == [
        "Webhook refused: The Stripe-Signature header is missing.",
        "Webhook refused: Stripe's event.type should be text, not null.",
    ]


def test_an_unverified_request_writes_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        post(WHOLE, signature=f"t={NOW},v1={'a' * 64}")
    with django_assert_num_queries(1) as asked:
        post(WHOLE, door=f"{DOOR}{uuid.uuid4()}/", signature="")
    assert asked[0]["sql"].split()[0] == "SELECT"


@pytest.mark.parametrize("length", ["-1", "abc", "1_0", "\u0661", "1e3", " 5", "0x10", "+5", "5, 5", "5\x00"])
def test_a_bad_content_length_is_refused(length):
    assert post(WHOLE, CONTENT_LENGTH=length).status_code == 400
    assert nothing_is_stored()


@pytest.mark.parametrize("length", ["", "0", "10"])
def test_a_body_longer_than_it_says_is_refused(length):
    assert post(WHOLE, CONTENT_LENGTH=length).status_code == 400
    assert nothing_is_stored()


def test_a_body_shorter_than_it_says_is_refused():
    assert post(WHOLE[:-10], signature=sign(WHOLE, SECRET, NOW)).status_code == 400
    assert nothing_is_stored()


def test_a_body_in_chunks_is_told_to_come_whole():
    answer = post(WHOLE, HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 411
    assert b"Content-Length" in answer.content
    assert nothing_is_stored()


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "../",
        "%00/",
        "%ff%fe/",
        "\u00e9/",
        "00000000-0000-0000-0000-00000000000/",
        "00000000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-000000000000/",
        "00000000-0000-0000-0000-000000000000/more/",
        "x" * 5000 + "/",
        "' OR 1=1 --/",
        "{}/",
    ],
)
def test_no_other_address_is_a_door(path):
    assert post(WHOLE, door=DOOR + path).status_code == 404
    assert nothing_is_stored()


STRANGE_HEADERS = [
    {"HTTP_X_FORWARDED_FOR": "not, an ip"},
    {"HTTP_X_FORWARDED_FOR": "\x00\u00ff" * 100},
    {"HTTP_X_FORWARDED_FOR": "1.2.3.4:x, ::::, 999.1.1.1"},
    {"HTTP_X_REQUEST_ID": "x" * 4000},
    {"HTTP_X_CORRELATION_ID": "\x00"},
    {"HTTP_HOST": "not a host\x00"},
    {"HTTP_USER_AGENT": "\u00e9\x00" * 2000},
    {"HTTP_COOKIE": "sessionid=\x00; ;;=;csrftoken=" + "x" * 4000},
    {"HTTP_AUTHORIZATION": "Bearer \u00ff"},
    {"HTTP_ACCEPT_ENCODING": "gzip;q=x"},
    {"HTTP_ACCEPT_LANGUAGE": "x" * 5000},
    {"HTTP_X_DJSTRIPE_WEBHOOK_SECRET": "whsec_chosen_by_a_stranger"},
    {"CONTENT_TYPE": "multipart/form-data; boundary=\x00"},
    {"CONTENT_TYPE": "application/json; charset=no-such"},
    {"CONTENT_TYPE": ""},
    {"REMOTE_ADDR": "", "SERVER_PORT": "x"},
    {"QUERY_STRING": "%00=%ff&" * 500},
]


@pytest.mark.parametrize("headers", STRANGE_HEADERS, ids=range(len(STRANGE_HEADERS)))
def test_strange_headers_of_a_proved_sender_are_no_fault_of_ours(headers):
    assert post(WHOLE, **headers).status_code == 200
    assert StripeEvent.objects.count() == 1


@pytest.mark.parametrize("headers", STRANGE_HEADERS, ids=range(len(STRANGE_HEADERS)))
def test_strange_headers_of_a_stranger_leave_no_trace(headers):
    assert post(WHOLE, signature="t=1,v1=a", **headers).status_code == 400
    assert nothing_is_stored()


# --- Whatever else one can think of ------------------------------------------------------------------------------

latin = st.text(st.characters(max_codepoint=255), max_size=80)
names = st.sampled_from(
    ["HTTP_X_FORWARDED_FOR", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_X_REQUEST_ID", "CONTENT_TYPE", "HTTP_HOST"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def mutated_bodies(draw):
    """Give an event with bytes replaced, cut out or put in, or with any JSON in one of its places."""
    if draw(st.booleans()):
        place = draw(st.sampled_from(sorted({*event(), "account"})))
        return json.dumps(event(**{place: draw(json_values)})).encode()
    start = draw(st.integers(0, len(WHOLE)))
    end = draw(st.integers(start, min(start + 20, len(WHOLE))))
    return WHOLE[:start] + draw(st.binary(max_size=20)) + WHOLE[end:]


many = effort(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(body=mutated_bodies(), headers=st.dictionaries(names, latin, max_size=4))
def test_whatever_a_stranger_sends_is_refused_and_leaves_no_trace(body, headers):
    assert post(body, signature=sign(body, "whsec_of_a_stranger_00000", NOW), **headers).status_code == 400
    assert nothing_is_stored()


@many
@given(body=mutated_bodies(), headers=st.dictionaries(names, latin, max_size=4))
def test_whatever_is_signed_is_kept_to_the_byte_or_refused(body, headers):
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM stripe_events")
        (last,) = cursor.fetchone()
    status = post(body, **headers).status_code
    kept = [bytes(row.payload) for row in StripeEvent.objects.filter(pk__gt=last)]
    assert (status, kept) in [(400, []), (200, [body]), (200, [])]  # the last is an event that was kept before


@many
@given(signature=latin, path=st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_signature_and_no_address_is_a_fault_of_ours(signature, path):
    answer = Client().post(
        DOOR + path, data=WHOLE, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    assert answer.status_code in {400, 404}
    assert nothing_is_stored()
