"""Owns the list of Stripe's event types that the books act on; every other type is kept and listed as unhandled."""

from __future__ import annotations

from typing import Final

_SUBJECTS: Final[dict[str, str]] = {
    "checkout.session": "completed",
    "customer": "created updated deleted",
    "customer.subscription": "created updated deleted paused resumed trial_will_end",
    "invoice": "created finalized updated paid payment_succeeded payment_failed voided marked_uncollectible",
    "invoice_payment": "paid",
    "payment_intent": "succeeded payment_failed canceled",
    # `captured` and `refund.updated` under `charge` are what accounts on old API versions send instead of newer types.
    "charge": "succeeded failed captured updated refunded refund.updated",
    "charge.dispute": "created updated closed funds_withdrawn funds_reinstated",
    "refund": "created updated failed",
    "credit_note": "created updated voided",
    "payout": "created paid failed canceled updated reconciliation_completed",
}

HANDLED_EVENT_TYPES: Final[frozenset[str]] = frozenset(
    f"{subject}.{verb}" for subject, verbs in _SUBJECTS.items() for verb in verbs.split()
)


def handles(event_type: str) -> bool:
    """Say whether an event of this type changes our books."""
    return event_type in HANDLED_EVENT_TYPES
