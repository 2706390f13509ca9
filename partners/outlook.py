"""Owns what a month that still runs comes to: rated now, and projected to its end as if the days went on alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money, round_half_up
from billing_site.kit.periods import Period, month_of
from partners.enums import METER_OF
from partners.models import Contract, Partner
from partners.services import late_months_for
from partners.services.late.finding import LateUsage
from partners.services.runs.previews import Preview, Unpriceable, preview, unpriceable, usage_of
from partners.services.zones import zone_named

Figure = Preview | Unpriceable


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A contract's running month: `so_far` as if it ended now, `at_end` from `full_days` of its `days`.

    Both come out of the computation that the run uses, late usage of earlier months included. Before the first full
    day there is nothing to go by, and `at_end` is None.
    """

    contract: Contract
    month: Period
    full_days: int
    days: int
    so_far: Figure
    at_end: Figure | None

    @property
    def meter(self) -> str:
        """What the contract rates; "" for a flat fee."""
        return str(METER_OF.get(self.contract.pricing_model, ""))


def outlooks(*, partner: Partner, now: dt.datetime) -> list[Outlook]:
    """Return the running month of each contract in force, in the partner's time zone; a fixed number of queries.

    Raises UnknownTimeZone.
    """
    zone = zone_named(partner.billing_time_zone, of=str(partner))
    month, today = month_of(now, zone), now.astimezone(zone).date()
    contracts = list(Contract.objects.of(partner).in_force(start=month.start, end=month.end).with_parties())
    if not contracts:
        return []
    counted = usage_of(contracts=contracts, start=month.start, end=month.end)
    before_today = usage_of(contracts=contracts, start=month.start, end=today)
    late = late_months_for(contracts=contracts, month=month)
    return [
        _outlook(contract, month, today, counted[contract.pk], before_today[contract.pk], late.get(contract.pk, ()))
        for contract in sorted(contracts, key=lambda one: (one.product, one.start_date))
    ]


def projected(usage: Mapping[str, Decimal], *, full_days: int, days: int) -> dict[str, Decimal]:
    """Return what a month comes to if all its days go on as the full ones did, in whole units."""
    return {meter: Decimal(round_half_up(Fraction(count) * days / full_days)) for meter, count in usage.items()}


def _outlook(
    contract: Contract,
    month: Period,
    today: dt.date,
    counted: Mapping[str, Decimal],
    before_today: Mapping[str, Decimal],
    late: tuple[LateUsage, ...],
) -> Outlook:
    served = month.overlap(contract.start_date, contract.end_date) or month
    full_days = max(0, (min(today, served.end) - served.start).days)
    then = projected(before_today, full_days=full_days, days=served.days) if full_days else None
    return Outlook(
        contract=contract,
        month=month,
        full_days=full_days,
        days=served.days,
        so_far=_rated(contract, month, counted, late),
        at_end=None if then is None else _rated(contract, month, then, late),
    )


def _rated(contract: Contract, month: Period, usage: Mapping[str, Decimal], late: tuple[LateUsage, ...]) -> Figure:
    try:
        return preview(contract=contract, month=month, usage=usage, late=late)
    except (Refused, ValueError, ArithmeticError) as error:
        return unpriceable(contract, error)


def totals(figures: Sequence[Figure | None]) -> list[Money]:
    """Add figures up per currency; what has no price is left out."""
    sums: dict[str, Money] = {}
    for figure in figures:
        if isinstance(figure, Preview):
            currency = figure.contract.currency
            sums[currency] = sums.get(currency, Money.zero(currency)) + figure.total
    return list(sums.values())
