"""Owns what partners show under the pages of customers, partners, contracts and invoices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, badge, link_to, list_url, may_see, money_cell
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import count_text, span_text
from invoices.models import Customer, Invoice
from partners.admin.contracts import terms_text
from partners.models import ApiUsage, BilledPeriod, Contract, Partner

_TONES = {"draft": "", "active": "success", "ended": "warning"}
_MONTHS = 4


@register(Customer)
def of_customer(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    """The contracts and the latest usage of a customer that is a partner."""
    partner = Partner.objects.filter(customer=customer).first()
    if partner is not None:
        yield from contracts_of(partner, request)
        yield from usage_of(partner, request)
        yield from billed(partner, request)


@register(Partner)
def contracts_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Contract):
        return
    rows = [
        (
            link_to(row),
            badge(row.get_status_display(), _TONES[row.status]),
            terms_text(row),
            span_text(row.start_date, row.end_date),
        )
        for row in partner.contracts.order_by("-start_date", "-version")
    ]
    yield Panel("Contracts", ("Contract", "Status", "Terms", "Runs"), rows, none="No contract yet.", is_wide=True)


@register(Partner)
def usage_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, ApiUsage):
        return
    since = (timezone.localdate().replace(day=1) - dt.timedelta(days=31 * (_MONTHS - 1))).replace(day=1)
    months = (
        partner.api_usage.filter(day__gte=since)
        .order_by()
        .annotate(month=TruncMonth("day"))
        .values_list("month", "event_type")
        .annotate(requests=Sum("requests"), quantity=Sum("quantity"))
        .order_by("-month", "event_type")
    )
    rows = [
        (f"{month:%B %Y}", meter, f"{requests:,}", count_text(quantity)) for month, meter, requests, quantity in months
    ]
    url = list_url(ApiUsage, q=partner.name)
    yield Panel("Usage of the last months", ("Month", "Meter"), rows, amounts=("Requests", "Quantity"), url=url)


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
    rows = [_month(period) for period in months[:MOST_ROWS]]
    yield Panel("Billed months", ("Month", "Invoice", "Status"), rows, amounts=("Total", "Due"))


@register(Invoice)
def behind(invoice: Invoice, request: HttpRequest) -> Iterator[Panel]:
    """The contract and the quantities an invoice came from."""
    if not may_see(request, BilledPeriod):
        return
    period = BilledPeriod.objects.filter(invoice=invoice).select_related("contract__partner", "run").first()
    if period is not None:
        usage = (
            ", ".join(f"{count_text(Decimal(count))} {meter}" for meter, count in sorted(period.usage.items())) or EMPTY
        )
        row = (
            link_to(period, f"{period.period_start:%B %Y}"),
            link_to(period.contract.partner),
            link_to(period.contract),
            usage,
            link_to(period.run),
        )
        yield Panel("Where it came from", ("Month", "Partner", "Contract", "Usage", "Run"), [row], is_wide=True)


def _month(period: BilledPeriod) -> tuple[Any, ...]:
    invoice = period.invoice
    if invoice is None:
        return link_to(period, f"{period.period_start:%Y-%m}"), "Nothing to bill", EMPTY, EMPTY, EMPTY
    amounts = (money_cell(cents, invoice.currency) for cents in (invoice.total_cents, invoice.amount_due_cents))
    return link_to(period, f"{period.period_start:%Y-%m}"), link_to(invoice), invoice.get_status_display(), *amounts
