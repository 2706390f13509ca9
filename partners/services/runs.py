"""The month end as an object: build, preview, approve, issue. Killed anywhere, it bills exactly what is missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from partners.enums import EntryState, RunStatus
from partners.models import BilledPeriod, BillingRun, BillingRunEntry, Contract, Partner
from partners.services.billing import bill_entries
from partners.services.corrections import (
    contracts_with_a_final_invoice,
    planned_corrections,
    refuse_standing_corrections,
)
from partners.services.due import due_contracts
from partners.services.locks import month_at_work
from partners.services.previews import Preview, Unpriceable, previews
from partners.services.zones import zone_named


class NotAWholeMonth(Refused):
    """Runs bill calendar months."""


class NothingToBill(Refused):
    """Every contract of the month is billed, or none is due."""


class RunUnderWay(Refused):
    """An approved run of the month is not finished; it comes first."""


class NotUndone(Refused):
    """A month is billed again only after its invoice was voided or credited in full."""


class NotAPreview(Refused):
    """Only a previewed run can be approved."""


class NothingToApprove(Refused):
    """Every contract of the run is parked."""


class NotApproved(Refused):
    """A run is issued only after a person approved its totals."""


class AlreadyIssuing(Refused):
    """A run that has billed somebody cannot be canceled; finish it."""


@dataclass(frozen=True, slots=True)
class RunTotal:
    """What a run comes to in one currency, tax included, and how many contracts that is."""

    total: Money
    contracts: int


def build_run(*, period: Period, now: dt.datetime, by: str, partner: Partner | None = None) -> BillingRun:
    """Preview every contract due for a month (or one partner's), beside the month before; the failing are parked.

    A preview nobody approved gives way to the new one. Raises NotAWholeMonth, NothingToBill, RunUnderWay, MonthAtWork.
    """
    _refuse_other_spans(period)
    with month_at_work(period.start), transaction.atomic():
        contracts = _contracts_to_bill(period, now, partner)
        if not contracts:
            raise NothingToBill(f"Nothing to bill for {period.label()}.")
        _clear_the_way(period, now)
        run = _new_run(period, now, by)
        late = planned_corrections(contracts=contracts, month=period)
        found = previews(contracts=contracts, month=period, corrections=late)
        BillingRunEntry.objects.bulk_create([_entry(run, preview) for preview in found], batch_size=500)
        return run


def bill_again(*, billed_period: BilledPeriod, now: dt.datetime, by: str) -> BillingRun:
    """Preview a month of a contract once more, as its next revision, after its invoice was voided or credited in full.

    Raises NotUndone, LateUsageStands, RunUnderWay, MonthAtWork.
    """
    contract, start = billed_period.contract, billed_period.period_start
    month = Period.month(start.year, start.month, zone_named("UTC", of="A run"))
    with month_at_work(start), transaction.atomic():
        if not BilledPeriod.objects.latest_revisions().undone().filter(pk=billed_period.pk).exists():
            raise NotUndone(f"{billed_period} is billed; void its invoice or credit it in full before billing again.")
        refuse_standing_corrections(contract=contract, month_start=start)
        if BillingRun.objects.of_month(start).unfinished().exists():
            raise RunUnderWay(f"A run of {month.label()} is not finished; issue or cancel it first.")
        run = _new_run(month, now, by)
        (found,) = previews(contracts=[contract], month=month)
        entry = _entry(run, found)
        entry.revision = billed_period.revision + 1
        entry.save()
        return run


@transaction.atomic
def approve_run(*, run: BillingRun, now: dt.datetime, by: str) -> BillingRun:
    """Lock the previewed totals as what may be billed. Raises NotAPreview, NothingToApprove."""
    run = BillingRun.objects.select_for_update().get(pk=run.pk)
    if run.status != RunStatus.PREVIEW:
        raise NotAPreview(f"The run of {run} is {run.get_status_display().lower()}; only a preview can be approved.")
    if not run.entries.waiting().exists():
        raise NothingToApprove(f"Every contract of the run of {run} is parked; correct them and build it again.")
    run.status, run.approved_by, run.approved_at = RunStatus.APPROVED, by, now
    run.save(update_fields=["status", "approved_by", "approved_at"])
    return run


@transaction.atomic
def cancel_run(*, run: BillingRun, now: dt.datetime) -> BillingRun:
    """Give up a run that has billed nobody; its preview stays on record. Raises AlreadyIssuing."""
    run = BillingRun.objects.select_for_update().get(pk=run.pk)
    if run.status not in (RunStatus.PREVIEW, RunStatus.APPROVED) or run.entries.decided().exists():
        raise AlreadyIssuing(
            f"The run of {run} is {run.get_status_display().lower()} or has billed; it cannot be canceled."
        )
    run.status, run.finished_at = RunStatus.CANCELED, now
    run.save(update_fields=["status", "finished_at"])
    return run


def issue_run(*, run: BillingRun, on: dt.date, now: dt.datetime, by: str, chunk: int = 50) -> BillingRun:
    """Bill what an approved run still has to, dated `on`, in chunks of one transaction each; the failing are parked.

    Safe to call again after any crash. An issued run is returned as it is. Raises NotApproved, MonthAtWork.
    """
    run.refresh_from_db()
    if run.status == RunStatus.ISSUED:
        return run
    if run.status != RunStatus.APPROVED:
        raise NotApproved(f"The run of {run} is {run.get_status_display().lower()}; approve its preview first.")
    with month_at_work(run.period_start):
        while waiting := list(run.entries.waiting().values_list("pk", flat=True)[:chunk]):
            bill_entries(run=run, ids=waiting, on=on, now=now, by=by)
        return _finish(run, now)


def totals_of_run(run: BillingRun) -> list[RunTotal]:
    """Return what the run's contracts come to, per currency; the parked are left out."""
    sums: dict[str, RunTotal] = {}
    rows = run.entries.exclude(state=EntryState.PARKED).order_by("currency").values_list("currency", "total_cents")
    for currency, cents in rows:
        before = sums.get(currency, RunTotal(Money.zero(currency), 0))
        sums[currency] = RunTotal(before.total + Money(cents, currency), before.contracts + 1)
    return list(sums.values())


def _new_run(month: Period, now: dt.datetime, by: str) -> BillingRun:
    return BillingRun.objects.create(
        period_start=month.start, period_end=month.end, status=RunStatus.PREVIEW, started_by=by, started_at=now
    )


def _contracts_to_bill(period: Period, now: dt.datetime, partner: Partner | None) -> list[Contract]:
    """Return those whose month is due, then those that are over and owe a final invoice for late usage."""
    due = due_contracts(month=period, now=now, partner=partner).with_parties()
    return [*due, *contracts_with_a_final_invoice(month=period, partner=partner).with_parties().order_by("pk")]


def _refuse_other_spans(period: Period) -> None:
    if period != Period.month(period.start.year, period.start.month, period.zone):
        raise NotAWholeMonth(f"{period.start} to {period.last_day} is no calendar month; runs bill whole months.")


def _clear_the_way(period: Period, now: dt.datetime) -> None:
    for earlier in BillingRun.objects.of_month(period.start).unfinished().select_for_update():
        if earlier.status == RunStatus.APPROVED:
            raise RunUnderWay(f"The run of {earlier} is approved and not finished; issue it first.")
        cancel_run(run=earlier, now=now)


def _entry(run: BillingRun, found: Preview | Unpriceable) -> BillingRunEntry:
    entry = BillingRunEntry(
        run=run,
        contract=found.contract,
        currency=found.contract.currency,
        previous_total_cents=found.previous_total_cents,
    )
    if isinstance(found, Unpriceable):
        entry.state, entry.reason = EntryState.PARKED, found.reason
    else:
        entry.kind, entry.total_cents, entry.lines = found.kind, found.total_cents, found.lines_as_json()
        entry.usage, entry.corrections = found.usage_as_json(), found.corrections_as_json()
    return entry


def _finish(run: BillingRun, now: dt.datetime) -> BillingRun:
    run.status, run.finished_at = RunStatus.ISSUED, now
    run.save(update_fields=["status", "finished_at"])
    return run
