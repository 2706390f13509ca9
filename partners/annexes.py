"""The usage annexes of a partner's invoice: the month it bills, and each earlier month it charges late usage of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby

from billing_site.kit.charts import every_day
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.canonical import AnnexGroup, Cell, Rate, Text, UsageAnnex, Word
from invoices.enums import LineKind
from invoices.models import Invoice, InvoiceLine
from partners.counting import Counted, UsageRow, late_rows, month_rows
from partners.enums import Meter
from partners.evidence import Days, Evidence, evidence_of_invoice
from partners.models import BilledPeriod, PartnerApiKey

MOST_ROWS = 1000  # about twenty pages
_ONE = 1
_OTHERS = "\x1e"  # no prefix of a key is this
_PER_DAY = {Meter.REQUEST: "requests_per_day", Meter.DEED: "deeds_per_day"}


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """An endpoint of a key, what was counted, and its part of the metered amount."""

    prefix: str
    endpoint: str
    counted: Counted
    rate: Rate | None = None
    amount: Money | None = None

    def cells(self) -> tuple[Cell, ...]:
        return self.endpoint or "\u2013", *_cells(self.counted), self.rate, self.amount


@dataclass(frozen=True, slots=True)
class Priced:
    """What rows share: an amount by the counts of a meter, and the rate where each row is its count at that rate."""

    meter: str = ""
    amount: Money | None = None
    rate: Rate | None = None

    def rows(self, rows: Sequence[UsageRow]) -> list[PrintedRow]:
        """Split the amount by what each row counted, to the last cent; nothing where that cannot be told."""
        weights = [row.counted.of(self.meter) for row in rows] if self.meter else []
        if self.amount is None or not any(weights) or min(weights) < 0:
            return [PrintedRow(row.prefix, row.endpoint, row.counted) for row in rows]
        shares = self.amount.allocate(weights)
        return [
            PrintedRow(row.prefix, row.endpoint, row.counted, *((self.rate, share) if weight else ()))
            for row, weight, share in zip(rows, weights, shares, strict=True)
        ]


def usage_annexes(invoice: Invoice) -> Iterator[UsageAnnex]:
    """Yield the annex of the month an invoice bills, where anything was used in it, then those of its late usage."""
    billed = BilledPeriod.objects.filter(invoice=invoice).select_related("contract__partner").first()
    if billed is not None:
        yield from _month(invoice, billed)
    for evidence in evidence_of_invoice(invoice):
        if evidence.line is not None and evidence.line.kind == LineKind.CORRECTION:
            yield from _late(invoice, evidence, evidence.line)


# --- The month -----------------------------------------------------------------------------------------------------


def _month(invoice: Invoice, billed: BilledPeriod) -> Iterator[UsageAnnex]:
    days = Days(billed.contract.partner, "", *billed.served_days)
    rows = month_rows(days)
    if not rows:
        return
    counted = sum((row.counted for row in rows), Counted())
    at_billing = Counted(int(Decimal(billed.usage[Meter.REQUEST])), Decimal(billed.usage[Meter.DEED]))
    lines = list(invoice.lines.filter(kind=LineKind.USAGE).order_by("position"))
    priced, note = _prices(invoice, lines, counted, at_billing)
    metered = Money(sum(line.amount_cents for line in lines), invoice.currency)
    annex = _annex(days, rows, priced, Word("usage_details"), _after_billing(counted - at_billing))
    tiles = (*_counts(at_billing, days.period), ("metered_usage", metered))
    yield replace(annex, tiles=tiles, notes=note)


def _prices(
    invoice: Invoice, lines: Sequence[InvoiceLine], counted: Counted, at_billing: Counted
) -> tuple[Priced, tuple[Text, ...]]:
    """Share the metered lines out over the rows, or say why not.

    A rate stands beside the rows only where all that was counted is billed at it: not with included units, tiers, or
    packages that count whole.
    """
    amount = Money(sum(line.amount_cents for line in lines), invoice.currency)
    if not amount:
        return Priced(), ()
    if counted != at_billing:
        return Priced(), (Word("no_amounts"),)
    first = lines[0]
    is_plain = len(lines) == _ONE and first.quantity == counted.of(first.meter)
    if is_plain:
        return Priced(first.meter, amount, Rate(first.unit_price, first.package_size)), ()
    return Priced(first.meter, amount), (Word("shares", {"amount": amount}),)


def _counts(counted: Counted, period: Period) -> Iterator[tuple[str, Cell]]:
    if counted.requests:
        yield "api_requests", counted.requests
    if counted.deeds:
        yield "deeds_retrieved", shortest(counted.deeds)
    if counted.requests:
        yield "average_requests", counted.requests // period.days
    elif counted.deeds:
        yield "average_deeds", shortest((counted.deeds / period.days).quantize(Decimal("0.1")))


def _after_billing(late: Counted) -> tuple[AnnexGroup, ...]:
    """Counts that came in after billing are on the page above, so the page says that they are not on the invoice."""
    if late == Counted():
        return ()
    row = (Word("not_invoiced"), *_cells(late), None, None)
    return (AnnexGroup(Word("after_billing"), (row,)),)


# --- Late usage ----------------------------------------------------------------------------------------------------


def _late(invoice: Invoice, evidence: Evidence, line: InvoiceLine) -> Iterator[UsageAnnex]:
    """Show the rows that came late; where they cannot be told from the others, the whole month they belong to."""
    amount = Money(line.amount_cents, invoice.currency)
    rows = late_rows(evidence.days, before=evidence.before, after=evidence.billed)
    is_told = bool(rows)
    priced = Priced(evidence.meter, amount) if is_told else Priced()
    shown = rows or month_rows(evidence.days)
    annex = _annex(evidence.days, shown, priced, Word("late_usage"), ())
    late = shortest(evidence.quantity)
    note = Word("late_rows") if is_told else Word("late_month", {"count": late})
    tiles: tuple[tuple[str, Cell], ...] = (
        ("counted_late", late),
        ("billed_before", shortest(evidence.before)),
        ("counted_in_all", shortest(evidence.billed)),
        ("charged_late", amount),
    )
    shares = (Word("shares", {"amount": amount}),) if is_told else ()
    yield replace(annex, tiles=tiles, notes=(note, *shares))


# --- What both are made of -----------------------------------------------------------------------------------------


def _annex(
    days: Days, rows: Sequence[UsageRow], priced: Priced, title: Text, more: tuple[AnnexGroup, ...]
) -> UsageAnnex:
    meter = priced.meter or (Meter.REQUEST if any(row.counted.requests for row in rows) else Meter.DEED)
    shown, others = _divided(_summed(rows), meter)
    printed = priced.rows(shown)
    names = dict(PartnerApiKey.objects.filter(partner=days.partner).values_list("prefix", "name"))
    by_key = groupby(printed, key=lambda row: row.prefix)
    groups = [_group(prefix, list(of_key), names, others) for prefix, of_key in by_key]
    annex = UsageAnnex(
        title,
        days.period,
        subtitle=_keys(len({row.prefix for row in rows if row.prefix})),
        daily=tuple(every_day(days.start, days.end, _by_day(rows, meter))),
        daily_title=_PER_DAY[Meter(meter)],
        groups=(*groups, *([_in_all(printed)] if len(groups) > _ONE else ()), *more),
    )
    return _without_empty_columns(annex)


def _summed(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Add the days of each key and endpoint up; what named no key comes last."""
    sums: dict[tuple[str, str], Counted] = {}
    for row in rows:
        place = (row.prefix, row.endpoint)
        sums[place] = sums.get(place, Counted()) + row.counted
    found = [UsageRow(prefix, endpoint, None, counted) for (prefix, endpoint), counted in sums.items()]
    return sorted(found, key=lambda row: (not row.prefix, row.prefix, row.endpoint))


