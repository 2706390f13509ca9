"""Owns the colours of states."""

from __future__ import annotations

PAYMENT = {
    "succeeded": "success",
    "pending": "info",
    "failed": "danger",
    "canceled": "",
    "partially_refunded": "warning",
    "refunded": "warning",
}
EVENT = {"pending": "info", "applied": "success", "dead": "danger", "unhandled": "", "skipped": ""}
SOURCE = {"webhook": "", "list": "info"}
REFUND = {"succeeded": "success", "pending": "info", "requires_action": "warning", "failed": "danger", "canceled": ""}
DISPUTE = {
    "won": "success",
    "lost": "danger",
    "needs_response": "danger",
    "under_review": "warning",
    "warning_needs_response": "warning",
    "warning_under_review": "warning",
}
PAYOUT = {"paid": "success", "pending": "info", "in_transit": "info", "failed": "danger", "canceled": ""}
SUBSCRIPTION = {
    "active": "success",
    "trialing": "info",
    "past_due": "warning",
    "unpaid": "danger",
    "canceled": "",
    "paused": "",
    "incomplete": "warning",
    "incomplete_expired": "",
}
CREDIT = {"refund": "info", "promotional": "", "goodwill": "warning", "prepaid": "success"}
MRR = {
    "new": "success",
    "expansion": "success",
    "reactivation": "success",
    "contraction": "warning",
    "churn": "danger",
}
