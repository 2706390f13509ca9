"""What a month of a contract would cost, worked out from its terms and the usage counted; nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError

from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.money import Money, plain
from billing_site.kit.periods import Period
from invoices.pdf.wording import Wording
from invoices.services import NewLine
from invoices.totals import InvoiceTotals
from partners.enums import EntryKind
from partners.models import ApiUsage, Contract, PurchaseOrder
from partners.pricing import (
    PricedBy,
    Proration,
    RatedLine,
    Terms,
    description_of,
    explanation_of,
    rate,
    terms_as_json,
    unit_label_of,
)
from partners.services.agreed import proration_of, refuse_other_days, terms_of
from partners.services.asking import totals_with_tax, what_is_asked
from partners.services.late.corrections import PlannedCorrection, plan_correction
from partners.services.late.finding import LateUsage
from partners.services.orders import NoOrderCovers, OrderBook, order_book
from partners.services.zones import zone_named

log = structlog.get_logger(__name__)
OUR_LANGUAGE: Final = "en"
WORDS: Final = ("description", "explanation", "unit_label")  # of a line as a run keeps it
LateMonths = Mapping[int, tuple[LateUsage, ...]]


class NotInForce(Refused):
    """The contract does not run on any day of the month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One contract's month rated: `served` are the days it ran, `totals` what its invoice asks for.

    Without lines of its own (kind `final`) it settles late usage alone, and `served` spans the months of that.
    It draws on `order`, or is held because of what it `waits_for`.
    """

    contract: Contract
    served: Period
    usage: Mapping[str, Decimal]
    terms: Terms
    proration: Proration
    lines: tuple[RatedLine, ...]
    totals: InvoiceTotals
    corrections: tuple[PlannedCorrection, ...] = ()
    kind: EntryKind = EntryKind.MONTH
    order: PurchaseOrder | None = None
    waits_for: str = ""

    @property
    def total_cents(self) -> int:
        """What it comes to, tax included."""
        return self.totals.total_cents

    @property
    def total(self) -> Money:
        return Money(self.total_cents, self.contract.currency)

    def lines_as_json(self) -> list[dict[str, Any]]:
        """Return the lines as a run keeps them, explained to ourselves in English; decimals as text."""
        say = Wording(OUR_LANGUAGE, self.contract.currency)
        return [
            {
                "description": description_of(line, say),
                "explanation": explanation_of(line, say),
                "unit_label": unit_label_of(line, say),
                **facts,
            }
            for line, facts in zip(self.lines, self.facts_as_json(), strict=True)
        ]

    def facts_as_json(self) -> list[dict[str, Any]]:
        """Return the lines without words: what a line says follows from its facts."""
        return [{"net_cents": line.net_cents, **exactly(_fields_of(line))} for line in self.lines]

    def corrections_as_json(self) -> list[dict[str, Any]]:
        """Return the late usage it settles, as a run keeps it."""
        return [correction.as_json() for correction in self.corrections]

    def terms_as_json(self) -> dict[str, Any]:
        """Return the terms as they were applied, and what tax was added; `terms_from_json` reads them."""
        taxed = {name: getattr(self.contract, name) for name in ("tax_rate", "tax_category", "tax_note")}
        served = {"served": f"{self.served.start}/{self.served.end}"}
        return terms_as_json(self.terms, self.proration) | exactly(taxed) | served

    def usage_as_json(self) -> dict[str, Any]:
        """Return the quantities the terms were applied to, per meter."""
        return exactly(self.usage)

    def new_lines(self, kept: Sequence[Mapping[str, Any]] = ()) -> list[NewLine]:
        """Return the lines as an invoice drafts them: those of the month, then late usage that asks for more.

        `kept` are the same lines as a run kept them: where the customer reads our language, their words are taken.
        """
        late = [correction.new_line() for correction in self.corrections if correction.asks]
        return self._lines_of_the_month(kept) + late

    @property
    def amounts(self) -> list[int]:
        """What each line of its invoice was rated at, before discount and tax."""
        late = [correction.net_cents for correction in self.corrections if correction.asks]
        return [line.amount_cents for line in self.lines] + late

    def _lines_of_the_month(self, kept: Sequence[Mapping[str, Any]]) -> list[NewLine]:
        return [
            NewLine(
                **words,
                **what_is_asked(self.contract, line),
                kind=line.kind,
                meter=line.meter or "",
                service_period_start=self.served.start,
                service_period_end=self.served.end,
            )
            for line, words in zip(self.lines, self._words(kept), strict=True)
        ]

    def _words(self, kept: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield what each line says in the language of the customer."""
        language = self.contract.partner.customer.language
        if language == OUR_LANGUAGE and kept and all("unit_label" in line for line in kept):
            for line in kept:
                yield dict(zip(("description", "detail", "unit_label"), (line[word] for word in WORDS), strict=True))
            return
        say = Wording(language, self.contract.currency)
        for rated in self.lines:
            yield {
                "description": description_of(rated, say),
                "detail": explanation_of(rated, say),
                "unit_label": unit_label_of(rated, say),
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriceable:
    """A contract whose month cannot be worked out, and what to do about it."""

    contract: Contract
    reason: str


Found = Preview | Unpriceable


def unpriceable(contract: Contract, error: Exception) -> Unpriceable:
    """Say why a contract cannot be worked out; a fault of ours is logged and named as such."""
    if isinstance(error, Refused | ValueError | ArithmeticError):
        reason = sentence_of(error)
    else:
        log.error("contract_not_priced", contract=str(contract), exc_info=error)
        reason = f"It cannot be worked out by a fault of the program ({type(error).__name__}); the log has the details."
    return Unpriceable(contract=contract, reason=reason)


def previews(
    *,
    contracts: Sequence[Contract],
    month: Period,
    late: LateMonths | None = None,
    orders: OrderBook | None = None,
) -> Iterator[Found]:
    """Work out the month of each contract with a fixed number of queries; one that fails says why and stops nobody.

    `late` are the months with late usage that each contract settles with it, by its key. The months draw on
    `orders`, one after the other.
    """
    orders = orders or order_book(contracts=contracts)
    for found in _rated(contracts, month, late or {}):
        yield _with_order(found, orders) if isinstance(found, Preview) else found


def _rated(contracts: Sequence[Contract], month: Period, late: LateMonths) -> Iterator[Found]:
    usage = usage_of(contracts=contracts, start=month.start, end=month.end)
    for contract in contracts:
        try:
            yield preview(contract=contract, month=month, usage=usage[contract.pk], late=late.get(contract.pk, ()))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this contract's and hides nobody else
            yield unpriceable(contract, error)


def _with_order(found: Preview, orders: OrderBook) -> Preview:
    """Let a month draw on its purchase order, or say which one it waits for."""
    try:
        order = orders.order_for(found.contract, total_cents=found.total_cents, on=found.served.last_day)
    except NoOrderCovers as refusal:
        return replace(found, waits_for=str(refusal))
    if order is None:
        return found
    orders.draw(order, found.total_cents)
    return replace(found, order=order)


def preview(
    *,
    contract: Contract,
    month: Period,
    usage: Mapping[str, Decimal],
    late: tuple[LateUsage, ...] = (),
) -> Preview:
    """Work out one contract's month from what was counted. Raises what makes a contract unpriceable."""
    month = month_of_contract(contract, month)
    served = month.overlap(contract.start_date, contract.end_date)
    corrections = tuple(plan_correction(month) for month in late)
    if served is None and not corrections:
        raise NotInForce(f"{contract} does not run on any day of {month.label()}.")
    refuse_other_days(contract)
    terms = terms_of(contract)
    proration = proration_of(contract, month)
    lines = rate(terms, usage, proration) if served else ()
    return Preview(
        contract=contract,
        served=served or _span_of(corrections, month),
        usage=usage,
        terms=terms,
        proration=proration,
        lines=lines,
        totals=totals_with_tax(contract, lines, corrections),
        corrections=corrections,
        kind=EntryKind.MONTH if served else EntryKind.FINAL,
    )


def month_of_contract(contract: Contract, month: Period) -> Period:
    """Return the calendar month as it is lived in the contract's billing time zone. Raises UnknownTimeZone."""
    return Period.month(month.start.year, month.start.month, zone_named(contract.billing_time_zone, of=str(contract)))


def usage_of(*, contracts: Sequence[Contract], start: dt.date, end: dt.date) -> dict[int, dict[str, Decimal]]:
    """Return what was counted for each contract on the days of [start, end) on which it ran, per meter."""
    return ApiUsage.objects.counted_on(
        [(one.pk, one.partner_id, max(start, one.start_date), min(end, one.end_date or end)) for one in contracts]
    )


def _span_of(corrections: Sequence[PlannedCorrection], month: Period) -> Period:
    starts, ends = zip(*(correction.billed_period.served_days for correction in corrections), strict=True)
    return Period(min(starts), max(ends), month.zone)


def _fields_of(line: RatedLine) -> dict[str, Any]:
    """Say what `asdict` says, which copies each number with care."""
    facts = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return facts | {"tier": line.tier and _parts_of(line.tier), "proration": _parts_of(line.proration)}


@lru_cache(maxsize=1000)
def _parts_of(fact: PricedBy | Proration) -> dict[str, Any]:
    """Most lines of a month share the days they count for, and many a tier."""
    return asdict(fact)


def exactly(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write decimals as text, so that JSON keeps them exact."""
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()}
