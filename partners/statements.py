"""A run as people read it on a terminal: one row per contract, the parked with their reasons, totals per currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.models import Document
from partners.enums import EntryState, FlagKind
from partners.metering import DEED, REQUEST
from partners.models import BilledPeriod, BillingRun, BillingRunEntry, Contract, Partner
from partners.services import Preview, Unpriceable, totals_before, totals_of_run
from partners.surprises import Surprise

_LEFT_OUT = (EntryState.PARKED, EntryState.HELD)
_UNITS = {DEED: ("deed", "deeds"), REQUEST: ("request", "requests")}


def preview_table(month: Period, found: Sequence[Preview | Unpriceable], flagged: Sequence[Surprise]) -> Group:
    """Show what a month would cost, beside the month before, and what surprises about it."""
    table = _table(f"Preview of {month.label()}", "Month before")
    before = totals_before(contracts=[one.contract for one in found], month=month)
    sums: dict[str, Money] = {}
    for one in found:
        if isinstance(one, Preview) and not one.waits_for:
            sums[one.total.currency] = sums.get(one.total.currency, Money.zero(one.total.currency)) + one.total
            table.add_row(*_named(one.contract), _usage(one.usage), str(one.total), _amount(before, one.contract))
    parked = [(one.contract, one.reason) for one in found if isinstance(one, Unpriceable)]
    held = [(one.contract, one.waits_for) for one in found if isinstance(one, Preview) and one.waits_for]
    names = {partner.pk: partner.name for partner in Partner.objects.filter(pk__in={one.partner_id for one in flagged})}
    flags = [(FlagKind(one.kind).label, names[one.partner_id], one.sentence) for one in flagged]
    return Group(table, *_endings(sums.values(), Parked=parked, Held=held), *_flags(flags))


def run_table(run: BillingRun) -> Group:
    """Show what became of a run: invoice numbers, and where each document is kept."""
    table = _table(f"Partner run of {run}", "Invoice", "Document")
    entries = list(run.entries.select_related("contract__partner", "invoice").order_by("contract__partner__name", "pk"))
    usage = {row.contract_id: row.usage for row in BilledPeriod.objects.filter(run=run)}
    places = dict(Document.objects.filter(invoice__billed_period__run=run).values_list("invoice_id", "file_name"))
    for entry in entries:
        if entry.state not in _LEFT_OUT:
            table.add_row(*_named(entry.contract), _usage(usage.get(entry.contract_id, {})), *_outcome(entry, places))
    parked, held = (
        [(entry.contract, entry.reason) for entry in entries if entry.state == state] for state in _LEFT_OUT
    )
    flags = [
        (flag.get_kind_display(), flag.partner.name, flag.sentence)
        for flag in run.flags.select_related("partner").order_by("partner__name", "pk")
    ]
    totals = [total.total for total in totals_of_run(run)]
    return Group(table, *_endings(totals, Parked=parked, Held=held), *_flags(flags))


def _table(title: str, *last: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("Partner", "Contract", "Model"):
        table.add_column(heading, overflow="fold")
    table.add_column("Usage", justify="right")
    table.add_column("Total", justify="right", no_wrap=True)
    for heading in last:
        table.add_column(heading, overflow="fold")
    return table


def _named(contract: Contract) -> tuple[str, str, str]:
    return escape(contract.partner.name), escape(contract.reference), contract.get_pricing_model_display()


def _usage(usage: Mapping[str, Any]) -> str:
    counts = ((Decimal(count), _UNITS[meter]) for meter, count in usage.items())
    return "\n".join(f"{count.normalize():,f} {many if count != 1 else one}" for count, (one, many) in counts if count)


def _amount(before: Mapping[int, int], contract: Contract) -> str:
    return str(Money(before[contract.pk], contract.currency)) if contract.pk in before else "not comparable"


def _outcome(entry: BillingRunEntry, places: Mapping[int, str]) -> tuple[str, str, str]:
    total = str(Money(entry.total_cents, entry.currency))
    if entry.invoice is None:
        return total, entry.get_state_display().lower(), ""
    return total, str(entry.invoice), places.get(entry.invoice.pk, "waits for the worker")


def _endings(totals: Iterable[Money], **left_out: Sequence[tuple[Contract, str]]) -> list[str]:
    sums = [f"Total {total.currency}: {total}" for total in totals]
    return [
        *sums,
        *(
            f"[bold]{state}[/bold] {escape(f'{contract} of {contract.partner}: {why}')}"
            for state, contracts in left_out.items()
            for contract, why in contracts
        ),
    ]


def _flags(flags: Iterable[tuple[str, str, str]]) -> list[str]:
    return [f"[bold]{escape(kind)}[/bold] {escape(f'{partner}: {sentence}')}" for kind, partner, sentence in flags]