def _divided(rows: list[UsageRow], meter: str) -> tuple[list[UsageRow], int]:
    """Keep the rows that count most, and add the others up in one: no sender makes a paper of a thousand pages."""
    if len(rows) <= MOST_ROWS:
        return rows, 0
    by_size = sorted(range(len(rows)), key=lambda place: -rows[place].counted.of(meter))
    kept, others = sorted(by_size[: MOST_ROWS - 1]), by_size[MOST_ROWS - 1 :]
    rest = sum((rows[place].counted for place in others), Counted())
    return [*(rows[place] for place in kept), UsageRow(_OTHERS, "", None, rest)], len(others)


def _group(prefix: str, rows: Sequence[PrintedRow], names: Mapping[str, str], others: int) -> AnnexGroup:
    if prefix == _OTHERS:
        told = Word("other_rows", {"count": others})
        return AnnexGroup("", tuple((told, *row.cells()[1:]) for row in rows))
    return AnnexGroup(
        heading=names.get(prefix) or Word("api_key" if prefix else "without_key"),
        key_label=f"{prefix}\u2026" if prefix else "",
        rows=tuple(row.cells() for row in rows),
        subtotal=_added_up(rows),
    )


def _in_all(rows: Sequence[PrintedRow]) -> AnnexGroup:
    """End a table of several keys with what they come to together."""
    return AnnexGroup("", (), subtotal=_added_up(rows))


def _added_up(rows: Sequence[PrintedRow]) -> tuple[Cell, ...]:
    counted = sum((row.counted for row in rows), Counted())
    amounts = [row.amount for row in rows if row.amount is not None]
    return None, *_cells(counted), "", sum(amounts[1:], amounts[0]) if amounts else None


def _by_day(rows: Iterable[UsageRow], meter: str) -> dict[dt.date, Decimal | int]:
    days: dict[dt.date, Decimal | int] = {}
    for row in rows:
        if row.day is not None:
            days[row.day] = days.get(row.day, 0) + row.counted.of(meter)
    return days


def _keys(count: int) -> Text:
    if not count:
        return ""
    return Word("keys_one") if count == _ONE else Word("keys_many", {"count": count})


def _cells(counted: Counted) -> tuple[Cell, Cell]:
    return counted.requests, shortest(counted.deeds)


def _without_empty_columns(annex: UsageAnnex) -> UsageAnnex:
    cells = [row for group in annex.groups for row in group.rows]
    kept = [0, *(i for i in range(1, len(annex.columns)) if any(row[i] for row in cells))]

    def cut(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        return tuple(row[i] for i in kept) if row else row

    groups = (replace(g, rows=tuple(cut(row) for row in g.rows), subtotal=cut(g.subtotal)) for g in annex.groups)
    return replace(annex, columns=tuple(annex.columns[i] for i in kept), groups=tuple(groups))


def shortest(quantity: Decimal) -> Decimal | int:
    return int(quantity) if quantity == quantity.to_integral_value() else quantity.normalize()
