"""Owns what a customer that is a partner shows of its partnership."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest

from billing_site.kit.admin import Panel
from billing_site.kit.admin.panels import register
from invoices.models import Customer
from partners.admin.panels.billed import billed
from partners.admin.panels.contracts import contracts_of
from partners.admin.panels.usage import usage_of
from partners.models import Partner


@register(Customer)
def of_customer(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    """The contracts, the latest usage and the billed months."""
    partner = Partner.objects.filter(customer=customer).first()
    if partner is not None:
        yield from contracts_of(partner, request)
        yield from usage_of(partner, request)
        yield from billed(partner, request)
