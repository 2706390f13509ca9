"""Owns when what is sent again says the same as what is kept. No framework."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from partners.metering.counts import NewUsage, RequestCount

CONFLICT: Final = "This idempotency key was used with another body; nothing was counted."


def says_the_same(sent: NewUsage, kept: NewUsage, *, reported_by: str | None = None) -> bool:
    """Compare an event with the kept one; the prefix of the key that reports it, `reported_by`, does not count.

    A rotated key has another prefix, and what a sender leaves out is no part of what it says.
    """
    prefix = kept.api_key_prefix if sent.api_key_prefix == reported_by else sent.api_key_prefix
    if sent._replace(api_key_prefix=prefix, metadata=kept.metadata) != kept:
        return False
    return _exact(sent.metadata) == _exact(kept.metadata)


def count_the_same(
    sent: Collection[RequestCount], kept: Collection[RequestCount], *, reported_by: str | None = None
) -> bool:
    """Compare the counts of a batch with the kept ones, likewise."""
    new, old = set(sent) - set(kept), set(kept) - set(sent)
    if any(count.api_key_prefix != reported_by for count in new):
        return False
    return _without_prefix(new) == _without_prefix(old)


def _without_prefix(counts: Collection[RequestCount]) -> list[RequestCount]:
    return sorted(count._replace(api_key_prefix="") for count in counts)


def _exact(metadata: Mapping[str, Any]) -> Any:
    """Read numbers by their value, and as nothing else.

    PostgreSQL gives 1e23 back as a whole number, which no float equals; and to Python, true is 1.
    """
    return metadata and json.loads(json.dumps(dict(metadata)), parse_float=_number, parse_int=_number)


def _number(text: str) -> tuple[str, Decimal]:
    return "number", Decimal(text)
