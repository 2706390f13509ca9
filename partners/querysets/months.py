"""What one can say about billed months and their corrections."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import (
    BooleanField,
    Case,
    DateField,
    DecimalField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Left, Right

from partners.enums import METER_OF, RATES_REQUESTS, Meter

_DAY = 10  # letters of 2026-10-31
_COUNT = DecimalField(max_digits=30, decimal_places=6)


def _sum_of(used: models.QuerySet[Any], meter: Meter, column: str) -> Coalesce:
    sums = used.filter(event_type=meter).order_by().values("partner").annotate(sum=Cast(Sum(column), _COUNT))
    return Coalesce(Subquery(sums.values("sum")), Value(Decimal(0)), output_field=_COUNT)


def _count_in(meter: Meter) -> Cast:
    return Cast(KeyTextTransform(meter.value, "billed_for"), _COUNT)


def _is_undone(invoice: str | Coalesce = "invoice") -> Func:
    """Let PostgreSQL say, as its triggers do, whether people voided this invoice or credited all it still asked for."""
    return Func(invoice, function="invoice_is_undone", output_field=BooleanField())


class CorrectionQuerySet(models.QuerySet):
    def standing(self) -> Self:
        """Those whose invoice is not undone: what they ask for, or gave back of it, still counts."""
        return self.exclude(_is_undone(self._paper))

    def undone(self) -> Self:
        return self.filter(_is_undone(self._paper))

    @property
    def _paper(self) -> Coalesce:
        return Coalesce("invoice", "credit_note__invoice")


class LeftUnbilledQuerySet(models.QuerySet):
    def standing(self) -> Self:
        """Those that nobody reopened."""
        return self.filter(reopened_at=None)

    def in_order(self) -> Self:
        return self.order_by("decided_at", "pk")


class BilledPeriodQuerySet(models.QuerySet):
    def of_month(self, start: dt.date) -> Self:
        return self.filter(period_start=start)

    def within(self, *, since: dt.date | None, before: dt.date | None) -> Self:
        """Months that start in [since, before); None leaves that side open."""
        found = self if since is None else self.filter(period_start__gte=since)
        return found if before is None else found.filter(period_start__lt=before)

    def latest_revisions(self) -> Self:
        later = self.model._default_manager.filter(  # noqa: SLF001 - documented API
            contract=OuterRef("contract"), period_start=OuterRef("period_start"), revision__gt=OuterRef("revision")
        )
        return self.filter(~Exists(later))

    def undone(self) -> Self:
        """Months whose invoice people voided or credited in full: they may be billed again."""
        return self.filter(_is_undone())

    def left_unbilled(self) -> Self:
        """Undone, and a person decided that they stay unbilled."""
        return self.filter(Exists(self._standing_decisions()))

    def with_why_left_unbilled(self) -> Self:
        """Add `left_because`, `left_by` and `left_at` of the decision that stands; None where none does."""
        decided = self._standing_decisions()
        return self.annotate(
            left_because=Subquery(decided.values("reason")),
            left_by=Subquery(decided.values("decided_by")),
            left_at=Subquery(decided.values("decided_at")),
        )

    def undecided(self) -> Self:
        """Undone, and nobody billed them again or left them unbilled."""
        return self.latest_revisions().undone().filter(~Exists(self._standing_decisions()))

    def to_bill_again(self, *, on: dt.date) -> Self:
        """Undecided, of the year before this day; an older one is taken for a decision, and found among the undone."""
        a_year_before = on.replace(year=on.year - 1, day=1)
        return self.undecided().within(since=a_year_before, before=on)

    def standing(self) -> Self:
        """The latest revision of each month, where its invoice is not undone."""
        return self.latest_revisions().exclude(_is_undone())

    def with_what_they_are_billed_for(self) -> Self:
        """Add `billed_for`: the usage of the latest correction, or of the month itself."""
        from partners.models import Correction

        latest = Correction.objects.filter(billed_period=OuterRef("pk")).order_by("-sequence").values("usage")[:1]
        return self.annotate(billed_for=Coalesce(Subquery(latest), F("usage")))

    @staticmethod
    def _standing_decisions() -> LeftUnbilledQuerySet:
        from partners.models import LeftUnbilled

        return LeftUnbilled.objects.standing().filter(billed_period=OuterRef("pk"))

    def with_late_usage(self) -> Self:
        """Rated months that now count something else than they are billed for, or lost an invoice that asked for more.

        Adds `billed_for`. PostgreSQL compares, so that years of months on time cost no memory.
        """
        from partners.models import ApiUsage, Correction

        found = self.filter(contract__pricing_model__in=METER_OF).with_what_they_are_billed_for()
        served = KeyTextTransform("served", "terms")
        found = found.annotate(
            first_day=Coalesce(Cast(Left(served, _DAY), DateField()), F("period_start")),
            end_day=Coalesce(Cast(Right(served, _DAY), DateField()), F("period_end")),
        )
        used = ApiUsage.objects.filter(
            partner=OuterRef("contract__partner"), day__gte=OuterRef("first_day"), day__lt=OuterRef("end_day")
        )
        requests = Q(contract__pricing_model__in=RATES_REQUESTS)
        counted = Case(
            When(requests, then=_sum_of(used, Meter.REQUEST, "requests")),
            default=_sum_of(used, Meter.DEED, "quantity"),
        )
        billed = Case(When(requests, then=_count_in(Meter.REQUEST)), default=_count_in(Meter.DEED))
        asked_in_vain = Correction.objects.undone().filter(billed_period=OuterRef("pk"), net_cents__gt=0)
        return found.annotate(counted=counted, billed_count=billed).filter(
            ~Q(counted=F("billed_count")) | Exists(asked_in_vain)
        )
