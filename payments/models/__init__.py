"""The tables of what we received, gave back and hold, and of what Stripe told us."""

from __future__ import annotations

from payments.models.balances import Allocation, Credit
from payments.models.evidence import (
    AccountImport,
    AppliedVersion,
    EventListing,
    SigningSecret,
    StripeEvent,
    StripeObject,
)
from payments.models.movements import BalanceTransaction, Dispute, InvoicePayment, Payment, Payout, Refund
from payments.models.subscriptions import MrrMovement, Subscription, SubscriptionVersion

__all__ = [
    "AccountImport",
    "Allocation",
    "AppliedVersion",
    "BalanceTransaction",
    "Credit",
    "Dispute",
    "EventListing",
    "InvoicePayment",
    "MrrMovement",
    "Payment",
    "Payout",
    "Refund",
    "SigningSecret",
    "StripeEvent",
    "StripeObject",
    "Subscription",
    "SubscriptionVersion",
]
