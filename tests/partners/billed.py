"""What a run made of its contracts, as tests read it."""

from __future__ import annotations

from invoices.models import Invoice
from partners.models import BillingRun


def issued() -> list[tuple[str, int]]:
    return list(Invoice.objects.issued().order_by("pk").values_list("invoice_number", "total_cents"))


def states(run: BillingRun) -> dict[str, str]:
    return dict(run.entries.values_list("contract__reference", "state"))
