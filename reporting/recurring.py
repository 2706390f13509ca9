"""Recurring revenue: what active subscriptions bring in a month and a year, per currency."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Sum

from billing_site.kit.currencies import exponent
from payments.models import Subscription

MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Recurring:
    """Minor units of one currency; what counts towards `mrr_cents` was decided when the subscription was copied."""

    mrr_cents: int = 0

    @property
    def arr_cents(self) -> int:
        return MONTHS_A_YEAR * self.mrr_cents


def recurring(currency: str) -> Recurring:
    """Return what recurs in a currency now; raise UnknownCurrency."""
    exponent(currency)
    return recurring_by_currency().get(currency, Recurring())


def recurring_by_currency() -> dict[str, Recurring]:
    """Return the same for each currency with a subscription that counts, by code."""
    rows = Subscription.objects.recurring().order_by("currency").values("currency").annotate(mrr_cents=Sum("mrr_cents"))
    return {row["currency"]: Recurring(int(row["mrr_cents"])) for row in rows}
