"""The tables of what was agreed, used and billed; what PostgreSQL refuses stands in the migration named `promises`."""

from __future__ import annotations

from partners.models.agreements import Contract, Partner, PartnerApiKey, PurchaseOrder
from partners.models.runs import BilledPeriod, BillingRun, BillingRunEntry, Correction, LeftUnbilled, RunFlag
from partners.models.usage import ApiUsage, RequestBatch, RequestCount, UsageArchive, UsageConflict, UsageEvent

__all__ = [
    "ApiUsage",
    "BilledPeriod",
    "BillingRun",
    "BillingRunEntry",
    "Contract",
    "Correction",
    "LeftUnbilled",
    "Partner",
    "PartnerApiKey",
    "PurchaseOrder",
    "RequestBatch",
    "RequestCount",
    "RunFlag",
    "UsageArchive",
    "UsageConflict",
    "UsageEvent",
]
