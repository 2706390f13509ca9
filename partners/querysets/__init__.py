"""The sentences one can say about contracts, usage and runs."""

from __future__ import annotations

from partners.querysets.agreements import ApiKeyQuerySet, ContractQuerySet, PurchaseOrderQuerySet
from partners.querysets.months import BilledPeriodQuerySet, CorrectionQuerySet, LeftUnbilledQuerySet
from partners.querysets.runs import BillingRunEntryQuerySet, BillingRunQuerySet
from partners.querysets.usage import ApiUsageQuerySet, UsageEventQuerySet

__all__ = [
    "ApiKeyQuerySet",
    "ApiUsageQuerySet",
    "BilledPeriodQuerySet",
    "BillingRunEntryQuerySet",
    "BillingRunQuerySet",
    "ContractQuerySet",
    "CorrectionQuerySet",
    "LeftUnbilledQuerySet",
    "PurchaseOrderQuerySet",
    "UsageEventQuerySet",
]
