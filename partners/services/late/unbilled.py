"""What people decide about a month whose invoice was taken back: that it stays unbilled, until somebody reopens it."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing_site.kit.errors import Refused
from partners.models import BilledPeriod, BillingRunEntry, LeftUnbilled
from partners.services.late.corrections import refuse_standing_corrections


class NotToLeaveUnbilled(Refused):
    """Only a month whose invoice was voided or credited in full, and that no run bills again, is left unbilled."""


class NotLeftUnbilled(Refused):
    """Only a month that somebody left unbilled is reopened."""


class MonthLeftUnbilled(Refused):
    """A month that somebody left unbilled is reopened before it is billed."""


@transaction.atomic
def leave_unbilled(*, billed_period: BilledPeriod, reason: str, now: dt.datetime, by: str) -> LeftUnbilled:
    """Decide that an undone month stays unbilled, whatever is counted for it.

    Raises NotToLeaveUnbilled, LateUsageStands.
    """
    period = locked_month(billed_period)
    if not reason.strip():
        raise NotToLeaveUnbilled("Say why it stays unbilled; whoever looks at the month next reads it.")
    if not BilledPeriod.objects.undecided().contains(period):
        raise NotToLeaveUnbilled(_why_not(period))
    _refuse_a_run_that_bills(period)
    refuse_standing_corrections(contract=period.contract, month_start=period.period_start)
    return LeftUnbilled.objects.create(billed_period=period, reason=reason.strip(), decided_by=by, decided_at=now)


@transaction.atomic
def reopen_month(*, billed_period: BilledPeriod, now: dt.datetime, by: str) -> LeftUnbilled:
    """Offer a month that was left unbilled to be billed again. Raises NotLeftUnbilled."""
    period = locked_month(billed_period)
    decision = period.decisions.standing().first()
    if decision is None:
        raise NotLeftUnbilled(f"{period} is not left unbilled; there is nothing to reopen.")
    decision.reopened_by, decision.reopened_at = by, now
    decision.save(update_fields=["reopened_by", "reopened_at"])
    return decision


def locked_month(billed_period: BilledPeriod) -> BilledPeriod:
    """Hold a billed month: who bills it again and who leaves it unbilled wait for each other."""
    held = BilledPeriod.objects.select_for_update(of=("self",), no_key=True).select_related("contract__partner")
    return held.get(pk=billed_period.pk)


def refuse_left_unbilled(period: BilledPeriod) -> None:
    """Raise MonthLeftUnbilled where somebody decided that a month stays unbilled."""
    decision = period.decisions.standing().first()
    if decision is not None:
        raise MonthLeftUnbilled(
            f"Reopen {period} before billing it again; {decision.decided_by} left it unbilled: {decision.reason}"
        )


def why_it_stands(period: BilledPeriod, *, before: str) -> str:
    """Say why there is nothing to decide about a month, and what comes `before` that, where anything does."""
    if not BilledPeriod.objects.latest_revisions().contains(period):
        return f"{period} was billed again since; decide about its latest revision."
    if period.invoice is None:
        return f"{period} came to nothing; there is no invoice to take back."
    return f"{period} is billed; void its invoice or credit it in full before {before}."


def _why_not(period: BilledPeriod) -> str:
    if period.decisions.standing().exists():
        return f"{period} is left unbilled already."
    return why_it_stands(period, before="leaving it unbilled")


def _refuse_a_run_that_bills(period: BilledPeriod) -> None:
    again = BillingRunEntry.objects.bill_again().in_unfinished_runs(period.period_start)
    entry = again.filter(contract=period.contract).select_related("run__partner").first()
    if entry is not None:
        raise NotToLeaveUnbilled(f"The run of {entry.run} is to bill {period} again; cancel that run first.")
