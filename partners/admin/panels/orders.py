"""Owns the purchase orders on the pages of partners and contracts, with what is left of each, and their months."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from billing_site.kit.admin import Panel, link_to, list_url, may_see, money_cell
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import MOST_ROWS, register
from partners.admin.orders import NO_LIMIT, left_cell, validity_text
from partners.models import BilledPeriod, Contract, Partner, PurchaseOrder


@register(Partner)
@register(Contract)
def orders(row: Any, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, PurchaseOrder):
        return
    partner = row.partner if isinstance(row, Contract) else row
    found = PurchaseOrder.objects.filter(partner=partner).with_drawn().oldest_first()
    fitting = [order for order in found if not isinstance(row, Contract) or order.is_for(row)]
    needed = isinstance(row, Contract) and row.needs_purchase_order
    yield Panel(
        "Purchase orders",
        ("Number", "For", "Valid"),
        [_order(order) for order in fitting],
        amounts=("Limit", "Drawn", "Left"),
        none="None is known: months are held until one is." if needed else "",
        url=list_url(PurchaseOrder, q=partner.name),
        is_wide=True,
    )


@register(PurchaseOrder)
def months(order: PurchaseOrder, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, BilledPeriod):
        return
    drawn = order.billed_periods.select_related("contract", "invoice").order_by("-period_start", "-revision")
    rows = [_month(period) for period in drawn[:MOST_ROWS]]
    more = f", the last {MOST_ROWS}" if len(rows) == MOST_ROWS else ""
    heads = ("Month", "Contract", "Invoice", "Status")
    yield Panel(f"Months billed on it{more}", heads, rows, amounts=("Total",), is_wide=True)


def _month(period: BilledPeriod) -> tuple[Any, ...]:
    invoice, month = period.invoice, link_to(period, f"{period.period_start:%Y-%m}")
    if invoice is None:
        return month, link_to(period.contract), "Nothing to bill", EMPTY, EMPTY
    total = money_cell(invoice.total_cents, invoice.currency)
    return month, link_to(period.contract), link_to(invoice), invoice.get_status_display(), total


def _order(order: Any) -> tuple[Any, ...]:
    limit = NO_LIMIT if order.amount_cents is None else money_cell(order.amount_cents, order.currency)
    return (
        link_to(order), order.product or "Every product", validity_text(order),
        limit, money_cell(order.drawn_cents, order.currency), left_cell(order),
    )  # fmt: skip
