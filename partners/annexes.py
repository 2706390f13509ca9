"""The usage annex of a partner's invoice: what was counted, per key and endpoint, and day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby

from django.db.models import Q, QuerySet, Sum

from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.canonical import AnnexGroup, Cell, UsageAnnex
from invoices.enums import LineKind
from invoices.models import Invoice
from partners.enums import Meter
from partners.models import ApiUsage, BilledPeriod, PartnerApiKey
from partners.services.zones import zone_named

_DEEDS = Sum("quantity", filter=Q(event_type=Meter.DEED), default=0)
_REQUESTS = Sum("requests", filter=Q(event_type=Meter.REQUEST), default=0)
_ONE = 1


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests and deeds of one row of the annex."""

    requests: int = 0
    deeds: Decimal = Decimal(0)

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.requests + other.requests, self.deeds + other.deeds)

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.requests - other.requests, self.deeds - other.deeds)

    def cells(self) -> tuple[Cell, Cell]:
        return self.requests, _shortest(self.deeds)


def usage_annexes(invoice: Invoice) -> Iterator[UsageAnnex]:
    """Yield the annex of an invoice that bills a partner's month with usage in it."""
    billed = BilledPeriod.objects.filter(invoice=invoice).select_related("contract__partner").first()
    period = None if billed is None else _served(billed)
    if billed is None or period is None:
        return
    usage = ApiUsage.objects.filter(partner=billed.contract.partner).within(start=period.start, end=period.end)
    rows = sorted(_rows(usage), key=lambda row: not row[0])  # what named no key comes last
    if rows:
        yield _annex(invoice, billed, period, usage, rows)


def _served(billed: BilledPeriod) -> Period | None:
    """Return the days of the month on which the contract ran, as its partner's usage counts days."""
    contract = billed.contract
    zone = zone_named(contract.partner.billing_time_zone, of=str(contract.partner))
    return Period(billed.period_start, billed.period_end, zone).overlap(contract.start_date, contract.end_date)


def _annex(
    invoice: Invoice,
    billed: BilledPeriod,
    period: Period,
    usage: QuerySet[ApiUsage],
    rows: list[tuple[str, str, Counted]],
) -> UsageAnnex:
    counted = sum((row for _, _, row in rows), Counted())
    at_billing = Counted(int(Decimal(billed.usage[Meter.REQUEST])), Decimal(billed.usage[Meter.DEED]))
    keys = {prefix for prefix, _, _ in rows if prefix}
    by_request = bool(counted.requests)
    annex = UsageAnnex(
        "Usage details",
        period,
        subtitle=f"{len(keys)} API key{'' if len(keys) == _ONE else 's'}" if keys else "",
        tiles=_tiles(invoice, period, at_billing),
        daily=tuple(_daily(usage, period, by_request=by_request)),
        daily_title="requests_per_day" if by_request else "Deeds per day",
        groups=(*_groups(rows, billed), *_late(counted - at_billing)),
        columns=("endpoint", "requests", "deeds"),
    )
    return _without_empty_columns(annex)


def _rows(usage: QuerySet[ApiUsage]) -> Iterator[tuple[str, str, Counted]]:
    sums = usage.order_by("api_key_prefix", "endpoint").values("api_key_prefix", "endpoint")
    for row in sums.annotate(deeds=_DEEDS, calls=_REQUESTS):
        yield row["api_key_prefix"], row["endpoint"], Counted(row["calls"], Decimal(row["deeds"]))


def _daily(usage: QuerySet[ApiUsage], period: Period, *, by_request: bool) -> Iterator[tuple[dt.date, Decimal | int]]:
    counted = dict(usage.order_by().values_list("day").annotate(total=_REQUESTS if by_request else _DEEDS))
    for offset in range(period.days):
        day = period.start + dt.timedelta(days=offset)
        yield day, counted.get(day, 0)


def _tiles(invoice: Invoice, period: Period, billed: Counted) -> tuple[tuple[str, Cell], ...]:
    metered = sum(invoice.lines.filter(kind=LineKind.USAGE).values_list("amount_cents", flat=True))
    tiles: list[tuple[str, Cell]] = []
    if billed.requests:
        tiles += [("API requests", billed.requests), ("Average requests per day", billed.requests // period.days)]
    if billed.deeds:
        tiles.append(("Deeds retrieved", _shortest(billed.deeds)))
    return (*tiles, ("Metered usage", Money(metered, invoice.currency)))


def _groups(rows: Iterable[tuple[str, str, Counted]], billed: BilledPeriod) -> Iterator[AnnexGroup]:
    names = dict(PartnerApiKey.objects.filter(partner=billed.contract.partner).values_list("prefix", "name"))
    for prefix, of_key in groupby(rows, key=lambda row: row[0]):
        counted = [(endpoint, row) for _, endpoint, row in of_key]
        yield AnnexGroup(
            heading=names.get(prefix) or ("API key" if prefix else "Without API key"),
            key_label=f"{prefix}\u2026" if prefix else "",
            rows=tuple((endpoint or "\u2013", *row.cells()) for endpoint, row in counted),
            subtotal=(None, *sum((row for _, row in counted), Counted()).cells()),
        )


def _late(late: Counted) -> Iterator[AnnexGroup]:
    """Counts that came in after billing are on the page above, so the page says that they are not on the invoice."""
    if late != Counted():
        yield AnnexGroup("Reported after billing", (("Counted above, not on this invoice", *late.cells()),))


def _without_empty_columns(annex: UsageAnnex) -> UsageAnnex:
    cells = [row for group in annex.groups for row in group.rows]
    kept = [0, *(i for i in range(1, len(annex.columns)) if any(row[i] for row in cells))]

    def cut(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        return tuple(row[i] for i in kept) if row else row

    groups = (replace(g, rows=tuple(cut(row) for row in g.rows), subtotal=cut(g.subtotal)) for g in annex.groups)
    return replace(annex, columns=tuple(annex.columns[i] for i in kept), groups=tuple(groups))


def _shortest(quantity: Decimal) -> Decimal | int:
    return int(quantity) if quantity == quantity.to_integral_value() else quantity.normalize()
