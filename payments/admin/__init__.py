"""Owns the pages of what we received, gave back and hold, and of what Stripe told us."""

from __future__ import annotations

from payments.admin import (
    credits,  # noqa: A004 - the room is named as its rows
    happenings,
    inbox,
    ledger,
    listings,
    objects,
    panels,
    payments,
    placing,
    recurring,
    signing,
    stories,
)

__all__ = [
    "credits",
    "happenings",
    "inbox",
    "ledger",
    "listings",
    "objects",
    "panels",
    "payments",
    "placing",
    "recurring",
    "signing",
    "stories",
]
