"""Words partners use."""

from __future__ import annotations

from django.db import models


class PricingModel(models.TextChoices):
    FLAT = "flat", "Flat fee"
    PER_DEED = "per_deed", "Per deed"
    HYBRID = "hybrid", "Fee and overage"
    PER_REQUEST = "per_request", "Per 1,000 requests"


RATES_DEEDS = (PricingModel.PER_DEED, PricingModel.HYBRID)
RATES_REQUESTS = (PricingModel.PER_REQUEST,)


class TierMode(models.TextChoices):
    GRADUATED = "graduated", "Each unit at the price of its tier"
    VOLUME = "volume", "All units at the price of the tier reached"


class Proration(models.TextChoices):
    DAYS = "days", "By days of the month"
    NONE = "none", "Whole month whenever it runs"


class PackageRounding(models.TextChoices):
    UP = "up", "Started packages count whole"
    EXACT = "exact", "Exact share of a package"


class ContractStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    ENDED = "ended", "Ended"


class RunStatus(models.TextChoices):
    BUILDING = "building", "Building"
    PREVIEW = "preview", "Preview"
    APPROVED = "approved", "Approved"
    ISSUED = "issued", "Issued"
    CANCELED = "canceled", "Canceled"


class EntryState(models.TextChoices):
    PREVIEWED = "previewed", "Previewed"
    HELD = "held", "Held"
    BILLED = "billed", "Billed"
    EMPTY = "empty", "Nothing to bill"
    CREDITED = "credited", "Credited"
    PARKED = "parked", "Parked"


class EntryKind(models.TextChoices):
    MONTH = "month", "Month"
    FINAL = "final", "Late usage only"


class FlagKind(models.TextChoices):
    NEW = "new", "New"
    GONE = "gone", "Gone"
    CHANGED = "changed", "Changed"
    ZERO_USAGE = "zero_usage", "No usage this month"
    CONTRACT_WITHOUT_USAGE = "contract_without_usage", "Never used"
    USAGE_WITHOUT_CONTRACT = "usage_without_contract", "Usage without contract"
    LATE_USAGE = "late_usage", "Late usage"
    UNDONE = "undone", "To bill again"
    LEFT_UNBILLED = "left_unbilled", "Left unbilled"


class Meter(models.TextChoices):
    DEED = "deed", "Deed retrievals"
    REQUEST = "request", "API requests"


METER_OF = {
    PricingModel.PER_DEED.value: Meter.DEED,
    PricingModel.HYBRID.value: Meter.DEED,
    PricingModel.PER_REQUEST.value: Meter.REQUEST,
}
"""The meter that each pricing model rates; a flat fee rates none."""
