"""What a contract's month is compared with: the month before of all its versions, in one currency."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Sum

from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from partners.models import BilledPeriod, BillingRun, BillingRunEntry, Contract

Counts = Mapping[str, Decimal]


class Figures(NamedTuple):
    """What a month of one version comes to, and what was counted for it, per meter."""

    total: Money
    usage: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The month before of a reference, beside what the other versions of a split month add to this one."""

    billed: Sequence[Money] = ()
    usage: Counts = field(default_factory=dict)
    beside: Sequence[Figures] = ()


def totals_before(*, contracts: Collection[Contract], month: Period) -> dict[int, int]:
    """Return what the month before came to, by contract; not where the month is split, or was of another currency."""
    billed = billed_in(month_start=month.previous_month().start, contracts=contracts)
    split = versions_of_split_months(month=month, contracts=contracts)
    return {
        contract.pk: billed[contract.reference][0].cents
        for contract in contracts
        if contract.reference not in split
        and [money.currency for money in billed.get(contract.reference, ())] == [contract.currency]
    }


def billed_in(*, month_start: dt.date, contracts: Collection[Contract]) -> dict[str, list[Money]]:
    """Return what a month came to per reference and currency, whichever version of a contract it was billed on."""
    rows = (
        BilledPeriod.objects.of_month(month_start)
        .standing()
        .filter(contract__reference__in={contract.reference for contract in contracts})
        .order_by("contract__currency")
        .values_list("contract__reference", "contract__currency")
        .annotate(cents=Sum("invoice__total_cents", default=0))
    )
    billed: dict[str, list[Money]] = {}
    for reference, currency, cents in rows:
        billed.setdefault(reference, []).append(Money(int(cents), currency))
    return billed


def usage_billed_in(*, month_start: dt.date, contracts: Collection[Contract]) -> dict[str, dict[str, Decimal]]:
    """Return the quantities a month was billed for, per reference and meter, whichever version it was billed on."""
    references = {contract.reference for contract in contracts}
    rows = BilledPeriod.objects.of_month(month_start).standing().filter(contract__reference__in=references)
    sums: dict[str, dict[str, Decimal]] = {}
    for reference, usage in rows.values_list("contract__reference", "usage"):
        sums[reference] = added([sums.get(reference, {}), usage])
    return sums


def versions_of_split_months(*, month: Period, contracts: Collection[Contract]) -> dict[str, list[int]]:
    """Return the contracts of each reference of which several versions run in this month, the earliest first."""
    running = Contract.objects.in_force(start=month.start, end=month.end)
    another = running.filter(reference=OuterRef("reference")).exclude(pk=OuterRef("pk"))
    rows = running.filter(Exists(another), reference__in={contract.reference for contract in contracts})
    split: dict[str, list[int]] = {}
    for reference, contract in rows.order_by("start_date").values_list("reference", "pk"):
        split.setdefault(reference, []).append(contract)
    return split


def comparisons(
    *, month: Period, figures: Mapping[Contract, Figures], run: BillingRun | None = None
) -> dict[int, Comparison]:
    """Return what each of these months is compared with, by contract: a split month once, at the last of its versions.

    `figures` are months as this run works them out; where one of the others is not known, there is no comparison.
    """
    before = month.previous_month().start
    billed = billed_in(month_start=before, contracts=figures)
    usage = usage_billed_in(month_start=before, contracts=figures)
    split = versions_of_split_months(month=month, contracts=figures)
    known = {contract.pk: one for contract, one in figures.items()}
    known |= _figures_elsewhere(month, {pk for versions in split.values() for pk in versions} - set(known), run)
    last = {contract.reference: contract for contract in sorted(figures, key=lambda contract: contract.start_date)}
    compared = {}
    for reference, contract in last.items():
        others = [pk for pk in split.get(reference, ()) if pk != contract.pk]
        if all(pk in known for pk in others):
            beside = [known[pk] for pk in others]
            counts = usage.get(reference, {})
            compared[contract.pk] = Comparison(billed=billed.get(reference, ()), usage=counts, beside=beside)
    return compared


def _figures_elsewhere(month: Period, contracts: Collection[int], run: BillingRun | None) -> dict[int, Figures]:
    """Return the months of contracts as they are billed already, or stand in this run beside what is worked out."""
    if not contracts:
        return {}
    billed = BilledPeriod.objects.of_month(month.start).standing().filter(contract__in=contracts)
    figures = {
        one.contract_id: Figures(
            one.invoice.total if one.invoice else Money.zero(one.contract.currency), added([one.usage])
        )
        for one in billed.select_related("contract", "invoice")
    }
    for entry in BillingRunEntry.objects.counting().filter(run=run, contract__in=contracts):
        figures[entry.contract_id] = Figures(Money(entry.total_cents, entry.currency), added([entry.usage]))
    return figures


def added(counts: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Add up quantities, per meter."""
    sums: dict[str, Decimal] = {}
    for one in counts:
        for meter, count in one.items():
            sums[meter] = sums.get(meter, Decimal(0)) + Decimal(count)
    return sums
