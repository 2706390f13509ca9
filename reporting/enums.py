"""Words reports use."""

from __future__ import annotations

from django.db import models


class BreakKind(models.TextChoices):
    MISSING_HERE = "missing_here", "Missing here"
    MISSING_THERE = "missing_there", "Missing at Stripe"
    AMOUNT = "amount", "Amount differs"
    FEE = "fee", "Fee differs"
    CURRENCY = "currency", "Currency differs"
    STATUS = "status", "Status differs"
    TIMING = "timing", "Timing only"


class BreakStatus(models.TextChoices):
    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"
