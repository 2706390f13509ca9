"""Words payments use."""

from __future__ import annotations

from django.db import models


class EventStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    APPLIED = "applied", "Applied"
    UNHANDLED = "unhandled", "Unhandled"
    DEAD = "dead", "Dead letter"
    SKIPPED = "skipped", "Skipped"


class EventSource(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    LIST = "list", "Stripe's list"


class PaymentOrigin(models.TextChoices):
    STRIPE = "stripe", "Stripe"
    MANUAL = "manual", "Manual"


class PaymentStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"
    PARTIALLY_REFUNDED = "partially_refunded", "Partially refunded"
    REFUNDED = "refunded", "Refunded"


class CreditKind(models.TextChoices):
    REFUND = "refund", "Refund"
    PROMOTIONAL = "promotional", "Promotional"
    GOODWILL = "goodwill", "Goodwill"
    PREPAID = "prepaid", "Prepaid"


class BillingCycle(models.TextChoices):
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"
    MONTHLY = "monthly", "Monthly"
    QUARTERLY = "quarterly", "Quarterly"
    YEARLY = "yearly", "Yearly"
    OTHER = "other", "Other"


class MrrMovementKind(models.TextChoices):
    NEW = "new", "New"
    EXPANSION = "expansion", "Expansion"
    CONTRACTION = "contraction", "Contraction"
    CHURN = "churn", "Churn"
    REACTIVATION = "reactivation", "Reactivation"
