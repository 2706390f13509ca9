"""How late what is owed is: open amounts by days past their due date, per currency."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Sum

from invoices.models import Invoice

_BUCKETS = {
    "late_1_30_cents": (1, 30),
    "late_31_60_cents": (31, 60),
    "late_61_90_cents": (61, 90),
    "late_over_90_cents": (91, None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aging:
    """Open amounts of one currency in minor units; an invoice without a due date is not late."""

    currency: str
    current_cents: int = 0
    late_1_30_cents: int = 0
    late_31_60_cents: int = 0
    late_61_90_cents: int = 0
    late_over_90_cents: int = 0

    @property
    def late_cents(self) -> int:
        return self.late_1_30_cents + self.late_31_60_cents + self.late_61_90_cents + self.late_over_90_cents

    @property
    def open_cents(self) -> int:
        return self.current_cents + self.late_cents


def aging(as_of: dt.date) -> list[Aging]:
    """Return one row per currency of invoices issued up to a day, by what is owed on them now."""
    sums = {bucket: Sum("amount_due_cents", filter=_late(as_of, *days), default=0) for bucket, days in _BUCKETS.items()}
    sums["current_cents"] = Sum("amount_due_cents", filter=Q(due_date=None) | Q(due_date__gte=as_of), default=0)
    issued = Invoice.objects.outstanding().exclude(issue_date__gt=as_of)
    rows: Iterable[Mapping[str, Any]] = issued.order_by("currency").values("currency").annotate(**sums)
    return [Aging(currency=row["currency"], **{name: int(row[name]) for name in sums}) for row in rows]


def _late(as_of: dt.date, at_least: int, at_most: int | None) -> Q:
    late = Q(due_date__lte=as_of - dt.timedelta(days=at_least))
    return late if at_most is None else late & Q(due_date__gte=as_of - dt.timedelta(days=at_most))
