"""What a change of usage does to each month and meter, before and after, and which of those months are billed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, Sum
from django.db.models.functions import TruncMonth

from partners.enums import Meter
from partners.models import ApiUsage, BilledPeriod, Partner

MonthSums = dict[tuple[dt.date, str], Decimal]


class Effect(NamedTuple):
    """A month and meter that changes: late usage where the month is billed; unpaid on days without a contract."""

    month: dt.date
    meter: str
    before: Decimal
    after: Decimal
    is_billed: bool
    is_without_contract: bool = False

    @property
    def change(self) -> Decimal:
        """What is added; negative where something is taken away."""
        return self.after - self.before

    def __str__(self) -> str:
        """Say it in one sentence."""
        late = "; the month is billed, so the difference is late usage" if self.is_billed else ""
        units = "deeds" if self.meter == Meter.DEED else "requests"
        unpaid = "; nobody will pay for days without a contract" if self.is_without_contract else ""
        return f"{self.month:%Y-%m}: {_plain(self.before)} {units} before, {_plain(self.after)} after{late}{unpaid}."


def month_sums(partner: Partner) -> MonthSums:
    """Add the partner's daily sums up by month and meter."""
    rows = (
        ApiUsage.objects.filter(partner=partner)
        .order_by()
        .values(month=TruncMonth("day"), meter=F("event_type"))
        .annotate(counted=Sum("quantity"))
    )
    return {(row["month"], row["meter"]): row["counted"] for row in rows}


def effects_of(partner: Partner, *, before: MonthSums, after: MonthSums) -> list[Effect]:
    """Return what changes, oldest first; read after it was counted."""
    unpaid = _months_without_contract(partner)
    billed = set(BilledPeriod.objects.filter(contract__partner=partner).values_list("period_start", flat=True))
    nothing = Decimal(0)
    return [
        Effect(*key, before.get(key, nothing), after.get(key, nothing), key[0] in billed, key[0] in unpaid)
        for key in sorted(before.keys() | after.keys())
        if before.get(key, nothing) != after.get(key, nothing)
    ]


def _months_without_contract(partner: Partner) -> set[dt.date]:
    days = ApiUsage.objects.filter(partner=partner).without_contract()
    return set(days.order_by().values_list(TruncMonth("day"), flat=True).distinct())


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"
