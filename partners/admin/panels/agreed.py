"""Owns what was agreed, under the page of a contract: its terms, and its other versions."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest

from billing_site.kit.admin import Panel, link_to, may_see
from billing_site.kit.admin.panels import register
from partners.admin.terms_words import terms_rows
from partners.enums import ContractStatus
from partners.models import Contract


@register(Contract)
def terms(contract: Contract, request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001 - whoever sees the page sees its terms
    if contract.status != ContractStatus.DRAFT:
        yield Panel("Terms", ("Term", "Agreed"), terms_rows(contract))


@register(Contract)
def versions(contract: Contract, request: HttpRequest) -> Iterator[Panel]:
    """The other versions of the same agreement, the newest first."""
    others = Contract.objects.filter(reference=contract.reference).exclude(pk=contract.pk).order_by("-version")
    if may_see(request, Contract) and others:
        rows = [(link_to(row), row.get_status_display(), row.start_date, row.end_date or "") for row in others]
        yield Panel("Other versions", ("Version", "Status", "Starts", "Ends before"), rows)
