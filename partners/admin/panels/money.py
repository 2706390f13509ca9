"""Owns the money on a partner's page: the balance and the invoices of its customer."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest

from billing_site.kit.admin import Panel
from billing_site.kit.admin.panels import register
from invoices.admin.panels import balance, latest_invoices
from partners.models import Partner


@register(Partner)
def money_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    yield from balance(partner.customer, request)
    yield from latest_invoices(partner.customer, request)
