"""The sentences one can say about contracts, usage and runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Self

from django.db import connection, models
from django.db.models import (
    BigIntegerField,
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

from invoices.enums import DocumentKind, InvoiceStatus
from partners.enums import METER_OF, RATES_REQUESTS, ContractStatus, EntryState, Meter, RunStatus

_COUNTED_ON = """
SELECT span.id, used.deeds, used.calls
FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::date[]) AS span (id, partner_id, first_day, end_day)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity) FILTER (WHERE event_type = %s), 0) AS deeds,
           coalesce(sum(requests) FILTER (WHERE event_type = %s), 0) AS calls
    FROM api_usage WHERE partner_id = span.partner_id AND day >= span.first_day AND day < span.end_day
) AS used
"""
Span = tuple[int, int, dt.date, dt.date]  # a key of the caller's, a partner, and its days [first, end)


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


class UsageEventQuerySet(models.QuerySet):
    def within(self, *, starts_at: dt.datetime, ends_at: dt.datetime) -> Self:
        return self.filter(occurred_at__gte=starts_at, occurred_at__lt=ends_at)


class ApiUsageQuerySet(models.QuerySet):
    def within(self, *, start: dt.date, end: dt.date) -> Self:
        """Days of [start, end), in the billing time zone of the partner."""
        return self.filter(day__gte=start, day__lt=end)

    def counted_on(self, spans: Collection[Span]) -> dict[int, dict[str, Decimal]]:
        """Add up what was counted in each of these spans, by its key, per meter: deeds by quantity, requests by number.

        One statement that reads the days of each span and no others, however many years are kept.
        """
        if not spans:
            return {}
        columns = [list(column) for column in zip(*spans, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED_ON, [*columns, Meter.DEED, Meter.REQUEST])
            return {
                key: {Meter.DEED.value: deeds, Meter.REQUEST.value: Decimal(calls)}
                for key, deeds, calls in cursor.fetchall()
            }

    def counted_in(self, months: Collection[Any]) -> dict[int, dict[str, Decimal]]:
        """Add up what was counted on the days that each of these billed months served, per meter."""
        return self.counted_on([(month.pk, month.contract.partner_id, *month.served_days) for month in months])

    def without_contract(self) -> Self:
        """Used on a day on which the partner had no contract: nobody will be billed for it until somebody acts."""
        from partners.models import Contract

        agreed = Contract.objects.active().filter(
            Q(end_date=None) | Q(end_date__gt=OuterRef("day")),
            partner=OuterRef("partner"),
            start_date__lte=OuterRef("day"),
        )
        return self.filter(~Exists(agreed))


class BillingRunQuerySet(models.QuerySet):
    def of_month(self, start: dt.date) -> Self:
        return self.filter(period_start=start)

    def unfinished(self) -> Self:
        """Built or approved, and not issued: at most one per month."""
        return self.filter(status__in=(RunStatus.BUILDING, RunStatus.PREVIEW, RunStatus.APPROVED))

    def touching(self, partner: Any | None) -> Self:
        """Of all partners, or of this one alone; without a partner, every run."""
        return self if partner is None else self.filter(Q(partner=None) | Q(partner=partner))

    def within(self, partner: Any | None) -> Self:
        """Of this partner alone; without a partner, every run."""
        return self if partner is None else self.filter(partner=partner)

    def of_all_partners(self) -> Self:
        return self.filter(partner=None)

    def approved(self) -> Self:
        return self.filter(status=RunStatus.APPROVED).order_by("period_start", "pk")

    def to_issue(self) -> Self:
        """Approved, and handed over to the worker."""
        return self.approved().filter(issue_asked_at__isnull=False)

    def sending(self) -> Self:
        """Their invoices are to be sent, and some are not queued yet, however long ago they were issued."""
        from partners.models import BillingRunEntry

        waiting = BillingRunEntry.objects.to_send().filter(run=OuterRef("pk"))
        return self.filter(Exists(waiting), sends=True).order_by("pk")


class BillingRunEntryQuerySet(models.QuerySet):
    def waiting(self) -> Self:
        """Previewed, not yet billed: the work that is left."""
        return self.filter(state=EntryState.PREVIEWED).order_by("id")

    def billed(self) -> Self:
        return self.filter(state=EntryState.BILLED)

    def parked(self) -> Self:
        return self.filter(state=EntryState.PARKED)

    def held(self) -> Self:
        return self.filter(state=EntryState.HELD)

    def not_sent(self) -> Self:
        """Billed, and something stands in the way of sending it."""
        return self.billed().exclude(reason="")

    def to_send(self) -> Self:
        """Billed by an invoice that asks for something still, and that nobody has sent or tried to."""
        from invoices.models import Delivery

        sent = Delivery.objects.filter(invoice=OuterRef("invoice"))
        return self.billed().filter(~Exists(sent), reason="").exclude(invoice__status=InvoiceStatus.VOID)

    def to_send_again(self) -> Self:
        """Billed by an invoice that asks for something still, and whose latest mail failed."""
        from invoices.models import Delivery

        failed = Delivery.objects.failed().filter(invoice=OuterRef("invoice"), followed_by=None)
        return self.billed().filter(Exists(failed)).exclude(invoice__status=InvoiceStatus.VOID)

    def with_progress(self) -> Self:
        """Add `is_printed`, and `delivery_state` and `delivery_error` of the latest delivery."""
        from invoices.models import Delivery, Document

        printed = Document.objects.filter(invoice=OuterRef("invoice"), kind=DocumentKind.INVOICE)
        latest = Delivery.objects.filter(invoice=OuterRef("invoice"), followed_by=None)
        return self.annotate(
            is_printed=Exists(printed),
            delivery_state=Subquery(latest.values("state")[:1]),
            delivery_error=Subquery(latest.values("error")[:1]),
        )

    def flagged(self, kind: str = "") -> Self:
        """With a flag, or with one of this kind."""
        from partners.models import RunFlag

        flags = RunFlag.objects.filter(entry=OuterRef("pk"))
        return self.filter(Exists(flags.filter(kind=kind) if kind else flags))

    def by_urgency(self) -> Self:
        """The flagged first, then the parked and the held, then the rest, by partner; add `is_flagged`."""
        from partners.models import RunFlag

        flagged = self.annotate(is_flagged=Exists(RunFlag.objects.filter(entry=OuterRef("pk"))))
        left_out = Case(When(state__in=(EntryState.PARKED, EntryState.HELD), then=0), default=1)
        return flagged.order_by("-is_flagged", left_out, "contract__partner__name", "pk")

    def of(self, partner: Any | None) -> Self:
        """Of one partner, or of all where none is named."""
        return self if partner is None else self.filter(contract__partner=partner)

    def to_retry(self) -> Self:
        """Parked, or held by no person but until something is known."""
        return self.filter(Q(state=EntryState.PARKED) | Q(state=EntryState.HELD, decided_by=""))

    def bill_again(self) -> Self:
        """Of months whose invoice was undone."""
        return self.filter(revision__gt=1)

    def left_out(self) -> Self:
        """Neither billed nor waiting to be."""
        return self.filter(state__in=(EntryState.PARKED, EntryState.HELD))

    def in_unfinished_runs(self, month_start: dt.date) -> Self:
        unfinished = (RunStatus.BUILDING, RunStatus.PREVIEW, RunStatus.APPROVED)
        return self.filter(run__period_start=month_start, run__status__in=unfinished)

    def with_shared_sellers(self) -> Self:
        """The same for many: a seller is read once, not once for each contract."""
        return self.select_related("contract__partner__customer").prefetch_related("contract__seller")

    def with_parties(self) -> Self:
        """With everything an invoice copies."""
        return self.select_related("contract__partner__customer", "contract__seller")

    def counting(self) -> Self:
        """What the run comes to: everything but the parked and the held."""
        return self.exclude(state__in=(EntryState.PARKED, EntryState.HELD))

    def totals(self) -> dict[str, int]:
        """Add up per currency, in minor units."""
        sums = self.order_by("currency").values_list("currency").annotate(cents=Sum("total_cents"))
        return {currency: int(cents) for currency, cents in sums}

    def decided(self) -> Self:
        """Billed, credited, or recorded as nothing to bill."""
        return self.filter(state__in=(EntryState.BILLED, EntryState.EMPTY, EntryState.CREDITED))


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

    def to_bill_again(self, *, on: dt.date) -> Self:
        """Undone, of the year before this day, and nobody billed them again.

        An older one is taken for a decision, and found among the undone.
        """
        a_year_before = on.replace(year=on.year - 1, day=1)
        return self.latest_revisions().undone().within(since=a_year_before, before=on)

    def standing(self) -> Self:
        """The latest revision of each month, where its invoice is not undone."""
        return self.latest_revisions().exclude(_is_undone())

    def with_what_they_are_billed_for(self) -> Self:
        """Add `billed_for`: the usage of the latest correction, or of the month itself."""
        from partners.models import Correction

        latest = Correction.objects.filter(billed_period=OuterRef("pk")).order_by("-sequence").values("usage")[:1]
        return self.annotate(billed_for=Coalesce(Subquery(latest), F("usage")))

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


class PurchaseOrderQuerySet(models.QuerySet):
    def of_partners(self, contracts: Collection[Any]) -> Self:
        """Orders of the partners of these contracts."""
        return self.filter(partner__in={contract.partner_id for contract in contracts})

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
