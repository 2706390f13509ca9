"""Late usage settled: a billed month is rated again as if all had been on time, and the difference gets its paper.

What is owed in addition becomes a line of the contract's next invoice, or of a final one where no next one comes;
what was taken back becomes credit notes, the paper that asked for it last first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.enums import LineKind
from invoices.models import Invoice
from invoices.pdf.wording import Wording
from invoices.services import CreditLine, NewLine, issue_credit_note
from partners.models import BilledPeriod, BillingRun, Contract, Correction, Partner
from partners.pricing import Late, net_cents, quantities_as_json, rate, terms_from_json
from partners.querysets import ContractQuerySet
from partners.services.late import LateUsage, late_usage


class NothingLeftToGiveBack(Refused):
    """More usage was taken back than the month's invoices still ask for."""


class LateUsageStands(Refused):
    """A month is not billed again while another invoice asks for its late usage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCorrection:
    """A billed month and what it comes to, before tax, with what is counted now beside what it is billed for."""

    late: LateUsage
    before_cents: int
    now_cents: int

    @property
    def billed_period(self) -> BilledPeriod:
        return self.late.billed_period

    @property
    def net_cents(self) -> int:
        """What is asked for in addition; below zero: given back."""
        return self.now_cents - self.before_cents

    @property
    def told(self) -> Late:
        """What there is to say about it, in any language."""
        return Late(
            month=self.billed_period.period_start,
            meter=self.late.meter,
            change=self.late.unbilled,
            before_cents=self.before_cents,
            now_cents=self.now_cents,
        )

    @property
    def explanation(self) -> str:
        """Say it to ourselves, in English."""
        return self.told.explanation(Wording("en", self.late.contract.currency))

    def as_json(self) -> dict[str, Any]:
        """Return what a run keeps and approves."""
        return {
            "billed_period": self.billed_period.pk,
            "month": f"{self.billed_period.period_start:%Y-%m}",
            "meter": self.late.meter,
            "before": quantities_as_json(self.late.before),
            "usage": quantities_as_json(self.late.usage),
            "net_cents": self.net_cents,
            "explanation": self.explanation,
        }

    def new_line(self) -> NewLine:
        """Return the line that asks for it, naming the month it belongs to in the language of the customer."""
        contract, (start, end) = self.late.contract, self.billed_period.served_days
        say = Wording(contract.partner.customer.language, contract.currency)
        return NewLine(
            description=self.told.description(say),
            detail=self.told.explanation(say),
            kind=LineKind.CORRECTION,
            meter=self.late.meter,
            unit_price=Money(self.net_cents, contract.currency).major,
            tax_rate=contract.tax_rate,
            tax_category=contract.tax_category,
            service_period_start=start,
            service_period_end=end,
        )


def late_months_for(*, contracts: Sequence[Contract], month: Period) -> dict[int, tuple[LateUsage, ...]]:
    """Return which late usage, of months before this one, each of these contracts carries: its own and its versions'.

    Of two versions that are billed for one month, the later carries it.
    """
    carriers = {_bills_alike(contract): contract.pk for contract in sorted(contracts, key=lambda c: c.start_date)}
    versions = Contract.objects.filter(partner__in={contract.partner_id for contract in contracts})
    found = late_usage(before=month.start, contracts=versions)
    carried: dict[int, tuple[LateUsage, ...]] = {}
    for late in found:
        carrier = carriers.get(_bills_alike(late.contract))
        if carrier is not None:
            carried[carrier] = (*carried.get(carrier, ()), late)
    return carried


def plan_correction(late: LateUsage) -> PlannedCorrection:
    """Rate a billed month on the terms kept with it, for what it is billed for and for what is counted now."""
    terms, proration = terms_from_json(late.billed_period.terms)
    before, now = (net_cents(rate(terms, usage, proration)) for usage in (late.before, late.usage))
    return PlannedCorrection(late=late, before_cents=before, now_cents=now)


def contracts_with_a_final_invoice(*, month: Period, partner: Partner | None = None) -> ContractQuerySet:
    """Return contracts that are over by this month, have late usage, and no later version to carry it."""
    found = late_usage(before=month.start, contracts=Contract.objects.over_by(month.start).of(partner))
    late = sorted((one.contract for one in found), key=lambda contract: contract.start_date)
    over = {_bills_alike(contract): contract.pk for contract in late}
    partners = {contract.partner_id for contract in late}
    for contract in Contract.objects.active().running_on_or_after(month.start).filter(partner__in=partners):
        over.pop(_bills_alike(contract), None)
    return Contract.objects.filter(pk__in=over.values())


def settle_corrections(
    *,
    planned: Sequence[PlannedCorrection],
    run: BillingRun,
    invoice: Invoice | None,
    on: dt.date,
    now: dt.datetime,
    by: str,
) -> list[Correction]:
    """Note what each late month is billed for from now on; `invoice` holds the lines that ask, credit notes give back.

    Part of the transaction that bills the entry. Raises NothingLeftToGiveBack, and what a credit note may raise.
    """
    made = []
    for correction in planned:
        made += _settled(correction, run=run, invoice=invoice, on=on, now=now, by=by)
    return made


def refuse_standing_corrections(*, contract: Contract, month_start: dt.date) -> None:
    """Raise LateUsageStands where a later invoice asks for usage of an earlier revision of this month."""
    for period in BilledPeriod.objects.filter(contract=contract, period_start=month_start):
        asked = [paper for paper, cents in _papers(period)[1:] if cents]
        if asked:
            raise LateUsageStands(f"{asked[-1]} asks for late usage of this month; credit that line first.")


def _bills_alike(contract: Contract) -> tuple[Any, ...]:
    """What two versions must share for one to carry the other's late usage on its invoice."""
    return (
        contract.partner_id, contract.product, contract.seller_id, contract.currency,
        contract.tax_rate, contract.tax_category,
    )  # fmt: skip


