"""Owns the proof that a webhook body comes from Stripe: the `Stripe-Signature` header, made and verified."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

TOLERANCE_SECONDS: Final = 300
SIGNING_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/=_-]{16,}", re.ASCII)
# Bounds on what an unverified sender can make us compute.
_LONGEST_HEADER: Final = 4096
_MOST_SIGNATURES: Final = 32
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class BadSignature(ValueError):
    """The body is not proved to come from Stripe; store nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def verify(
    payload: bytes, header: str, secrets: Sequence[str], *, now: int, tolerance: int = TOLERANCE_SECONDS
) -> None:
    """Return when one active secret signed exactly these bytes within `tolerance` seconds of `now`; else raise."""
    timestamp, signatures = _parsed(header)
    if not any(secrets):
        raise BadSignature("No signing secret is configured for this endpoint.")
    if not _signed_by_any(payload, timestamp, signatures, secrets):
        raise BadSignature("No signature matches the body with an active secret.")
    # Only after the match, so that the answer tells a stranger nothing; both ways, for a post-dated replay as well.
    _check_age(timestamp, now, tolerance)


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """Return the `Stripe-Signature` header for a body signed at a Unix time."""
    return f"t={timestamp},v1={_digest(payload, secret, timestamp)}"


def _digest(payload: bytes, secret: str, timestamp: int) -> str:
    return hmac.new(secret.encode(), b"%d." % timestamp + payload, hashlib.sha256).hexdigest()


def _signed_by_any(payload: bytes, timestamp: int, signatures: Sequence[bytes], secrets: Sequence[str]) -> bool:
    expected = [_digest(payload, secret, timestamp).encode() for secret in secrets if secret]
    # No early exit: the time taken must not tell which secret or signature came close.
    matches = [hmac.compare_digest(given, wanted) for wanted in expected for given in signatures]
    return any(matches)


def _check_age(timestamp: int, now: int, tolerance: int) -> None:
    age = now - timestamp
    if age > tolerance:
        raise BadSignature(f"The signature is {age} s old; at most {tolerance} s are accepted.")
    if -age > tolerance:
        raise BadSignature(f"The signature is dated {-age} s in the future; at most {tolerance} s are accepted.")


def _parsed(header: str) -> tuple[int, list[bytes]]:
    if not header:
        raise BadSignature("The Stripe-Signature header is missing.")
    if len(header) > _LONGEST_HEADER:
        raise BadSignature("The Stripe-Signature header is too long.")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    # errors="replace" keeps a lone surrogate or non-ASCII text from raising; it can match no hex digest.
    signatures = [value.encode("ascii", "replace") for scheme, _, value in pairs if scheme == "v1"]
    if not signatures:
        raise BadSignature("The Stripe-Signature header has no v1 signature.")
    if len(signatures) > _MOST_SIGNATURES:
        raise BadSignature("The Stripe-Signature header has too many signatures.")
    return _timestamp([value for scheme, _, value in pairs if scheme == "t"]), signatures


def _timestamp(values: Sequence[str]) -> int:
    if len(values) != 1 or not _TIMESTAMP.fullmatch(values[0]):
        raise BadSignature("The Stripe-Signature header needs exactly one timestamp in whole seconds.")
    return int(values[0])
