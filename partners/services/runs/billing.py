"""One chunk of a run, one transaction: priced first, then lines and billed periods, and the invoices with numbers last.

What fails while it is priced is left out without touching the database. What PostgreSQL refuses is found by halving the
chunk, so that only the failing contract is parked. The statements of a chunk do not grow with its contracts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import structlog
from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction

from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.garbage import collector_paused
from billing_site.kit.making import Maker
from billing_site.kit.writing import insert_rows, update_rows
from invoices.services import Draft, NewInvoice, begin_invoices, issue_begun
from partners.enums import EntryKind, EntryState, RunStatus
from partners.models import BilledPeriod, BillingRun, BillingRunEntry, Contract
from partners.services.asking import ROUNDING
from partners.services.late.corrections import hold_papers, settle_corrections
from partners.services.locks import hold_contracts
from partners.services.runs.choosing import Bill, LeftOut, choose

log = structlog.get_logger(__name__)
_new_period = Maker(BilledPeriod)


class RunNotApproved(Refused):
    """The run was canceled, or its approval is gone, while it was about to be billed."""


def bill_entries(*, run: BillingRun, ids: Sequence[int], on: dt.date, now: dt.datetime, by: str) -> None:
    """Bill these entries together; where they fail together, half of them at a time, until the failing one is alone."""
    try:
        _bill_together(run=run, ids=ids, on=on, now=now, by=by)
    except (OperationalError, InterfaceError, ProgrammingError, RunNotApproved):
        # PostgreSQL went away, chose us as a deadlock's victim, or does not know what we ask for (a migration is
        # missing), or the run is gone: nothing is wrong with contracts.
        raise
    except Exception as error:
        log.exception("billing_chunk_failed", run=str(run), entries=len(ids))
        if len(ids) == 1:
            _park(ids[0], sentence_of(error))
            return
        half = len(ids) // 2
        for part in (ids[:half], ids[half:]):
            bill_entries(run=run, ids=part, on=on, now=now, by=by)


@collector_paused()
@transaction.atomic
def _bill_together(*, run: BillingRun, ids: Sequence[int], on: dt.date, now: dt.datetime, by: str) -> None:
    _refuse_unapproved(run)
    hold_contracts(Contract.objects.filter(run_entries__any=ids))
    bills, left_out = choose(run=run, entries=_claimed(ids))
    hold_papers([correction for bill in bills for correction in bill.found.corrections])
    begun = _begun(run, bills, by)
    _keep_periods(run, bills)
    for bill in bills:
        _settle(run, bill, on=on, now=now, by=by)
    issue_begun(begun=begun, on=on, now=now, by=by)
    _note_outcomes(bills, left_out)
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
    entries = BillingRunEntry.objects.waiting().filter(pk__any=ids)
    return list(entries.with_shared_sellers().select_for_update(of=("self",)))


def _begun(run: BillingRun, bills: Sequence[Bill], by: str) -> list[Draft]:
    """Begin the invoices of all that come to something."""
    asking = [bill for bill in bills if bill.found.total_cents]
    begun = begin_invoices(invoices=[_new_invoice(run, bill) for bill in asking], by=by)
    for bill, draft in zip(asking, begun, strict=True):
        bill.invoice = draft.invoice
    return begun


def _new_invoice(run: BillingRun, bill: Bill) -> NewInvoice:
    found, contract = bill.found, bill.found.contract
    is_month = found.kind == EntryKind.MONTH
    start, end = (run.period_start, run.period_end) if is_month else (found.served.start, found.served.end)
    fields = {
        "rounding": ROUNDING,
        "payment_terms_days": contract.payment_terms_days,
        "billing_period_start": start,  # the month; the lines say on which of its days the contract ran
        "billing_period_end": end,
        "purchase_order": found.order.number if found.order else "",
        "contract_reference": contract.reference,
        "tax_note": contract.tax_note,
    }
    return NewInvoice(
        customer=contract.partner.customer,
        seller=contract.seller,
        currency=contract.currency,
        lines=found.new_lines(kept=bill.entry.lines),
        totals=found.totals,
        fields=fields,
    )


def _keep_periods(run: BillingRun, bills: Sequence[Bill]) -> None:
    periods = [
        _new_period(
            contract=bill.found.contract,
            period_start=run.period_start,
            period_end=run.period_end,
            revision=bill.entry.revision,
            invoice=bill.invoice,
            run=run,
            purchase_order=bill.found.order,
            terms=bill.found.terms_as_json(),
            usage=bill.found.usage_as_json(),
        )
        for bill in bills
        if bill.found.kind == EntryKind.MONTH
    ]
    insert_rows(BilledPeriod, periods)


def _settle(run: BillingRun, bill: Bill, *, on: dt.date, now: dt.datetime, by: str) -> None:
    """Settle the late usage a contract carries, and note what its month came to."""
    settled = settle_corrections(planned=bill.found.corrections, run=run, invoice=bill.invoice, on=on, now=now, by=by)
    if bill.invoice is not None:
        bill.entry.state = EntryState.BILLED
    elif any(correction.credit_note for correction in settled):
        bill.entry.state = EntryState.CREDITED
    else:
        bill.entry.state = EntryState.EMPTY
    bill.entry.invoice_id = bill.invoice.pk if bill.invoice else None


def _note_outcomes(bills: Sequence[Bill], left_out: Sequence[LeftOut]) -> None:
    for one in left_out:
        one.entry.state, one.entry.reason = one.state, one.reason
        one.entry.decided_by = ""  # whoever released it before does not hold it now
    update_rows(BillingRunEntry, [bill.entry for bill in bills], ("state", "invoice"))
    update_rows(BillingRunEntry, [one.entry for one in left_out], ("state", "reason", "decided_by"))


def _park(entry_id: int, reason: str) -> None:
    BillingRunEntry.objects.waiting().filter(pk=entry_id).update(state=EntryState.PARKED, reason=reason)
