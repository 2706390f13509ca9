"""What the month before came to, and what people had decided about this one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import Q

from billing_site.kit.periods import Period
from partners.enums import EntryKind, EntryState
from partners.models import BillingRunEntry
from partners.services.runs.comparing import totals_before, usage_billed_in, versions_of_split_months
from partners.services.runs.previews import exactly


def note_month_before(entries: Sequence[BillingRunEntry], *, month: Period) -> None:
    """Note on entries what the month before came to, and for what; where versions share one, it is of none alone."""
    contracts = [entry.contract for entry in entries]
    totals = totals_before(contracts=contracts, month=month)
    usage = usage_billed_in(month_start=month.previous_month().start, contracts=contracts)
    split = versions_of_split_months(month=month, contracts=contracts)
    for entry in entries:
        reference = entry.contract.reference
        entry.previous_total_cents = totals.get(entry.contract_id)
        entry.previous_usage = {} if reference in split else exactly(usage.get(reference, {}))


def keep_holds(entries: Sequence[BillingRunEntry], *, month: Period) -> None:
    """Hold what somebody holds: the latest decision about a month counts, in whichever run of it that was made.

    A final invoice belongs to no month: what is decided about it counts in the runs of all later ones.
    """
    decided = _decisions(entries, month.start)
    for entry in entries:
        latest = decided.get(entry.contract_id)
        if latest and latest.is_held_by_somebody:
            entry.state, entry.reason = EntryState.HELD, latest.reason
            entry.decided_by, entry.decided_at = latest.decided_by, latest.decided_at


def _decisions(entries: Sequence[BillingRunEntry], month_start: dt.date) -> dict[int, BillingRunEntry]:
    finals = [entry.contract_id for entry in entries if entry.kind == EntryKind.FINAL]
    of_month = Q(run__period_start=month_start, contract__in=[entry.contract_id for entry in entries])
    decided = BillingRunEntry.objects.filter(
        of_month | Q(kind=EntryKind.FINAL, contract__in=finals), decided_at__isnull=False
    )
    latest = decided.order_by("contract", "-decided_at", "-pk").distinct("contract")
    return {entry.contract_id: entry for entry in latest}
