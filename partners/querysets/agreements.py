"""What one can say about contracts, purchase orders and keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models import BigIntegerField, Exists, F, Func, OuterRef, Q, Subquery, Sum

from partners.enums import ContractStatus, Meter


class ContractQuerySet(models.QuerySet):
    def active(self) -> Self:
        """In force or run out: everything that can have months to bill."""
        return self.filter(status__in=(ContractStatus.ACTIVE, ContractStatus.ENDED))

    def in_force(self, *, start: dt.date, end: dt.date) -> Self:
        """In force on at least one day of [start, end)."""
        return self.active().filter(Q(end_date=None) | Q(end_date__gt=start), start_date__lt=end)

    def over_by(self, day: dt.date) -> Self:
        """Ended on this day or before."""
        return self.active().filter(end_date__lte=day)

    def unbilled(self, *, start: dt.date, end: dt.date) -> Self:
        """In force in the month [start, end) and not billed for it."""
        from partners.models import BilledPeriod

        billed = BilledPeriod.objects.filter(contract=OuterRef("pk"), period_start=start)
        return self.in_force(start=start, end=end).filter(~Exists(billed)).order_by("id")

    def in_zones(self, zones: Collection[str]) -> Self:
        """Billed in one of these time zones."""
        return self.filter(billing_time_zone__in=zones)

    def of(self, partner: Any | None) -> Self:
        """Of one partner, or of all where none is named."""
        return self if partner is None else self.filter(partner=partner)

    def with_parties(self) -> Self:
        """With everything an invoice copies."""
        return self.select_related("partner__customer", "seller")


class PurchaseOrderQuerySet(models.QuerySet):
    def of_partners(self, contracts: Collection[Any]) -> Self:
        """Orders of the partners of these contracts."""
        return self.filter(partner__any={contract.partner_id for contract in contracts})

    def oldest_first(self) -> Self:
        return self.order_by(F("start_date").asc(nulls_first=True), "pk")

    def with_drawn(self) -> Self:
        """With `drawn_cents`: what invoices that stand hold of each, less what was credited."""
        return self.annotate(drawn_cents=Func(F("pk"), function="drawn_on_order", output_field=BigIntegerField()))


class ApiKeyQuerySet(models.QuerySet):
    def working(self, *, at: dt.datetime) -> Self:
        """Neither revoked nor past the moment it works until."""
        return self.filter(Q(expiry_date=None) | Q(expiry_date__gt=at), revoked=False)

    def unused_since(self, moment: dt.datetime) -> Self:
        """Never used, or not since this moment."""
        return self.filter(Q(last_used_at=None) | Q(last_used_at__lt=moment))

    def with_usage(self, *, since: dt.date) -> Self:
        """With `calls` and `deeds` that each key reported or served from a day on."""
        from partners.models import ApiUsage

        used = ApiUsage.objects.filter(partner=OuterRef("partner"), api_key_prefix=OuterRef("prefix"), day__gte=since)
        sums = used.order_by().values("partner")
        calls = sums.values(sum=Sum("requests", filter=Q(event_type=Meter.REQUEST), default=0))
        deeds = sums.values(sum=Sum("quantity", filter=Q(event_type=Meter.DEED), default=0))
        return self.annotate(calls=Subquery(calls), deeds=Subquery(deeds))
