"""The sentences one can say about contracts and usage."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from partners.enums import ContractStatus


class ContractQuerySet(models.QuerySet):
    def active(self) -> Self:
        """In force or run out: everything that can have months to bill."""
        return self.filter(status__in=(ContractStatus.ACTIVE, ContractStatus.ENDED))

    def in_force(self, *, start: dt.date, end: dt.date) -> Self:
        """In force on at least one day of [start, end)."""
        return self.active().filter(Q(end_date=None) | Q(end_date__gt=start), start_date__lt=end)

    def unbilled(self, *, start: dt.date, end: dt.date) -> Self:
        """In force in the month [start, end) and not billed for it."""
        from partners.models import BilledPeriod

        billed = BilledPeriod.objects.filter(contract=OuterRef("pk"), period_start=start)
        return self.in_force(start=start, end=end).filter(~Exists(billed)).order_by("id")


class UsageEventQuerySet(models.QuerySet):
    def within(self, *, starts_at: dt.datetime, ends_at: dt.datetime) -> Self:
        return self.filter(occurred_at__gte=starts_at, occurred_at__lt=ends_at)


class ApiUsageQuerySet(models.QuerySet):
    def within(self, *, start: dt.date, end: dt.date) -> Self:
        """Days of [start, end), in the billing time zone of the partner."""
        return self.filter(day__gte=start, day__lt=end)
