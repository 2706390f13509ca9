"""Owns what this floor tells on the timeline of a customer that is a partner: its contracts' changes."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import may_see
from billing_site.kit.admin.timeline import MOST_TOLD, Happening, start_of, tells
from invoices.models import Customer
from partners.admin.terms_words import terms_text
from partners.enums import ContractStatus
from partners.models import Contract


@tells(Customer)
def contracts(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    """When versions of contracts were drafted, began and ended; what lies ahead is in the contracts themselves."""
    if not may_see(request, Contract):
        return
    now = timezone.now()
    of_customer = Contract.objects.filter(partner__customer=customer).select_related("partner")
    rows = of_customer.order_by("-start_date", "-version")[:MOST_TOLD]
    begun = {row.start_date for row in rows}
    for row in rows:
        if row.status == ContractStatus.DRAFT:
            yield Happening(at=row.created_at, what="Contract drafted", row=row, about=terms_text(row))
        elif start_of(row.start_date) <= now:
            what = "Contract changed" if row.version > 1 else "Contract began"
            yield Happening(at=start_of(row.start_date), what=what, tone="info", row=row, about=terms_text(row))
        if row.end_date and row.end_date not in begun and start_of(row.end_date) <= now:
            yield Happening(at=start_of(row.end_date), what="Contract ended", row=row)
