"""Owns the pages of what we received, gave back and hold, and of what Stripe told us."""

from __future__ import annotations

from payments.admin import credits, inbox, ledger, panels, payments, placing  # noqa: A004 - the room is named as its rows

__all__ = ["credits", "inbox", "ledger", "panels", "payments", "placing"]
