"""What the month before came to in usage, and what people had decided about this one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from decimal import Decimal

from billing_site.kit.periods import Period
from partners.enums import EntryState
from partners.models import BilledPeriod, BillingRunEntry, Contract


def note_usage_before(entries: Sequence[BillingRunEntry], *, month: Period) -> None:
    """Note on entries what the month before was billed for."""
    contracts = [entry.contract for entry in entries]
    usage = usage_billed_in(month_start=month.previous_month().start, contracts=contracts)
    for entry in entries:
        entry.previous_usage = usage.get(entry.contract.reference, {})


def keep_holds(entries: Sequence[BillingRunEntry], *, month: Period) -> None:
    """Hold in a new preview what somebody held in the last one of the month."""
    holds = holds_of(month_start=month.start, contracts=[entry.contract for entry in entries])
    for entry in entries:
        if entry.contract_id in holds:
            entry.state = EntryState.HELD
            entry.reason, entry.decided_by = holds[entry.contract_id]


def usage_billed_in(*, month_start: dt.date, contracts: Collection[Contract]) -> dict[str, dict[str, str]]:
    """Return the quantities a month was billed for, per reference and meter, whichever version it was billed on."""
    references = {contract.reference for contract in contracts}
    rows = BilledPeriod.objects.of_month(month_start).standing().filter(contract__reference__in=references)
    sums: dict[str, dict[str, Decimal]] = {}
    for reference, usage in rows.values_list("contract__reference", "usage"):
        counted = sums.setdefault(reference, {})
        for meter, count in usage.items():
            counted[meter] = counted.get(meter, Decimal(0)) + Decimal(count)
    return {
        reference: {meter: f"{count.normalize():f}" for meter, count in counted.items()}
        for reference, counted in sums.items()
    }


def holds_of(*, month_start: dt.date, contracts: Collection[Contract]) -> dict[int, tuple[str, str]]:
    """Return the contracts whose latest entry of the month somebody holds, with the reason and who: holds last."""
    latest = (
        BillingRunEntry.objects.filter(run__period_start=month_start, contract__in=contracts)
        .order_by("contract", "-pk")
        .distinct("contract")
        .values_list("contract", "state", "reason", "decided_by")
    )
    return {contract: (reason, by) for contract, state, reason, by in latest if state == EntryState.HELD and by}
