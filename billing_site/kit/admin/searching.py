"""Search of lists by what people paste into them: an exact amount, or one of Stripe's ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from billing_site.kit.currencies import CODES, exponent

_ID = re.compile(r"([a-z]+)_[A-Za-z0-9_]+")
_AMOUNT = re.compile(r"(?:(?P<code>[A-Z]{3}) ?)?(?P<amount>(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?)")
_MOST_CENTS = 2**63


class ExactSearchMixin:
    """Finds rows by amount (`search_amounts`, in each row's currency) and by id (`search_ids`: `in` to its column)."""

    search_amounts: Sequence[str] = ()
    search_ids: Mapping[str, str] = {}

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        term = search_term.strip()
        found = _ID.fullmatch(term)
        column = self.search_ids.get(found[1]) if found else None
        if column:
            return queryset.filter(**{f"{column}__startswith": term}), False
        words, has_doubles = super().get_search_results(request, queryset, search_term)  # type: ignore[misc]
        amounts = amounts_written(term, self.search_amounts)
        if not amounts:
            return words, has_doubles
        return queryset.filter(Q(pk__in=words.order_by().values("pk")) | amounts), False


def amounts_written(term: str, columns: Sequence[str]) -> Q:
    """Ask for rows in which one of the columns holds the amount as written, such as 1,234.50 or EUR 1234.5."""
    found = _AMOUNT.fullmatch(term)
    asked = Q()
    if found is None or (found["code"] and found["code"] not in CODES):
        return asked
    amount = Decimal(found["amount"].replace(",", ""))
    codes = [found["code"]] if found["code"] else sorted(CODES)
    for digits in {exponent(code) for code in codes}:
        cents = amount.scaleb(digits)
        if cents == cents.to_integral_value() and cents < _MOST_CENTS:
            of_these = Q(currency__in=[code for code in codes if exponent(code) == digits])
            asked |= of_these & _any_of(columns, int(cents))
    return asked


def _any_of(columns: Sequence[str], cents: int) -> Q:
    asked = Q()
    for column in columns:
        asked |= Q(**{column: cents})
    return asked
