"""Owns the billed months of partners and contracts, and where an invoice of a partner came from."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, badge, link_to, may_see, money_cell
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import count_text
from invoices.models import Invoice
from partners.models import BilledPeriod, Contract, Partner


@register(Partner)
@register(Contract)
def billed(row: Any, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, BilledPeriod):
        return
    asked = {"contract": row} if isinstance(row, Contract) else {"contract__partner": row}
    months = (
        BilledPeriod.objects.filter(**asked)
        .select_related("invoice", "contract")
        .order_by("-period_start", "-revision")
    )
    again, left = (
        set(found.filter(**asked).values_list("pk", flat=True))
        for found in (
            BilledPeriod.objects.to_bill_again(on=timezone.localdate()),
            BilledPeriod.objects.left_unbilled(),
        )
    )
    told = dict.fromkeys(again, badge("To bill again", "warning")) | dict.fromkeys(left, badge("Left unbilled"))
    rows = [_month(period, told.get(period.pk)) for period in months[:MOST_ROWS]]
    yield Panel("Billed months", ("Month", "Invoice", "Status"), rows, amounts=("Total", "Due"))


@register(Invoice)
def behind(invoice: Invoice, request: HttpRequest) -> Iterator[Panel]:
    """The contract and the quantities an invoice came from."""
    if not may_see(request, BilledPeriod):
        return
    period = BilledPeriod.objects.filter(invoice=invoice).select_related("contract__partner", "run").first()
    if period is not None:
        counts = (f"{count_text(Decimal(count))} {meter}s" for meter, count in sorted(period.usage.items()))
        usage = ", ".join(counts) or EMPTY
        row = (
            link_to(period, f"{period.period_start:%B %Y}"),
            link_to(period.contract.partner),
            link_to(period.contract),
            usage,
            link_to(period.run),
        )
        yield Panel("Where it came from", ("Month", "Partner", "Contract", "Usage", "Run"), [row], is_wide=True)


def _month(period: BilledPeriod, told: Any) -> tuple[Any, ...]:
    invoice = period.invoice
    if invoice is None:
        return link_to(period, f"{period.period_start:%Y-%m}"), "Nothing to bill", EMPTY, EMPTY, EMPTY
    amounts = (money_cell(cents, invoice.currency) for cents in (invoice.total_cents, invoice.amount_due_cents))
    return (
        link_to(period, f"{period.period_start:%Y-%m}"),
        link_to(invoice),
        told or invoice.get_status_display(),
        *amounts,
    )
