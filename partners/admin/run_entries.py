"""Owns how the contracts of a run read on its page: a bounded number of them, the urgent first, each with its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import HttpRequest

from billing_site.kit.admin import badge, link_to, money_cell
from billing_site.kit.admin.words import count_text, price_text
from billing_site.kit.money import Money
from invoices.enums import DeliveryState
from partners.admin.changes import change_text
from partners.enums import EntryState, FlagKind, Meter, RunStatus
from partners.models import BillingRun, BillingRunEntry
from partners.querysets import BillingRunEntryQuerySet
from partners.surprises import counted_text

ROWS = 50
_TONES = {
    "previewed": "info",
    "held": "warning",
    "billed": "info",
    "empty": "",
    "credited": "success",
    "parked": "danger",
}
_FLAG_TONES = dict.fromkeys((FlagKind.NEW, FlagKind.LATE_USAGE, FlagKind.LEFT_UNBILLED), "info")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page was asked to show: a state, a kind of flag, a text, a page."""

    state: str = ""
    flag: str = ""
    text: str = ""
    page: str = "1"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        return cls(query.get("state", ""), query.get("flag", ""), query.get("q", "").strip(), query.get("p", "1"))


@dataclass(frozen=True, slots=True)
class RatedLineRow:
    """One line of a contract's month, as text."""

    description: str
    explanation: str
    quantity: str
    unit_price: str
    amount: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One contract of a run, formatted."""

    key: int
    partner: Any
    contract: Any
    model: str
    state: Any
    usage: str
    usage_before: str
    total: Any
    before: Any
    change: Any
    invoice: Any
    reason: str
    error: str
    flags: list[tuple[Any, str]]
    lines: list[RatedLineRow] = field(default_factory=list)
    can_hold: bool = False
    can_release: bool = False


def page_of(run: BillingRun, asked: Asked) -> Page[Any]:
    """Return one page of the contracts asked for; four queries."""
    entries = _asked_for(run.entries.all(), asked).by_urgency().with_progress()
    entries = entries.select_related("contract__partner", "invoice").prefetch_related("flags")
    return Paginator(entries, ROWS).get_page(asked.page)


def rows_of(run: BillingRun, page: Page[Any], request: HttpRequest) -> list[EntryRow]:
    may_hold = request.user.has_perm("partners.hold_billingrun")
    return [_row(run, entry, may_hold=may_hold) for entry in page]


def flags_without_contract(run: BillingRun, asked: Asked) -> list[tuple[Any, Any, str]]:
    """Return what surprises about partners that have no contract in the run; one query."""
    if asked.state not in ("", "flagged") or asked.page not in ("", "1"):
        return []
    flags = run.flags.filter(entry=None, partner__name__icontains=asked.text).select_related("partner")
    flags = flags.filter(kind=asked.flag) if asked.flag else flags
    return [(link_to(flag.partner), flag_badge(flag), flag.sentence) for flag in flags.order_by("partner__name")[:200]]


def flag_badge(flag: Any) -> Any:
    return badge(flag.get_kind_display(), _FLAG_TONES.get(flag.kind, "warning"))


def line_rows(entry: BillingRunEntry) -> list[RatedLineRow]:
    """Return the lines of a month and its late usage, each with how it came to be."""
    rated = [_line(line, entry.currency) for line in entry.lines]
    return rated + [_correction(correction, entry.currency) for correction in entry.corrections]


def usage_text(usage: Mapping[str, str]) -> str:
    """Write what was counted, meter by meter."""
    counts = {meter: Decimal(count) for meter, count in usage.items()}
    return ", ".join(counted_text(counts[meter], meter) for meter in Meter.values if counts.get(meter))


def state_badge(entry: Any) -> Any:
    """Tell how far one contract is: beyond billed, whether its document is kept and its mail gone."""
    if entry.state == EntryState.BILLED:
        return _paper_badge(entry)
    return badge(entry.get_state_display(), _TONES[entry.state])


def _asked_for(entries: BillingRunEntryQuerySet, asked: Asked) -> BillingRunEntryQuerySet:
    if asked.state in EntryState.values:
        entries = entries.filter(state=asked.state)
    elif asked.state == "flagged":
        entries = entries.flagged()
    elif asked.state == "not_sent":
        stuck = (DeliveryState.FAILED, DeliveryState.UNKNOWN)
        is_refused = Q(state=EntryState.BILLED) & ~Q(reason="")
        entries = entries.with_progress().filter(Q(delivery_state__in=stuck) | is_refused)
    if asked.flag in FlagKind.values:
        entries = entries.flagged(asked.flag)
    if asked.text:
        named = Q(contract__partner__name__icontains=asked.text) | Q(contract__reference__icontains=asked.text)
        entries = entries.filter(named | Q(invoice__invoice_number__istartswith=asked.text))
    return entries


def _row(run: BillingRun, entry: Any, *, may_hold: bool) -> EntryRow:
    is_out = entry.state == EntryState.PARKED
    return EntryRow(
        key=entry.pk,
        partner=link_to(entry.contract.partner),
        contract=link_to(entry.contract),
        model=entry.contract.get_pricing_model_display(),
        state=state_badge(entry),
        usage=usage_text(entry.usage),
        usage_before=usage_text(entry.previous_usage),
        total=money_cell(None if is_out else entry.total_cents, entry.currency),
        before=money_cell(entry.previous_total_cents, entry.currency),
        change="" if is_out else change_text(entry.previous_total_cents, entry.total_cents, large=run.change_percent),
        invoice=link_to(entry.invoice) if entry.invoice else "",
        reason=entry.reason,
        error=entry.delivery_error if entry.delivery_state in (DeliveryState.FAILED, DeliveryState.UNKNOWN) else "",
        flags=[(flag_badge(flag), flag.sentence) for flag in entry.flags.all()],
        lines=line_rows(entry),
        can_hold=may_hold and entry.may_be_held,
        can_release=may_hold and run.status == RunStatus.PREVIEW and entry.state == EntryState.HELD,
    )


def _paper_badge(entry: Any) -> Any:
    if entry.delivery_state in (DeliveryState.SENT, DeliveryState.MARKED):
        return badge("Sent", "success")
    if entry.delivery_state in (DeliveryState.FAILED, DeliveryState.UNKNOWN) or entry.reason:
        return badge("Not sent", "danger")
    return badge("Document kept", "info") if entry.is_printed else badge("Billed", "info")


def _line(line: Mapping[str, Any], currency: str) -> RatedLineRow:
    price, package = Decimal(line["unit_price"]), line.get("package_size", 1)
    per = f" per {package:,}" if package != 1 else ""
    return RatedLineRow(
        description=line["description"],
        explanation=line["explanation"],
        quantity=count_text(Decimal(line["quantity"])),
        unit_price=f"{price_text(price, currency)}{per}",
        amount=Money(line.get("net_cents", line["amount_cents"]), currency).format(),
    )


def _correction(correction: Mapping[str, Any], currency: str) -> RatedLineRow:
    amount = Money(correction["net_cents"], currency).format()
    return RatedLineRow(f"Late usage of {correction['month']}", correction["explanation"], "", "", amount)
