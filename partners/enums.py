"""Words partners use."""

from __future__ import annotations

from django.db import models


class PricingModel(models.TextChoices):
    FLAT = "flat", "Flat fee"
    PER_DEED = "per_deed", "Per deed"
    HYBRID = "hybrid", "Fee and overage"
    PER_REQUEST = "per_request", "Per 1,000 requests"


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
    BILLED = "billed", "Billed"
    EMPTY = "empty", "Nothing to bill"
    PARKED = "parked", "Parked"


class Meter(models.TextChoices):
    DEED = "deed", "Deed retrievals"
    REQUEST = "request", "API requests"
