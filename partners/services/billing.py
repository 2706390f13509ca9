"""One chunk of a run, one transaction: usage, rating, draft, billed period, and the numbers last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.models import Invoice
from invoices.services import draft_invoice, issue_invoices
from partners.enums import EntryKind, EntryState, RunStatus
from partners.models import BilledPeriod, BillingRun, BillingRunEntry
from partners.services.corrections import (
    refuse_standing_corrections,
    settle_corrections,
)
from partners.services.late import LateUsage, late_usage_of
from partners.services.orders import NoOrderCovers, order_book
from partners.services.previews import ROUNDING, Preview, Unpriceable, previews
from partners.services.zones import zone_named

log = structlog.get_logger(__name__)


class PreviewDiffers(Refused):
    """What would be billed now is not what was approved; it is not billed silently."""


class RunNotApproved(Refused):
    """The run was canceled, or its approval is gone, while it was about to be billed."""


class AlreadyBilled(Refused):
    """The month of this contract is billed."""


class InvoiceDiffers(Refused):
    """The drafted invoice does not reproduce the rated lines; a fault of ours, and nothing to send to anybody."""


def bill_entries(*, run: BillingRun, ids: Sequence[int], on: dt.date, now: dt.datetime, by: str) -> None:
    """Bill these entries together; where they fail together, each alone, so that only the failing one is parked."""
    try:
        _bill_together(run=run, ids=ids, on=on, now=now, by=by)
    except (OperationalError, InterfaceError, RunNotApproved):
        raise  # PostgreSQL went away, chose us as a deadlock's victim, or the run is: nothing is wrong with contracts
    except Exception as error:
        log.exception("billing_chunk_failed", run=str(run), entries=len(ids))
        if len(ids) == 1:
            _leave_out(ids[0], EntryState.PARKED, sentence_of(error))
            return
        for one in ids:
            bill_entries(run=run, ids=[one], on=on, now=now, by=by)


@transaction.atomic
def _bill_together(*, run: BillingRun, ids: Sequence[int], on: dt.date, now: dt.datetime, by: str) -> None:
    _refuse_unapproved(run)
    drafted = [(entry, invoice) for entry, invoice in _draft_each(run, _claimed(ids), on, now, by) if invoice]
    if not drafted:
        return
    issue_invoices(invoices=[invoice for _, invoice in drafted], on=on, now=now, by=by)
    for entry, invoice in drafted:
        entry.state, entry.invoice = EntryState.BILLED, invoice
    BillingRunEntry.objects.bulk_update([entry for entry, _ in drafted], ["state", "invoice", "purchase_order"])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a broken promise is heard here, where it can be isolated
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _refuse_unapproved(run: BillingRun) -> None:
    """Hold the run's row while a chunk of it is billed: who cancels it waits, and who canceled it is heard."""
    held = BillingRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
    if held.status not in (RunStatus.APPROVED, RunStatus.ISSUED):
        raise RunNotApproved(f"The run of {run} is {held.get_status_display().lower()}; nothing more of it is billed.")


def _claimed(ids: Sequence[int]) -> list[BillingRunEntry]:
    """Lock the entries that still wait, so that nobody parks or bills them beside us."""
    return list(
        BillingRunEntry.objects.waiting()
        .filter(pk__in=ids)
        .select_related("contract__partner__customer", "contract__seller")
        .select_for_update(of=("self",))
    )


def _draft_each(
    run: BillingRun, entries: Sequence[BillingRunEntry], on: dt.date, now: dt.datetime, by: str
) -> list[tuple[BillingRunEntry, Invoice | None]]:
    month = Period.month(run.period_start.year, run.period_start.month, zone_named("UTC", of="A run"))
    contracts = [entry.contract for entry in entries]
    orders = order_book(contracts=contracts, locked=True)
    found = previews(contracts=contracts, month=month, late=_late_months_of(entries), orders=orders)
    drafted = []
    for entry, one in zip(entries, found, strict=True):
        invoice = _draft_or_park(run, entry, one, on, now, by)
        if invoice is None and isinstance(one, Preview):
            orders.draw(one.order, -one.total_cents)  # what is not billed leaves its order to the others
        entry.purchase_order = one.order if isinstance(one, Preview) else None
        drafted.append((entry, invoice))
    return drafted


def _late_months_of(entries: Sequence[BillingRunEntry]) -> dict[int, tuple[LateUsage, ...]]:
    """Count again the late months that these entries hold, and no others: those wait for the next run."""
    kept = {entry.contract_id: [one["billed_period"] for one in entry.corrections] for entry in entries}
    again = late_usage_of(billed_periods=[month for months in kept.values() for month in months])
    return {contract: tuple(again[key] for key in months if key in again) for contract, months in kept.items()}


