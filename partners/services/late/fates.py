"""Where a partner's usage went, month by month: the law that nothing counted is lost, in figures."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from partners.enums import METER_OF, Meter
from partners.fates import Agreed, Billed, Counted, Fate, Month, fates
from partners.metering import REQUEST
from partners.models import BilledPeriod, Contract, Partner


def fates_of(*, partner: Partner, since: dt.date | None = None) -> Mapping[Month, Fate]:
    """Return what became of all that was counted for a partner, from the month `since` on, in four queries."""
    return fates(_counted(partner, since), _agreed(partner), _billed(partner, since))


def _counted(partner: Partner, since: dt.date | None) -> list[Counted]:
    days = partner.api_usage.order_by().values_list("day", "event_type")
    days = days if since is None else days.filter(day__gte=since)
    rows = days.annotate(calls=Sum("requests"), quantity=Sum("quantity"))
    return [
        Counted(day, meter, Decimal(calls) if meter == REQUEST else quantity) for day, meter, calls, quantity in rows
    ]


def _agreed(partner: Partner) -> list[Agreed]:
    left = BilledPeriod.objects.left_unbilled().filter(contract__partner=partner)
    months: dict[int, set[dt.date]] = defaultdict(set)
    for contract, start in left.values_list("contract", "period_start"):
        months[contract].add(start)
    return [
        Agreed(contract.start_date, contract.end_date, _meter_of(contract), frozenset(months[contract.pk]))
        for contract in Contract.objects.active().of(partner)
    ]


def _billed(partner: Partner, since: dt.date | None) -> list[Billed]:
    months = BilledPeriod.objects.standing().within(since=since, before=None).with_what_they_are_billed_for()
    rated = months.filter(contract__partner=partner, contract__pricing_model__in=METER_OF).select_related("contract")
    return [_billed_for(month) for month in rated]


def _billed_for(month: Any) -> Billed:
    meter = METER_OF[month.contract.pricing_model].value
    start, end = month.served_days
    return Billed(start, end, meter, Decimal(month.billed_for[meter]))


def _meter_of(contract: Contract) -> str | None:
    meter: Meter | None = METER_OF.get(contract.pricing_model)
    return meter.value if meter else None
