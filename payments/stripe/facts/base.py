"""Owns what all facts share: identity, version, order, and an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class OrderKey(NamedTuple):
    """Which of two versions of an object is newer: event time, then state, then amounts that only grow.

    Times tie often (Stripe counts seconds). At a tie of objects that go both ways, fetch the object again.
    """

    created: int
    state_rank: int
    amounts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What every projection says. `livemode` is None where a fetched object does not tell."""

    stripe_id: str
    livemode: bool | None
    api_version: str
    order: OrderKey
    created_at: datetime | None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def user_id(self) -> str:
        """The product's own id of the user, if it was left in Stripe's metadata."""
        return self.metadata.get("user_id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFacts:
    """A postal address as Stripe holds it."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
