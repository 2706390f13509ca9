"""What revenue is, once for the dashboard, the API and the spreadsheet: sums of the view `revenue_movements`.

Amounts are minor units of one currency. Payments, refunds and disputes count in the currency the customer paid in, fees
and exchange differences in the currency Stripe settles in; nothing is summed across the two.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, repeat
from zoneinfo import ZoneInfo

from django.db import connection

from billing_site.kit.currencies import exponent
from billing_site.kit.periods import Period

MONTHS_SHOWN = 12

# Amounts of a currency by month ("2026-10") and kind of movement.
_Sums = Mapping[str, Mapping[str, int]]

_SQL = """
SELECT currency, to_char(moved_at AT TIME ZONE %(zone)s, 'YYYY-MM'), kind, sum(amount_cents)::bigint
FROM revenue_movements WHERE moved_at < %(until)s AND currency = coalesce(%(currency)s, currency)
GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movements:
    """What came in and went out over a span of time."""

    gross_cents: int = 0
    """Succeeded payments, tax included."""
    fees_cents: int = 0
    """Every fee Stripe took, of disputes and of the account included, less what it gave back."""
    refunds_cents: int = 0
    dispute_losses_cents: int = 0
    """Withdrawn less reinstated."""
    exchange_cents: int = 0
    """Gained, or lost below zero, because money went back at another rate than it came in at."""

    @property
    def net_cents(self) -> int:
        return self.gross_cents - self.refunds_cents - self.dispute_losses_cents - self.fees_cents + self.exchange_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfRevenue:
    period: Period
    movements: Movements


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """Revenue of one currency as known at the end of a day; `months` are the last twelve, oldest first."""

    currency: str
    as_of: dt.date
    ever: Movements
    months: tuple[MonthOfRevenue, ...]

    @property
    def this_month(self) -> Movements:
        """The month of `as_of`, up to that day."""
        return self.months[-1].movements


def revenue(*, currency: str, as_of: dt.date, zone: ZoneInfo) -> Revenue:
    """Return the revenue of a currency up to and with a day; months are those of `zone`. Raise UnknownCurrency."""
    exponent(currency)
    return _revenue(currency, _sums(as_of, zone, currency).get(currency, {}), as_of, zone)


def revenue_by_currency(*, as_of: dt.date, zone: ZoneInfo) -> dict[str, Revenue]:
    """Return the same for each currency that ever moved, by code, with one query."""
    sums = _sums(as_of, zone, None)
    return {currency: _revenue(currency, sums[currency], as_of, zone) for currency in sorted(sums)}


def without_movements(*, currency: str, as_of: dt.date, zone: ZoneInfo) -> Revenue:
    """Return the revenue of a currency in which nothing ever moved."""
    return _revenue(currency, {}, as_of, zone)


def _sums(as_of: dt.date, zone: ZoneInfo, currency: str | None) -> dict[str, dict[str, dict[str, int]]]:
    until = Period(as_of, as_of + dt.timedelta(days=1), zone).ends_at
    sums: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"zone": zone.key, "until": until, "currency": currency})
        for code, month, kind, cents in cursor.fetchall():
            sums[code][month][kind] = cents
    return sums


def _revenue(currency: str, sums: _Sums, as_of: dt.date, zone: ZoneInfo) -> Revenue:
    return Revenue(
        currency=currency,
        as_of=as_of,
        ever=_movements(*sums.values()),
        months=tuple(
            MonthOfRevenue(period=month, movements=_movements(sums.get(month.label(), {})))
            for month in _last_months(as_of, zone)
        ),
    )


def _movements(*months: Mapping[str, int]) -> Movements:
    def moved(kind: str) -> int:
        return sum(month.get(kind, 0) for month in months)

    return Movements(
        gross_cents=moved("gross"),
        fees_cents=-moved("fee"),
        refunds_cents=-moved("refund"),
        dispute_losses_cents=-moved("dispute"),
        exchange_cents=moved("exchange"),
    )


def _last_months(as_of: dt.date, zone: ZoneInfo) -> list[Period]:
    latest = Period.month(as_of.year, as_of.month, zone)
    return list(accumulate(repeat(latest, MONTHS_SHOWN), lambda month, _: month.previous_month()))[::-1]
