"""Totals of a filtered list: one query, one line per currency, never a sum across currencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.template.response import TemplateResponse

from billing_site.kit.admin.columns import words_of
from billing_site.kit.money import Money


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """What one currency's rows of a list come to."""

    currency: str
    rows: int
    sums: tuple[Money, ...]

    @property
    def formatted(self) -> list[str]:
        return [money.format() for money in self.sums]


def totals_of(rows: QuerySet[Any], fields: Sequence[str], *, currency: str = "currency") -> list[CurrencyTotal]:
    """Add up columns of minor units per currency, the currency with most rows first."""
    sums = {f"sum_{index}": Sum(field) for index, field in enumerate(fields)}
    found = _plain(rows).values_list(currency).annotate(count=Count("pk"), **sums).order_by("-count", currency)
    return [
        CurrencyTotal(code, count, tuple(Money(int(amount or 0), code) for amount in amounts))
        for code, count, *amounts in found
    ]


def _plain(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Drop order, joins and annotations of the list, which would split or multiply the groups."""
    rows = rows.order_by()
    if rows.query.annotations or rows.query.distinct or rows.query.is_sliced:
        return rows.model._base_manager.filter(pk__in=rows.values("pk"))  # noqa: SLF001 - documented API
    return rows.select_related(None)


class TotalsMixin:
    """Shows totals of `totals` under the list, over everything the filters let through."""

    totals: Sequence[str] = ()
    totals_currency = "currency"
    list_after_template = "admin/list_totals.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)  # type: ignore[misc]
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            listed = response.context_data["cl"]
            response.context_data["totals_head"] = [words_of(field) for field in self.totals]
            response.context_data["totals"] = totals_of(listed.queryset, self.totals, currency=self.totals_currency)
            response.context_data["totals_are_filtered"] = listed.has_active_filters or bool(listed.query)
        return response
