"""Usage that no invoice holds: counted after its month was billed, or on days without a contract. Never dropped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from partners.enums import METER_OF
from partners.models import ApiUsage, BilledPeriod, Contract
from partners.pricing import UnreadableTerms, net_cents, rate, terms_from_json
from partners.querysets import ApiUsageQuerySet, BilledPeriodQuerySet, ContractQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class LateUsage:
    """A billed month that now shows more (or less) of the meter its contract rates than it is billed for."""

    billed_period: BilledPeriod
    meter: str
    before: Mapping[str, Decimal]
    usage: Mapping[str, Decimal]

    @property
    def contract(self) -> Contract:
        return self.billed_period.contract

    @property
    def billed(self) -> Decimal:
        return self.before[self.meter]

    @property
    def counted(self) -> Decimal:
        return self.usage[self.meter]

    @property
    def unbilled(self) -> Decimal:
        """What is on no invoice; negative where usage was taken back."""
        return self.counted - self.billed


def late_usage(
    *, since: dt.date | None = None, before: dt.date | None = None, contracts: ContractQuerySet | None = None
) -> list[LateUsage]:
    """Return what was counted for billed months (from `since` up to `before`) after they were billed, oldest first.

    Only what a contract rates; months whose invoice people undid are open as a whole and not among them.
    """
    months = BilledPeriod.objects.standing().within(since=since, before=before)
    if contracts is not None:
        months = months.filter(contract__in=contracts)
    return list(_late_in(months))


def late_usage_of(*, billed_periods: Collection[int]) -> dict[int, LateUsage]:
    """Return the same for these billed months; one that is billed for all that is counted is missing."""
    months = BilledPeriod.objects.standing().filter(pk__in=billed_periods)
    return {late.billed_period.pk: late for late in _late_in(months)}


def usage_without_contract(*, since: dt.date | None = None) -> ApiUsageQuerySet:
    """Return the days of usage for which nobody agreed on a price."""
    rows = ApiUsage.objects.without_contract().select_related("partner").order_by("day", "pk")
    return rows if since is None else rows.filter(day__gte=since)


def asked_cents(period: BilledPeriod) -> int:
    """Return what the papers of a billed month that stand ask for, before tax; what people credited apart stays asked.

    Raises UnreadableTerms.
    """
    return cost_cents(period, period.usage) + sum(period.corrections.standing().values_list("net_cents", flat=True))


def cost_cents(period: BilledPeriod, usage: Mapping[str, Any]) -> int:
    """Return what a billed month comes to before tax on the terms kept with it. Raises UnreadableTerms."""
    terms, proration = terms_from_json(period.terms)
    return net_cents(rate(terms, {meter: Decimal(count) for meter, count in usage.items()}, proration))


def _late_in(months: BilledPeriodQuerySet) -> Iterator[LateUsage]:
    rows = months.with_late_usage().select_related("contract__partner__customer", "contract__seller")
    periods = list(rows.order_by("period_start", "pk"))
    counted = ApiUsage.objects.counted_in(periods)
    for period in periods:
        meter = METER_OF[period.contract.pricing_model].value
        before = {name: Decimal(count) for name, count in period.billed_for.items()}
        late = LateUsage(billed_period=period, meter=meter, before=before, usage=counted[period.pk])
        if late.unbilled or _lost_a_paper(late):
            yield late


def _lost_a_paper(late: LateUsage) -> bool:
    """Say whether an invoice that asked for late usage was undone, and nothing has asked for it since.

    Where the papers ask for more, people had given already what a reversal could have.
    """
    try:
        return asked_cents(late.billed_period) < cost_cents(late.billed_period, late.usage)
    except UnreadableTerms:
        return True  # whoever plans its correction says what is wrong with them
