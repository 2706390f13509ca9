"""Revenue as machines read it: the same numbers as everywhere, in the documented shape."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from billing_site.kit.currencies import exponent
from billing_site.kit.money import Money
from reporting.recurring import Recurring, recurring_by_currency
from reporting.revenue import MonthOfRevenue, Revenue, revenue_by_currency, without_movements


def revenue_answer(*, currency: str, as_of: dt.date, zone: ZoneInfo) -> dict[str, Any]:
    """Return the revenue of one currency, and below `currencies` the same of each other one. Raise UnknownCurrency.

    `overview.total_revenue_cents` is gross of all time up to `as_of`. The other four speak of the month of `as_of`:
    gross, fees, refunds, and net, which is gross less refunds, dispute losses and fees, with exchange differences.
    A month's `revenue_cents` is its gross; months are the last twelve, oldest first.
    """
    exponent(currency)
    revenues, recurring = revenue_by_currency(as_of=as_of, zone=zone), recurring_by_currency()

    def answer(code: str) -> dict[str, Any]:
        found = revenues.get(code) or without_movements(currency=code, as_of=as_of, zone=zone)
        return _answer(found, recurring.get(code, Recurring()))

    others = sorted({*revenues, *recurring} - {currency})
    return {**answer(currency), "currencies": [answer(code) for code in others]}


def _answer(found: Revenue, recurring: Recurring) -> dict[str, Any]:
    month = found.this_month
    return {
        "currency": found.currency,
        "overview": {
            "total_revenue_cents": found.ever.gross_cents,
            "monthly_revenue_cents": month.gross_cents,
            "stripe_fees_cents": month.fees_cents,
            "refunds_cents": month.refunds_cents,
            "net_monthly_revenue_cents": month.net_cents,
        },
        "monthly_breakdown": [_month(one, found.currency) for one in found.months],
        "mrr_arr": {
            "mrr_cents": recurring.mrr_cents,
            "mrr_dollars": Money(recurring.mrr_cents, found.currency).major,
            "arr_cents": recurring.arr_cents,
            "arr_dollars": Money(recurring.arr_cents, found.currency).major,
        },
    }


def _month(one: MonthOfRevenue, currency: str) -> dict[str, Any]:
    gross = one.movements.gross_cents
    return {"month": one.period.label(), "revenue_cents": gross, "revenue_dollars": Money(gross, currency).major}
