"""A webhook body is believed only with a fresh signature by one of our secrets."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from payments.stripe.signatures import BadSignature, sign, verify

NOW = 1_790_000_000
BODY = b'{"id": "evt_1", "type": "charge.succeeded"}'
SECRET, NEXT_SECRET = "whsec_old", "whsec_new"


def v1(payload: bytes = BODY, secret: str = SECRET, timestamp: int = NOW) -> str:
    return sign(payload, secret, timestamp).partition("v1=")[2]


def test_the_signature_is_stripes_scheme() -> None:
    expected = hmac.new(b"whsec_old", b"1790000000." + BODY, hashlib.sha256).hexdigest()
    assert sign(BODY, SECRET, NOW) == f"t=1790000000,v1={expected}"


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (sign(BODY, SECRET, NOW), [SECRET]),
        (sign(BODY, SECRET, NOW), [NEXT_SECRET, SECRET]),
        (sign(BODY, NEXT_SECRET, NOW), ["", NEXT_SECRET, SECRET]),
        (f"t={NOW},v1={'0' * 64},v1={v1()}", [SECRET]),
        (f"t={NOW},v0=anything,v1={v1()}", [SECRET]),
        (f" t={NOW} , v1={v1()} ".replace(f"={NOW} ", f"={NOW}"), [SECRET]),
        (f"v1={v1()},t={NOW}", [SECRET]),
        (sign(BODY, SECRET, NOW - 300), [SECRET]),
        (sign(BODY, SECRET, NOW + 300), [SECRET]),
    ],
)
def test_a_body_signed_with_an_active_secret_is_believed(header: str, secrets: list[str]) -> None:
    verify(BODY, header, secrets, now=NOW)


@pytest.mark.parametrize(
    ("header", "secrets", "reason"),
    [
        ("", [SECRET], "missing"),
        ("garbage", [SECRET], "no v1"),
        (f"t={NOW}", [SECRET], "no v1"),
        (f"t={NOW},v0={v1()}", [SECRET], "no v1"),
        (f"v1={v1()}", [SECRET], "exactly one timestamp"),
        (f"t={NOW},t={NOW},v1={v1()}", [SECRET], "exactly one timestamp"),
        (f"t=soon,v1={v1()}", [SECRET], "exactly one timestamp"),
        (f"t=-5,v1={v1()}", [SECRET], "exactly one timestamp"),
        (f"t=١٧٩,v1={v1()}", [SECRET], "exactly one timestamp"),
        (f"t={NOW}0000000,v1={v1()}", [SECRET], "exactly one timestamp"),
        (f"t={NOW},v1={v1()[:-1]}", [SECRET], "No signature matches"),
        (f"t={NOW},v1=", [SECRET], "No signature matches"),
        (f"t={NOW},v1=é\ud800", [SECRET], "No signature matches"),
        (sign(BODY, "whsec_stranger", NOW), [SECRET, NEXT_SECRET], "No signature matches"),
        (sign(BODY + b" ", SECRET, NOW), [SECRET], "No signature matches"),
        (f"t={NOW + 1},v1={v1()}", [SECRET], "No signature matches"),
        (sign(BODY, "", NOW), [""], "No signing secret"),
        (sign(BODY, SECRET, NOW), [], "No signing secret"),
        (sign(BODY, SECRET, NOW - 301), [SECRET], "301 s old"),
        (sign(BODY, SECRET, NOW + 301), [SECRET], "301 s in the future"),
        (f"t={NOW}," + f"v1={v1()}," * 33, [SECRET], "too many"),
        (f"t={NOW},v1={v1()}" + "," * 5000, [SECRET], "too long"),
    ],
)
def test_anything_else_is_refused_with_its_reason(header: str, secrets: list[str], reason: str) -> None:
    with pytest.raises(BadSignature, match=reason) as refused:
        verify(BODY, header, secrets, now=NOW)
    assert reason in refused.value.reason


def test_a_stranger_learns_nothing_about_the_clock() -> None:
    with pytest.raises(BadSignature, match="No signature matches"):
        verify(BODY, sign(BODY, "whsec_stranger", NOW - 10_000), [SECRET], now=NOW)


def test_the_tolerance_can_be_narrowed() -> None:
    verify(BODY, sign(BODY, SECRET, NOW - 10), [SECRET], now=NOW, tolerance=10)
    with pytest.raises(BadSignature):
        verify(BODY, sign(BODY, SECRET, NOW - 11), [SECRET], now=NOW, tolerance=10)


def test_bytes_that_are_no_text_can_be_signed() -> None:
    verify(b"\xff\x00", sign(b"\xff\x00", SECRET, NOW), [SECRET], now=NOW)