def _draft_or_park(
    run: BillingRun, entry: BillingRunEntry, found: Preview | Unpriceable, on: dt.date, now: dt.datetime, by: str
) -> Invoice | None:
    try:
        with transaction.atomic():  # a savepoint: what fails here leaves its neighbours alone
            return _draft(run, entry, found, on, now, by)
    except (OperationalError, InterfaceError):
        raise
    except NoOrderCovers as refusal:
        _leave_out(entry.pk, EntryState.HELD, str(refusal))
        return None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this contract's and stops nobody else
        log.warning("contract_parked", run=str(run), contract=str(entry.contract), error=repr(error))
        _leave_out(entry.pk, EntryState.PARKED, sentence_of(error))
        return None


def _draft(
    run: BillingRun, entry: BillingRunEntry, found: Preview | Unpriceable, on: dt.date, now: dt.datetime, by: str
) -> Invoice | None:
    if isinstance(found, Unpriceable):
        raise PreviewDiffers(found.reason)
    _refuse_difference(entry, found)
    if found.waits_for:
        raise NoOrderCovers(found.waits_for)
    invoice = _invoice(run, found, by) if found.total_cents else None
    if found.kind == EntryKind.MONTH:
        _keep_period(run, entry, found, invoice)
    settled = settle_corrections(planned=found.corrections, run=run, invoice=invoice, on=on, now=now, by=by)
    if invoice is None:
        gave_back = any(correction.credit_note for correction in settled)
        state = EntryState.CREDITED if gave_back else EntryState.EMPTY
        BillingRunEntry.objects.filter(pk=entry.pk).update(state=state)
    return invoice


def _keep_period(run: BillingRun, entry: BillingRunEntry, found: Preview, invoice: Invoice | None) -> None:
    _refuse_billed_twice(run, entry)
    BilledPeriod.objects.create(
        contract=found.contract,
        period_start=run.period_start,
        period_end=run.period_end,
        revision=entry.revision,
        invoice=invoice,
        run=run,
        purchase_order=found.order,
        terms=found.terms_as_json(),
        usage=found.usage_as_json(),
    )


def _refuse_billed_twice(run: BillingRun, entry: BillingRunEntry) -> None:
    months = BilledPeriod.objects.filter(contract=entry.contract, period_start=run.period_start)
    billed = months.filter(revision__gte=entry.revision).first()
    if entry.revision > 1:
        refuse_standing_corrections(contract=entry.contract, month_start=run.period_start)
    if billed is not None:
        by = f"by invoice {billed.invoice}" if billed.invoice else "and came to nothing"
        raise AlreadyBilled(f"{run} of {entry.contract} is billed already, {by}.")


def _refuse_difference(entry: BillingRunEntry, found: Preview) -> None:
    if entry.currency != found.contract.currency or entry.total_cents != found.total_cents:
        approved = Money(entry.total_cents, entry.currency)
        raise PreviewDiffers(f"Approved were {approved}, now it is {found.total}; build the run again and look at it.")
    if entry.lines != found.lines_as_json():
        raise PreviewDiffers("The total is as approved, but its lines are not; build the run again and look at it.")
    if entry.corrections != found.corrections_as_json():
        raise PreviewDiffers("Its late usage is not what was approved; build the run again and look at it.")


def _invoice(run: BillingRun, found: Preview, by: str) -> Invoice:
    contract = found.contract
    is_month = found.kind == EntryKind.MONTH
    start, end = (run.period_start, run.period_end) if is_month else (found.served.start, found.served.end)
    invoice = draft_invoice(
        customer=contract.partner.customer,
        seller=contract.seller,
        currency=contract.currency,
        lines=found.new_lines(),
        by=by,
        rounding=ROUNDING,
        payment_terms_days=contract.payment_terms_days,
        billing_period_start=start,  # the month; the lines say on which of its days the contract ran
        billing_period_end=end,
        purchase_order=found.order.number if found.order else "",
        contract_reference=contract.reference,
        tax_note=contract.tax_note,
    )
    amounts = list(invoice.lines.order_by("position").values_list("amount_cents", flat=True))
    if invoice.total_cents != found.total_cents or amounts != found.amounts:
        raise InvoiceDiffers(f"The draft of {contract} is {invoice.total}, its rated lines are {found.total}.")
    return invoice


def _leave_out(entry_id: int, state: EntryState, reason: str) -> None:
    BillingRunEntry.objects.waiting().filter(pk=entry_id).update(state=state, reason=reason)
