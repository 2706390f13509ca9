"""Owns the purchase orders on a partner's page, with what is left of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from billing_site.kit.admin import Panel, link_to, may_see, money_cell
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import span_text
from partners.models import Partner, PurchaseOrder


@register(Partner)
def orders_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    """Shown only where a partner has any."""
    if not may_see(request, PurchaseOrder):
        return
    rows = [_row(order) for order in partner.purchase_orders.with_drawn().oldest_first()]
    heads = ("Purchase order", "Product", "Valid")
    yield Panel("Purchase orders", heads, rows, amounts=("Amount", "Drawn", "Left"), is_wide=True)


def _row(order: Any) -> tuple[Any, ...]:
    valid = span_text(order.start_date, order.end_date) if order.start_date or order.end_date else "always"
    amounts = (money_cell(cents, order.currency) for cents in (order.amount_cents, order.drawn_cents, order.left_cents))
    return link_to(order), order.product or "every product", valid, *amounts