def _settled(
    planned: PlannedCorrection, *, run: BillingRun, invoice: Invoice | None, on: dt.date, now: dt.datetime, by: str
) -> list[Correction]:
    if planned.net_cents >= 0:
        return [_keep(planned, run, net_cents=planned.net_cents, invoice=invoice if planned.net_cents else None)]
    made = []
    for paper, cents in _taken_from(_papers(planned.billed_period), -planned.net_cents):
        contract, say = planned.late.contract, Wording(paper.language, paper.currency)
        line = CreditLine(
            description=planned.told.description(say),
            amount_cents=cents,
            tax_rate=contract.tax_rate,
            tax_category=contract.tax_category,
        )
        reason = planned.told.explanation(say)
        note = issue_credit_note(invoice=paper, lines=[line], reason=reason, on=on, now=now, by=by)
        made.append(_keep(planned, run, net_cents=-cents, credit_note=note))
    return made


def _keep(planned: PlannedCorrection, run: BillingRun, **papers: Any) -> Correction:
    steps = Correction.objects.filter(billed_period=planned.billed_period).count()
    return Correction.objects.create(
        billed_period=planned.billed_period,
        sequence=steps + 1,
        run=run,
        usage=quantities_as_json(planned.late.usage),
        currency=planned.late.contract.currency,
        lines=[planned.as_json()],
        **papers,
    )


def _papers(period: BilledPeriod) -> list[tuple[Invoice, int]]:
    """Return the invoices that ask for this month, oldest first, and how much of it each still asks for, before tax."""
    papers: dict[Invoice, int] = {}
    if period.invoice is not None:
        own = period.invoice.lines.exclude(kind=LineKind.CORRECTION)
        papers[period.invoice] = sum(line.amount_cents - line.discount_cents for line in own)
    for step in period.corrections.select_related("invoice", "credit_note__invoice").order_by("sequence"):
        paper = step.credit_note.invoice if step.credit_note else step.invoice
        if paper is not None:
            papers[paper] = papers.get(paper, 0) + step.net_cents
    return list(papers.items())


def _taken_from(papers: Sequence[tuple[Invoice, int]], cents: int) -> list[tuple[Invoice, int]]:
    """Take so much from the papers, the last one first. Raises NothingLeftToGiveBack."""
    taken = []
    for paper, asked in reversed(papers):
        part = min(asked, cents)
        if part > 0:
            taken.append((paper, part))
            cents -= part
    if cents:
        raise NothingLeftToGiveBack("More usage was taken back than the month's invoices ask for; look at its papers.")
    return taken
