"""Flags of a run: the facts are gathered with a fixed number of queries, `partners.surprises` says what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, Sum

from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.enums import InvoiceStatus
from partners.enums import METER_OF, EntryKind, FlagKind, Meter
from partners.models import ApiUsage, BilledPeriod, BillingRun, BillingRunEntry, Contract, LeftUnbilled, RunFlag
from partners.services.late.corrections import PlannedCorrection
from partners.services.runs.comparing import Comparison, Figures, added, comparisons
from partners.services.runs.previews import Preview, Unpriceable
from partners.surprises import ContractMonth, GonePartner, RunFacts, UnagreedUsage, UndoneMonth, surprises

Found = Preview | Unpriceable


def flag_entries(
    *,
    run: BillingRun,
    month: Period,
    found: Sequence[Found],
    entries: Sequence[BillingRunEntry],
    looks_beyond: bool,
) -> list[RunFlag]:
    """Write the flags of these entries, and where it `looks_beyond`, of partners that have none; return them."""
    entry_of = {entry.contract_id: entry for entry in entries}
    _forget_comparisons(run, found)
    facts = facts_of(month=month, found=found, entries=entries, looks_beyond=looks_beyond, run=run)
    flags = [
        RunFlag(
            run=run,
            entry=entry_of.get(one.contract_id or 0),
            partner_id=one.partner_id,
            kind=one.kind,
            sentence=one.sentence,
        )
        for one in surprises(facts, change_percent=run.change_percent)
    ]
    return RunFlag.objects.bulk_create(flags, batch_size=1000)


def facts_of(
    *,
    month: Period,
    found: Sequence[Found],
    entries: Sequence[BillingRunEntry],
    looks_beyond: bool,
    run: BillingRun | None = None,
) -> RunFacts:
    """Gather what can surprise about these months, or about all of a `run` they belong to."""
    partners = {one.contract.partner_id for one in found}
    return RunFacts(
        month=month.label(),
        before=month.previous_month().label(),
        contracts=list(_contracts(month, found, run)),
        gone=list(_gone(month, partners)) if looks_beyond else (),
        unagreed=list(_unagreed(month)) if looks_beyond else (),
        undone=list(_undone(month, entries, looks_beyond=looks_beyond)),
    )


def _forget_comparisons(run: BillingRun, found: Sequence[Found]) -> None:
    """The versions of a split month are compared together: what one was told is told anew with any of the others."""
    references = {one.contract.reference for one in found}
    compared = RunFlag.objects.filter(run=run, kind__in=(FlagKind.CHANGED, FlagKind.ZERO_USAGE))
    compared.filter(entry__contract__reference__in=references).delete()


def _contracts(month: Period, found: Sequence[Found], run: BillingRun | None) -> Iterator[ContractMonth]:
    months = [one for one in found if isinstance(one, Preview) and one.kind == EntryKind.MONTH]
    compared = comparisons(
        month=month, figures={one.contract: Figures(one.total, one.usage) for one in months}, run=run
    )
    known = _billed_partners(month, found)
    never_used = _never_used(found)
    for one in found:
        contract, beside = one.contract, compared.get(one.contract.pk, Comparison())
        yield ContractMonth(
            contract_id=contract.pk,
            partner_id=contract.partner_id,
            begun=contract.start_date,
            is_new_partner=contract.partner_id not in known,
            total=one.total if isinstance(one, Preview) else None,
            beside=[other.total for other in beside.beside],
            previous=beside.billed,
            rates=METER_OF.get(contract.pricing_model, ""),
            usage=added([one.usage, *(other.usage for other in beside.beside)]) if isinstance(one, Preview) else {},
            previous_usage=beside.usage,
            was_ever_used=contract.pk not in never_used,
            late=[_late(correction) for correction in one.corrections] if isinstance(one, Preview) else (),
        )


def _late(correction: PlannedCorrection) -> str:
    return f"{correction.billed_period.period_start:%Y-%m}: {correction.explanation}."


def _billed_partners(month: Period, found: Sequence[Found]) -> set[int]:
    """Return which of these partners were billed for any earlier month."""
    partners = {one.contract.partner_id for one in found}
    earlier = BilledPeriod.objects.filter(contract__partner__in=partners, period_start__lt=month.start)
    return set(earlier.values_list("contract__partner", flat=True).distinct())


def _never_used(found: Sequence[Found]) -> set[int]:
    """Return the contracts that rate usage of which none was counted, in this month or before."""
    unused = [one.contract.pk for one in found if isinstance(one, Preview) and _used_nothing(one)]
    counted = ApiUsage.objects.filter(partner=OuterRef("partner"), day__gte=OuterRef("start_date"))
    of_meter = Q(pk__in=[])
    for model, meter in METER_OF.items():
        of_meter |= Q(Exists(counted.filter(event_type=meter)), pricing_model=model)
    return set(Contract.objects.filter(pk__in=unused).exclude(of_meter).values_list("pk", flat=True))


def _used_nothing(one: Preview) -> bool:
    meter = METER_OF.get(one.contract.pricing_model)
    return meter is not None and not one.usage.get(meter)


def _gone(month: Period, partners: set[int]) -> Iterator[GonePartner]:
    """Find who was billed an amount for the month before, and neither is in the run nor billed for this month."""
    here = BilledPeriod.objects.of_month(month.start).filter(contract__partner=OuterRef("contract__partner"))
    rows = (
        BilledPeriod.objects.of_month(month.previous_month().start)
        .standing()
        .filter(~Exists(here), invoice__total_cents__gt=0)
        .exclude(contract__partner__in=partners)
        .order_by("contract__partner__name", "invoice__currency")
        .values_list("contract__partner", "invoice__currency")
        .annotate(cents=Sum("invoice__total_cents"))
    )
    billed: dict[int, list[Money]] = {}
    for partner, currency, cents in rows:
        billed.setdefault(partner, []).append(Money(int(cents), currency))
    return (GonePartner(partner_id=partner, billed=amounts) for partner, amounts in billed.items())


def _unagreed(month: Period) -> Iterator[UnagreedUsage]:
    rows = ApiUsage.objects.within(start=month.start, end=month.end).without_contract()
    sums = rows.order_by("partner__name", "event_type").values("partner", "event_type")
    for row in sums.annotate(
        quantity=Sum("quantity"),
        calls=Sum("requests"),
        days=Count("day", distinct=True),
        first=Min("day"),
        last=Max("day"),
    ):
        quantity = Decimal(row["calls"]) if row["event_type"] == Meter.REQUEST else row["quantity"]
        if quantity:
            yield UnagreedUsage(
                partner_id=row["partner"],
                meter=row["event_type"],
                quantity=quantity,
                days=row["days"],
                first=row["first"],
                last=row["last"],
            )


def _undone(month: Period, entries: Sequence[BillingRunEntry], *, looks_beyond: bool) -> Iterator[UndoneMonth]:
    """Find what is to be billed again, but by this run, and what people left unbilled since its month began.

    Beyond its contracts only where it looks there.
    """
    again = [entry.contract_id for entry in entries if entry.revision > 1]
    open_months = BilledPeriod.objects.to_bill_again(on=month.end)
    left = LeftUnbilled.objects.standing().filter(decided_at__gte=month.starts_at)
    found = BilledPeriod.objects.filter(Q(pk__in=open_months.values("pk")) | Q(pk__in=left.values("billed_period")))
    found = found.exclude(contract__in=again, period_start=month.start)
    if not looks_beyond:
        found = found.filter(contract__in=[entry.contract_id for entry in entries])
    found = found.select_related("contract", "invoice").order_by("contract__partner__name", "pk")
    left_of = {decision.billed_period_id: decision for decision in left.filter(billed_period__in=found)}
    return (_undone_month(period, left_of.get(period.pk)) for period in found)


def _undone_month(period: Any, left: LeftUnbilled | None) -> UndoneMonth:
    return UndoneMonth(
        left_by=left.decided_by if left else "",
        left_because=left.reason if left else "",
        contract_id=period.contract_id,
        partner_id=period.contract.partner_id,
        month=f"{period.period_start:%Y-%m}",
        invoice=str(period.invoice),
        total=period.invoice.total,
        is_void=period.invoice.status == InvoiceStatus.VOID,
    )
