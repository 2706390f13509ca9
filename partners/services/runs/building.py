"""How a run comes to be: which contracts are due, what each would come to, what surprises, and what gives way to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from billing_site.kit.errors import Refused
from billing_site.kit.periods import Period
from partners.enums import EntryState, RunStatus
from partners.models import BilledPeriod, BillingRun, BillingRunEntry, Contract, Partner
from partners.services.late.corrections import (
    contracts_with_a_final_invoice,
    late_months_for,
    refuse_standing_corrections,
)
from partners.services.late.unbilled import locked_month, refuse_left_unbilled, why_it_stands
from partners.services.locks import month_at_work
from partners.services.runs.before import keep_holds, note_month_before
from partners.services.runs.due import due_contracts
from partners.services.runs.flagging import facts_of, flag_entries
from partners.services.runs.previews import Found, Unpriceable, previews, unpriceable
from partners.services.runs.stages import cancel_run
from partners.services.zones import zone_named
from partners.surprises import Surprise, surprises

ALONE = "In a run of this partner alone; release it if that run is canceled."


class NotAWholeMonth(Refused):
    """Runs bill calendar months."""


class NothingToBill(Refused):
    """Every contract of the month is billed, or none is due."""


class RunUnderWay(Refused):
    """An approved run of the month is not finished; it comes first."""


class NotUndone(Refused):
    """A month is billed again only after its invoice was voided or credited in full."""


def build_run(
    *,
    period: Period,
    now: dt.datetime,
    by: str,
    partner: Partner | None = None,
    change_percent: int | None = None,
) -> BillingRun:
    """Preview every contract due for a month (or one partner's), beside the month before; the failing are parked.

    What surprises is flagged, a change from `change_percent` on (by default as the settings say). A preview nobody
    approved gives way to the new one; one of all partners stays beside a run of one, which it then holds.
    Raises NotAWholeMonth, NothingToBill, RunUnderWay, MonthAtWork.
    """
    _refuse_other_spans(period)
    with month_at_work(period.start), transaction.atomic():
        contracts = _contracts_to_bill(period, now, partner)
        if not contracts:
            raise NothingToBill(f"Nothing to bill for {period.label()}.")
        _clear_the_way(period, partner, now)
        run = _new_run(period, now, by, partner=partner, change_percent=change_percent)
        _keep(run, period, found_for(contracts, period))
        return run


def bill_again(*, billed_period: BilledPeriod, now: dt.datetime, by: str) -> BillingRun:
    """Preview a month of a contract once more, as its next revision, after its invoice was voided or credited in full.

    Raises NotUndone, MonthLeftUnbilled, LateUsageStands, RunUnderWay, MonthAtWork.
    """
    contract, start = billed_period.contract, billed_period.period_start
    month = month_starting(start)
    with month_at_work(start), transaction.atomic():
        refuse_left_unbilled(locked_month(billed_period))
        if not BilledPeriod.objects.latest_revisions().undone().filter(pk=billed_period.pk).exists():
            raise NotUndone(why_it_stands(billed_period, before="billing again"))
        refuse_standing_corrections(contract=contract, month_start=start)
        if BillingRun.objects.of_month(start).unfinished().within(contract.partner).exists():
            raise RunUnderWay(f"A run of {month.label()} is not finished; issue or cancel it first.")
        run = _new_run(month, now, by, partner=contract.partner)
        _keep(run, month, found_for([contract], month), revision=billed_period.revision + 1)
        return run


def surprises_of(*, period: Period, found: Sequence[Found], looks_beyond: bool) -> list[Surprise]:
    """Say what would be flagged if these previews were kept; nothing is written."""
    entries = [BillingRunEntry(contract=one.contract) for one in found]
    found = note_previews(entries, found)
    note_month_before(entries, month=period)
    facts = facts_of(month=period, found=found, entries=entries, looks_beyond=looks_beyond)
    return list(surprises(facts, change_percent=settings.PARTNER_RUN_CHANGE_PERCENT))


def note_previews(entries: Sequence[BillingRunEntry], found: Sequence[Found]) -> list[Found]:
    """Write on entries, unsaved, what their months would come to, or why that cannot be said; return what was written.

    One that cannot be told in figures and words is parked, and parks nobody else.
    """
    return [_noted(entry, one) for entry, one in zip(entries, found, strict=True)]


def _noted(entry: BillingRunEntry, found: Found) -> Found:
    try:
        _note(entry, found)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this contract's and hides nobody else
        found = unpriceable(found.contract, error)
        _note(entry, found)
    return found


def _note(entry: BillingRunEntry, found: Found) -> None:
    entry.currency = found.contract.currency
    if isinstance(found, Unpriceable):
        entry.state, entry.reason = EntryState.PARKED, found.reason
        entry.total_cents, entry.lines, entry.usage, entry.corrections = 0, [], {}, []
        entry.purchase_order = None
    else:
        entry.lines = found.lines_as_json()
        entry.usage, entry.corrections = found.usage_as_json(), found.corrections_as_json()
        entry.state = EntryState.HELD if found.waits_for else EntryState.PREVIEWED
        entry.reason, entry.kind, entry.purchase_order = found.waits_for, found.kind, found.order
        entry.decided_by = "" if found.waits_for else entry.decided_by  # nobody holds what waits for its order
        entry.total_cents = found.total_cents


def month_starting(start: dt.date) -> Period:
    """Return a run's calendar month; each contract lives it in its own time zone."""
    return Period.month(start.year, start.month, zone_named("UTC", of="A run"))


def found_for(contracts: Sequence[Contract], month: Period, *, among: Sequence[Contract] | None = None) -> list[Found]:
    """Work out these contracts with the late usage they carry; who fails at that is parked, and parks nobody else.

    `among` are all contracts of the run, where these are only some: late usage has one carrier in a run.
    """
    late = late_months_for(contracts=among or contracts, month=month)
    return list(previews(contracts=contracts, month=month, late=late))


def _contracts_to_bill(period: Period, now: dt.datetime, partner: Partner | None) -> list[Contract]:
    """Return those whose month is due, then those that are over and owe a final invoice for late usage."""
    due = due_contracts(month=period, now=now, partner=partner).with_parties()
    return [*due, *contracts_with_a_final_invoice(month=period, partner=partner).with_parties().order_by("pk")]


def _new_run(
    month: Period, now: dt.datetime, by: str, *, partner: Partner | None, change_percent: int | None = None
) -> BillingRun:
    return BillingRun.objects.create(
        period_start=month.start,
        period_end=month.end,
        partner=partner,
        change_percent=change_percent or settings.PARTNER_RUN_CHANGE_PERCENT,
        status=RunStatus.PREVIEW,
        started_by=by,
        started_at=now,
    )


def _keep(run: BillingRun, month: Period, found: Sequence[Found], *, revision: int = 1) -> None:
    entries = [BillingRunEntry(run=run, contract=one.contract, revision=revision) for one in found]
    found = note_previews(entries, found)
    note_month_before(entries, month=month)
    keep_holds(entries, month=month)
    BillingRunEntry.objects.bulk_create(entries, batch_size=500)
    flag_entries(run=run, month=month, found=found, entries=entries, looks_beyond=run.partner_id is None)


def _refuse_other_spans(period: Period) -> None:
    if period != Period.month(period.start.year, period.start.month, period.zone):
        raise NotAWholeMonth(f"{period.start} to {period.last_day} is no calendar month; runs bill whole months.")


def _clear_the_way(period: Period, partner: Partner | None, now: dt.datetime) -> None:
    """Refuse to pass an approved run, cancel previews of the same contracts, and let the one of all hold a single."""
    unfinished = BillingRun.objects.of_month(period.start).unfinished().touching(partner)
    for earlier in unfinished.select_for_update(of=("self",)).select_related("partner"):
        stays = partner is not None and earlier.partner_id is None
        theirs = earlier.entries.waiting().of(partner)
        if earlier.status == RunStatus.APPROVED and (not stays or theirs.exists()):
            raise RunUnderWay(f"The run of {earlier} is approved and not finished; issue it first.")
        if stays:
            theirs.update(state=EntryState.HELD, reason=ALONE, decided_by="")
        elif partner is not None or not earlier.entries.bill_again().exists():
            cancel_run(run=earlier, now=now)
