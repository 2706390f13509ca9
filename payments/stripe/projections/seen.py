"""Owns how an object came to us, and what every fact therefore shares; with the ranks of states that order ties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypedDict

from payments.stripe.facts import AddressFacts, OrderKey
from payments.stripe.shapes import Shape, metadata_of

# Later states of one life rank higher; a state this table does not know ranks lowest and yields to any it does.
STATE_RANKS: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "invoice": {"draft": 0, "open": 1, "uncollectible": 2, "paid": 3, "void": 4},
        "invoice_payment": {"open": 0, "paid": 1, "canceled": 2},
        "payment": {
            "pending": 0,
            "failed": 1,
            "canceled": 2,
            "succeeded": 3,
            "partially_refunded": 4,
            "refunded": 5,
        },
        "refund": {"pending": 0, "requires_action": 1, "succeeded": 2, "failed": 3, "canceled": 3},
        "dispute": {
            "warning_needs_response": 0,
            "warning_under_review": 1,
            "needs_response": 2,
            "under_review": 3,
            "warning_closed": 4,
            "prevented": 4,
            "charge_refunded": 4,
            "lost": 5,
            "won": 6,
        },
        "balance_transaction": {"pending": 0, "available": 1},
        "subscription": {
            "incomplete": 0,
            "trialing": 1,
            "active": 2,
            "past_due": 3,
            "unpaid": 4,
            "paused": 5,
            "incomplete_expired": 6,
            "canceled": 6,
        },
        "payout": {"pending": 0, "in_transit": 1, "paid": 2, "failed": 3, "canceled": 3},
        "credit_note": {"issued": 0, "void": 1},
        "checkout": {"open": 0, "expired": 1, "complete": 2},
        "customer": {"present": 0, "deleted": 1},
    }
)


class Shared(TypedDict):
    """The fields of `Facts`, to be spread into any of them."""

    stripe_id: str
    livemode: bool | None
    api_version: str
    order: OrderKey
    created_at: datetime | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When and how an object was seen: by an event, or fetched (`event_type` is "")."""

    at: int
    api_version: str
    livemode: bool | None
    event_type: str = ""

    def shared(
        self, shape: Shape, *, kind: str, state: str, amounts: tuple[int, ...] = (), stripe_id: str = ""
    ) -> Shared:
        """Return what all facts share, read from the object and the way it came."""
        return Shared(
            stripe_id=stripe_id or shape.text("id"),
            livemode=shape.flag("livemode") if shape.says("livemode") else self.livemode,
            api_version=self.api_version,
            order=OrderKey(self.at, STATE_RANKS[kind].get(state, 0), amounts),
            created_at=shape.at("created"),
            metadata=metadata_of(shape),
        )


def address_of(shape: Shape | None) -> AddressFacts:
    """Return an address; an absent one is blank."""
    if shape is None:
        return AddressFacts()
    return AddressFacts(
        line1=shape.text("line1", ""),
        line2=shape.text("line2", ""),
        city=shape.text("city", ""),
        state=shape.text("state", ""),
        postal_code=shape.text("postal_code", ""),
        country=shape.text("country", ""),
    )
