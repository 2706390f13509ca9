"""Usage that no invoice holds: counted after its month was billed, or on days without a contract. Never dropped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.db.models import OuterRef, Subquery

from partners.models import ApiUsage, BilledPeriod, Contract
from partners.querysets import ApiUsageQuerySet
from partners.services.previews import METER_OF, usage_of


@dataclass(frozen=True, slots=True)
class LateUsage:
    """A meter of a billed month that now shows more (or less) than was billed."""

    billed_period: BilledPeriod
    meter: str
    billed: Decimal
    counted: Decimal

    @property
    def contract(self) -> Contract:
        return self.billed_period.contract

    @property
    def unbilled(self) -> Decimal:
        """What is on no invoice; negative where usage was taken back."""
        return self.counted - self.billed


def late_usage(*, since: dt.date | None = None) -> list[LateUsage]:
    """Return what was counted for billed months (from `since` on) after they were billed, where a contract rates it."""
    latest = BilledPeriod.objects.filter(contract=OuterRef("contract"), period_start=OuterRef("period_start"))
    billed = BilledPeriod.objects.filter(
        contract__pricing_model__in=METER_OF, revision=Subquery(latest.order_by("-revision").values("revision")[:1])
    )
    if since is not None:
        billed = billed.filter(period_start__gte=since)
    rows = billed.select_related("contract__partner").order_by("period_start", "pk")
    months = groupby(rows, key=lambda row: (row.period_start, row.period_end))
    return [late for (start, end), periods in months for late in _late_in(start, end, list(periods))]


def usage_without_contract(*, since: dt.date | None = None) -> ApiUsageQuerySet:
    """Return the days of usage for which nobody agreed on a price."""
    rows = ApiUsage.objects.without_contract().select_related("partner").order_by("day", "pk")
    return rows if since is None else rows.filter(day__gte=since)


def _late_in(start: dt.date, end: dt.date, periods: list[BilledPeriod]) -> Iterator[LateUsage]:
    counted = usage_of(contracts=[period.contract for period in periods], start=start, end=end)
    for period in periods:
        meter = METER_OF[period.contract.pricing_model].value
        late = LateUsage(period, meter, Decimal(period.usage[meter]), counted[period.contract_id][meter])
        if late.unbilled:
            yield late
