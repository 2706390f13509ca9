"""What people decide about single contracts of a run: held with a reason, released, parked ones tried again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from billing_site.kit.errors import Refused
from billing_site.kit.writing import update_rows
from partners.enums import EntryState, RunStatus
from partners.models import BilledPeriod, BillingRun, BillingRunEntry, RunFlag
from partners.services.runs.before import keep_holds, note_month_before
from partners.services.runs.building import ALONE, build_run, found_for, month_starting, note_previews
from partners.services.runs.flagging import flag_entries
from partners.services.runs.stages import locked

_REFRESHED = (
    *("state", "kind", "reason", "decided_by", "decided_at", "currency", "total_cents", "previous_total_cents"),
    *("lines", "usage", "previous_usage", "corrections", "purchase_order"),
)


class NotHoldable(Refused):
    """Only what waits to be billed can be held."""


class NotHeld(Refused):
    """Only what is held, in a preview, can be released."""


class NothingToRetry(Refused):
    """No contract of the run is parked."""


@transaction.atomic
def hold_entry(*, entry: BillingRunEntry, reason: str, now: dt.datetime, by: str) -> BillingRunEntry:
    """Leave a contract's month out of its run, and of later ones of the month, until released. Raises NotHoldable."""
    run, entry = _locked(entry)
    if not reason.strip():
        raise NotHoldable("Say why it is held; whoever looks at the run next reads it.")
    if not entry.may_be_held:
        raise NotHoldable(
            f"{entry.contract} is {entry.get_state_display().lower()} in a run that is "
            f"{run.get_status_display().lower()}; only what waits to be billed can be held."
        )
    if _taken_by_others(run, [entry]):
        raise NotHoldable(f"Another run of the month is to bill {entry.contract}; hold it there.")
    _decide(entry, EntryState.HELD, reason.strip(), now=now, by=by)
    return entry


@transaction.atomic
def release_entry(*, entry: BillingRunEntry, now: dt.datetime, by: str) -> BillingRunEntry:
    """Preview a held month again, in the preview it was held in; one that another run held for a reason stays held.

    Raises NotHeld.
    """
    run, entry = _locked(entry)
    if entry.state != EntryState.HELD:
        raise NotHeld(f"{entry.contract} is {entry.get_state_display().lower()}, not held.")
    if run.status != RunStatus.PREVIEW:
        raise NotHeld(
            f"The run of {run} is {run.get_status_display().lower()} without {entry.contract}; "
            "release it in the next preview of the month."
        )
    if entry.is_held_by_somebody:
        _decide(entry, EntryState.PREVIEWED, "", now=now, by=by)
    return _previewed_again(run, [entry])[0]


@transaction.atomic
def retry_parked(*, run: BillingRun) -> list[BillingRunEntry]:
    """Preview what is parked or waits for something once more, in the same preview; what people hold stays held.

    Raises NothingToRetry.
    """
    run = locked(run)
    waiting = list(run.entries.to_retry().with_parties().order_by("pk"))
    if run.status != RunStatus.PREVIEW or not waiting:
        raise NothingToRetry(f"The run of {run} is no preview with parked contracts; there is nothing to try again.")
    return _previewed_again(run, waiting)


def follow_up(*, run: BillingRun, now: dt.datetime, by: str) -> BillingRun:
    """Preview what an issued run left out in a new run of its month. Raises NothingToRetry, and as `build_run`."""
    if run.status != RunStatus.ISSUED or not run.entries.left_out().exists():
        raise NothingToRetry(f"The run of {run} is not issued, or left nothing out.")
    return build_run(
        period=month_starting(run.period_start), now=now, by=by, partner=run.partner, change_percent=run.change_percent
    )


def _previewed_again(run: BillingRun, entries: Sequence[BillingRunEntry]) -> list[BillingRunEntry]:
    """Work these entries out anew, with their flags; one that is billed meanwhile, or by another run, stays out."""
    month = month_starting(run.period_start)
    contracts = [entry.contract for entry in entries]
    of_run = run.entries.with_parties().exclude(contract__in=contracts)
    found = found_for(contracts, month, among=[*contracts, *(entry.contract for entry in of_run)])
    note_month_before(entries, month=month)
    found = note_previews(entries, found)
    keep_holds(entries, month=month)
    _leave_out_what_others_bill(run, entries)
    update_rows(BillingRunEntry, entries, _REFRESHED)
    RunFlag.objects.filter(entry__in=entries).delete()
    flag_entries(run=run, month=month, found=found, entries=entries, looks_beyond=False)
    return list(entries)


def _leave_out_what_others_bill(run: BillingRun, entries: Sequence[BillingRunEntry]) -> None:
    contracts, elsewhere = [entry.contract_id for entry in entries], _taken_by_others(run, entries)
    months = BilledPeriod.objects.of_month(run.period_start).filter(contract__in=contracts)
    billed = set(months.values_list("contract", flat=True))
    for entry in entries:
        if entry.contract_id in elsewhere:
            entry.state, entry.reason, entry.decided_by = EntryState.HELD, ALONE, ""
        elif entry.contract_id in billed and entry.revision == 1:
            entry.state, entry.reason = EntryState.PARKED, f"{run} of {entry.contract} is billed by another run."


def _taken_by_others(run: BillingRun, entries: Sequence[BillingRunEntry]) -> set[int]:
    """Return the contracts of these entries that wait to be billed in another run of the month."""
    others = BillingRunEntry.objects.waiting().in_unfinished_runs(run.period_start).exclude(run=run)
    of_entries = others.filter(contract__in=[entry.contract_id for entry in entries])
    return set(of_entries.values_list("contract", flat=True))


def _decide(entry: BillingRunEntry, state: EntryState, reason: str, *, now: dt.datetime, by: str) -> None:
    entry.state, entry.reason, entry.decided_by, entry.decided_at = state, reason, by, now
    entry.save(update_fields=["state", "reason", "decided_by", "decided_at"])


def _locked(entry: BillingRunEntry) -> tuple[BillingRun, BillingRunEntry]:
    run = locked(entry.run)
    return run, run.entries.with_parties().select_for_update(of=("self",)).get(pk=entry.pk)
