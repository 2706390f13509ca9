"""Owns the way from what was billed to the usage behind it: the days and the single counts of a meter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from billing_site.kit.periods import Period
from invoices.enums import LineKind
from invoices.models import Invoice, InvoiceLine
from partners.enums import Meter
from partners.models import ApiUsage, BilledPeriod, Correction, Partner, RequestCount, UsageArchive, UsageEvent
from partners.services.zones import zone_named

METERS = (Meter.DEED, Meter.REQUEST)


@dataclass(frozen=True, slots=True)
class Days:
    """One meter of one partner on days of its billing time zone: what any count of usage comes from."""

    partner: Partner
    meter: str
    start: dt.date
    end: dt.date

    @property
    def period(self) -> Period:
        return Period(self.start, self.end, zone_named(self.partner.billing_time_zone, of=str(self.partner)))

    def daily(self) -> QuerySet[ApiUsage]:
        """Return the daily sums that billing reads."""
        return ApiUsage.objects.filter(partner=self.partner, event_type=self.meter).within(
            start=self.start, end=self.end
        )

    def events(self) -> QuerySet[UsageEvent]:
        """Return the events that were counted on these days."""
        period = self.period
        return UsageEvent.objects.filter(partner=self.partner, event_type=self.meter).within(
            starts_at=period.starts_at, ends_at=period.ends_at
        )

    def archives(self) -> QuerySet[UsageArchive]:
        """Return the files to which single counts of these days were moved."""
        return UsageArchive.objects.filter(
            partner=self.partner, period_start__lt=self.end, period_end__gt=self.start
        ).order_by("period_start")

    def request_counts(self) -> QuerySet[RequestCount]:
        """Return the counts of requests that a product reported for these days itself."""
        counts = RequestCount.objects.filter(batch__partner=self.partner, day__gte=self.start, day__lt=self.end)
        return counts if self.meter == Meter.REQUEST else counts.none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A meter of a billed month: what it showed when it was billed, and what it shows now.

    `line` is the line that asks for it; `before` is what the month was billed for until then, nothing but for late
    usage.
    """

    period: BilledPeriod
    meter: str
    billed: Decimal
    counted: Decimal
    before: Decimal = Decimal(0)
    line: InvoiceLine | None = None

    @property
    def days(self) -> Days:
        return Days(self.period.contract.partner, self.meter, *self.period.served_days)

    @property
    def quantity(self) -> Decimal:
        """What the meter showed for this line: all of the month, or what came late."""
        return self.billed - self.before

    @property
    def since(self) -> Decimal:
        """What was counted, or taken back, after this was billed."""
        return self.counted - self.billed


@dataclass(frozen=True, slots=True, kw_only=True)
class LateStep:
    """Usage of a billed month that came after it was billed, and the paper that settled it; none: still open."""

    period: BilledPeriod
    meter: str
    quantity: Decimal
    correction: Correction | None = None

    @property
    def days(self) -> Days:
        return Days(self.period.contract.partner, self.meter, *self.period.served_days)


def evidence_of_invoice(invoice: Invoice) -> list[Evidence]:
    """Return what is behind each metered line of an invoice, late usage beside the month it names; four queries."""
    own = _periods().filter(invoice=invoice).first()
    late = list(Correction.objects.filter(invoice=invoice).select_related("billed_period__contract__partner"))
    periods = [*([own] if own else []), *(step.billed_period for step in late)]
    counted = ApiUsage.objects.counted_in(periods)
    found = (_behind(line, own, late, counted) for line in invoice.lines.order_by("position") if line.meter)
    return [evidence for evidence in found if evidence is not None]


def evidence_of_month(period: BilledPeriod) -> list[Evidence]:
    """Return what was billed and what is counted now, for each meter with anything in it; one query."""
    counted = ApiUsage.objects.counted_in([period])[period.pk]
    both = (
        Evidence(period=period, meter=meter, billed=Decimal(period.usage.get(meter, 0)), counted=counted[meter])
        for meter in METERS
    )
    return [evidence for evidence in both if evidence.billed or evidence.counted]


def late_steps(periods: Sequence[BilledPeriod]) -> list[LateStep]:
    """Return how later usage of billed months was settled, the oldest first, and what is on no paper; two queries."""
    counted = ApiUsage.objects.counted_in(periods)
    steps: dict[int, list[Correction]] = {period.pk: [] for period in periods}
    found = Correction.objects.filter(billed_period__in=periods).order_by("billed_period", "sequence")
    for correction in found.select_related("invoice", "credit_note", "run"):
        steps[correction.billed_period_id].append(correction)
    return [step for period in periods for step in _steps_of(period, steps[period.pk], counted[period.pk])]


def _periods() -> QuerySet[BilledPeriod]:
    return BilledPeriod.objects.select_related("contract__partner")


def _behind(
    line: InvoiceLine, own: BilledPeriod | None, late: Sequence[Correction], counted: dict[int, dict[str, Decimal]]
) -> Evidence | None:
    if line.kind != LineKind.CORRECTION:
        return None if own is None else _on_time(line, own, counted[own.pk][line.meter])
    named = (line.service_period_start, line.service_period_end)
    step = next((step for step in late if step.billed_period.served_days == named), None)
    return None if step is None else _too_late(line, step, counted[step.billed_period_id][line.meter])


def _on_time(line: InvoiceLine, period: BilledPeriod, counted: Decimal) -> Evidence:
    billed = Decimal(period.usage.get(line.meter, 0))
    return Evidence(period=period, meter=line.meter, billed=billed, counted=counted, line=line)


def _too_late(line: InvoiceLine, step: Correction, counted: Decimal) -> Evidence:
    return Evidence(
        period=step.billed_period,
        meter=line.meter,
        before=_before(step, line.meter),
        billed=Decimal(step.usage[line.meter]),
        counted=counted,
        line=line,
    )


def _before(step: Correction, meter: str) -> Decimal:
    """Return what the month was billed for until this step, as the step kept it."""
    kept: dict[str, Any] = step.lines[0] if step.lines else {}
    return Decimal(kept.get("before", step.billed_period.usage).get(meter, 0))


def _is_about(correction: Correction, meter: str) -> bool:
    """Tell whether money moved for this meter: taking back from two invoices is two steps of one count."""
    return any(line.get("meter") == meter for line in correction.lines)


def _steps_of(
    period: BilledPeriod, corrections: Sequence[Correction], counted: dict[str, Decimal]
) -> Iterator[LateStep]:
    for meter in METERS:
        before = Decimal(period.usage.get(meter, 0))
        for correction in corrections:
            now = Decimal(correction.usage.get(meter, 0))
            if now != before or _is_about(correction, meter):
                yield LateStep(period=period, meter=meter, quantity=now - before, correction=correction)
            before = now
        if counted[meter] != before:
            yield LateStep(period=period, meter=meter, quantity=counted[meter] - before)
