"""Which contracts of a chunk may be billed: each is worked out again and compared with what was approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError

from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.models import Invoice
from partners.enums import EntryKind, EntryState
from partners.models import BilledPeriod, BillingRun, BillingRunEntry
from partners.services.late.corrections import refuse_standing_corrections
from partners.services.late.finding import LateUsage, late_usage_of
from partners.services.orders import NoOrderCovers, order_book
from partners.services.runs.previews import WORDS, Preview, Unpriceable, previews
from partners.services.zones import zone_named

log = structlog.get_logger(__name__)


class PreviewDiffers(Refused):
    """What would be billed now is not what was approved; it is not billed silently."""


class AlreadyBilled(Refused):
    """The month of this contract is billed."""


class InvoiceDiffers(Refused):
    """The invoice would not ask for what the lines were rated at; a fault of ours, and nothing to send to anybody."""


@dataclass(slots=True)
class Bill:
    """An entry that may be billed, what it comes to, and its invoice once there is one."""

    entry: BillingRunEntry
    found: Preview
    invoice: Invoice | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that is not billed, and why."""

    entry: BillingRunEntry
    state: EntryState
    reason: str


def choose(*, run: BillingRun, entries: Sequence[BillingRunEntry]) -> tuple[list[Bill], list[LeftOut]]:
    """Say which of these entries may be billed and which not, with a fixed number of queries; nothing is written."""
    month = Period.month(run.period_start.year, run.period_start.month, zone_named("UTC", of="A run"))
    contracts = [entry.contract for entry in entries]
    orders = order_book(contracts=contracts, locked=True)
    found = previews(contracts=contracts, month=month, late=_late_months_of(entries), orders=orders)
    billed = _billed_months(run, entries)
    bills: list[Bill] = []
    left_out: list[LeftOut] = []
    for entry, one in zip(entries, found, strict=True):
        chosen = _chosen(run, entry, one, billed.get(entry.contract_id, []))
        if isinstance(chosen, Bill):
            bills.append(chosen)
        else:
            left_out.append(chosen)
        if isinstance(one, Preview) and one.order and isinstance(chosen, LeftOut):
            orders.draw(one.order, -one.total_cents)  # what is not billed leaves its order to the others
    return bills, left_out


def _chosen(
    run: BillingRun, entry: BillingRunEntry, found: Preview | Unpriceable, billed: Sequence[BilledPeriod]
) -> Bill | LeftOut:
    try:
        return Bill(entry, _approved(run, entry, found, billed))
    except (OperationalError, InterfaceError):
        raise
    except NoOrderCovers as refusal:
        return LeftOut(entry, EntryState.HELD, str(refusal))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this contract's and stops nobody else
        log.warning("contract_parked", run=str(run), contract=str(entry.contract), error=repr(error))
        return LeftOut(entry, EntryState.PARKED, sentence_of(error))


def _approved(
    run: BillingRun, entry: BillingRunEntry, found: Preview | Unpriceable, billed: Sequence[BilledPeriod]
) -> Preview:
    """Return what was worked out again where it is what was approved. Raises why it may not be billed."""
    if isinstance(found, Unpriceable):
        raise PreviewDiffers(found.reason)
    if found.kind == EntryKind.MONTH:
        _refuse_billed_twice(run, entry, billed)
    _refuse_difference(entry, found)
    refuse_other_amounts(found)
    if found.waits_for:
        raise NoOrderCovers(found.waits_for)
    return found


def _late_months_of(entries: Sequence[BillingRunEntry]) -> dict[int, tuple[LateUsage, ...]]:
    """Count again the late months that these entries hold, and no others: those wait for the next run.

    They are locked before they are counted: another run may have been approved with the same late usage.
    """
    kept = {e.contract_id: [one["billed_period"] for one in e.corrections] for e in entries if e.corrections}
    if not kept:
        return {}
    late = BilledPeriod.objects.filter(pk__in=[month for months in kept.values() for month in months])
    held = [month.pk for month in late.order_by("pk").select_for_update(no_key=True)]
    again = late_usage_of(billed_periods=held)
    # Each is settled by the first entry that holds it, whatever another one was told.
    return {contract: tuple(again.pop(key) for key in months if key in again) for contract, months in kept.items()}


def _billed_months(run: BillingRun, entries: Sequence[BillingRunEntry]) -> dict[int, list[BilledPeriod]]:
    """Return what this month is billed by already, by contract."""
    months = BilledPeriod.objects.of_month(run.period_start).select_related("invoice")
    billed: dict[int, list[BilledPeriod]] = {}
    for period in months.filter(contract__any=[entry.contract_id for entry in entries]).order_by("revision"):
        billed.setdefault(period.contract_id, []).append(period)
    return billed


def _refuse_billed_twice(run: BillingRun, entry: BillingRunEntry, billed: Sequence[BilledPeriod]) -> None:
    if entry.revision > 1:
        refuse_standing_corrections(contract=entry.contract, month_start=run.period_start)
    for period in billed:
        if period.revision >= entry.revision:
            by = f"by invoice {period.invoice}" if period.invoice else "and came to nothing"
            raise AlreadyBilled(f"{run} of {entry.contract} is billed already, {by}.")


def _refuse_difference(entry: BillingRunEntry, found: Preview) -> None:
    if entry.currency != found.contract.currency or entry.total_cents != found.total_cents:
        total = Money(entry.total_cents, entry.currency)
        raise PreviewDiffers(f"Approved were {total}, now it is {found.total}; build the run again and look at it.")
    if not _are_kept(found.facts_as_json(), entry.lines):
        raise PreviewDiffers("The total is as approved, but its lines are not; build the run again and look at it.")
    if entry.corrections != found.corrections_as_json():
        raise PreviewDiffers("Its late usage is not what was approved; build the run again and look at it.")
    if not found.waits_for and entry.purchase_order_id != (found.order.pk if found.order else None):
        approved, now = (str(order or "no purchase order") for order in (entry.purchase_order, found.order))
        raise PreviewDiffers(f"It was approved with {approved}, now it draws on {now}; build the run again.")


def refuse_other_amounts(found: Preview) -> None:
    """Raise InvoiceDiffers where a line of the invoice would ask for something else than was rated."""
    asked = [line.amount_cents for line in found.totals.lines]
    if asked != found.amounts:
        rated, asking = (
            " and ".join(str(Money(cents, found.contract.currency)) for cents in amounts)
            for amounts in (found.amounts, asked)
        )
        raise InvoiceDiffers(f"{found.contract} was rated at {rated}, but its invoice would ask for {asking}.")


def _are_kept(lines: Sequence[dict[str, Any]], kept: Sequence[dict[str, Any]]) -> bool:
    """Say whether lines are those that a run keeps, whose words follow from the rest."""
    return len(lines) == len(kept) and all(
        facts.items() <= line.items() and line.keys() <= facts.keys() | WORDS
        for facts, line in zip(lines, kept, strict=True)
    )
