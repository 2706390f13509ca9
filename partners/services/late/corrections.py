"""Late usage settled: a billed month is rated again as if all had been on time, and the difference gets its paper.

What is owed in addition becomes a line of the contract's next invoice, or of a final one where no next one comes;
what was taken back becomes credit notes, the paper that asked for it last first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices.enums import LineKind
from invoices.models import CreditNoteLine, Invoice, InvoiceLine
from invoices.pdf.wording import Wording
from invoices.services import CreditLine, NewLine, issue_credit_note, left_to_credit
from partners.enums import METER_OF
from partners.models import BilledPeriod, BillingRun, Contract, Correction, Partner
from partners.pricing import Late, quantities_as_json
from partners.querysets import ContractQuerySet
from partners.services.late.finding import LateUsage, asked_cents, cost_cents, late_usage


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
    def asks(self) -> bool:
        """Whether it is a line of the next invoice; otherwise it gives back, or changes no amount."""
        return self.net_cents > 0

    @property
    def price(self) -> Decimal:
        """What that line asks for, in major units."""
        return Money(self.net_cents, self.late.contract.currency).major

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
            unit_price=self.price,
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
    """Set what a billed month costs with all that is counted now beside what its papers ask for."""
    period = late.billed_period
    return PlannedCorrection(late=late, before_cents=asked_cents(period), now_cents=cost_cents(period, late.usage))


def contracts_with_a_final_invoice(*, month: Period, partner: Partner | None = None) -> ContractQuerySet:
    """Return contracts that are over by this month, have late usage, and none alike to carry it this month or next."""
    found = late_usage(before=month.start, contracts=Contract.objects.over_by(month.start).of(partner))
    late = sorted((one.contract for one in found), key=lambda contract: contract.start_date)
    over = {_bills_alike(contract): contract.pk for contract in late}
    partners = {contract.partner_id for contract in late}
    carrying = Contract.objects.in_force(start=month.start, end=month.next_month().end)
    for contract in carrying.filter(partner__in=partners):
        over.pop(_bills_alike(contract), None)
    return Contract.objects.filter(pk__in=over.values())


def hold_papers(planned: Sequence[PlannedCorrection]) -> None:
    """Lock the invoices that will give something back, in one order, before the first credit note takes its number.

    A person who credits one of them holds the invoice first and then wants a number, too.
    """
    months = [one.billed_period.pk for one in planned if one.net_cents < 0]
    if months:
        papers = Invoice.objects.filter(Q(billed_period__in=months) | Q(usage_corrections__billed_period__in=months))
        held = Invoice.objects.filter(pk__in=papers.values("pk")).order_by("pk")
        list(held.select_for_update(of=("self",)).values_list("pk"))


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

    Part of the transaction that bills the entry. Raises what a credit note may raise.
    """
    made = []
    for correction in planned:
        made += _settled(correction, run=run, invoice=invoice, on=on, now=now, by=by)
    return made


def refuse_standing_corrections(*, contract: Contract, month_start: dt.date) -> None:
    """Raise LateUsageStands where a later invoice asks for usage of an earlier revision of this month."""
    for period in BilledPeriod.objects.filter(contract=contract, period_start=month_start):
        for paper, _ in _later_papers(period):
            raise LateUsageStands(f"{paper} asks for late usage of this month; credit that line first.")


def _bills_alike(contract: Contract) -> tuple[Any, ...]:
    """What two versions must share for one to carry the other's late usage on its invoice."""
    return (
        contract.partner_id, contract.product, contract.seller_id, contract.currency,
        contract.tax_rate, contract.tax_category,
    )  # fmt: skip


def _settled(
    planned: PlannedCorrection, *, run: BillingRun, invoice: Invoice | None, on: dt.date, now: dt.datetime, by: str
) -> list[Correction]:
    if planned.asks:
        return [_keep(planned, run, net_cents=planned.net_cents, invoice=invoice)]
    made = []
    for paper, line in _taken_from(planned):
        reason = planned.told.explanation(Wording(paper.language, paper.currency))
        note = issue_credit_note(invoice=paper, lines=[line], reason=reason, on=on, now=now, by=by)
        made.append(_keep(planned, run, net_cents=-line.amount_cents, credit_note=note))
    # What people had given back already is not given twice: the month is settled all the same.
    return made or [_keep(planned, run, net_cents=0)]


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


def _taken_from(planned: PlannedCorrection) -> Iterator[tuple[Invoice, CreditLine]]:
    """Yield what each paper gives back, the last one first, and none more than it still asks for."""
    period, contract = planned.billed_period, planned.late.contract
    to_give = -planned.net_cents
    own = [(period.invoice, None)] if period.invoice else []
    for paper, line in [*reversed(_later_papers(period)), *own]:
        cents = min(to_give, _left_on(paper, line))
        if cents > 0:
            yield (
                paper,
                CreditLine(
                    description=planned.told.description(Wording(paper.language, paper.currency)),
                    amount_cents=cents,
                    tax_rate=contract.tax_rate,
                    tax_category=contract.tax_category,
                    invoice_line=line,
                ),
            )
            to_give -= cents


def _later_papers(period: BilledPeriod) -> list[tuple[Invoice, InvoiceLine]]:
    """Return the invoices that still ask for late usage of this month, oldest first, and by which line."""
    start, _ = period.served_days
    lines = InvoiceLine.objects.filter(
        kind=LineKind.CORRECTION,
        service_period_start=start,
        meter=METER_OF.get(period.contract.pricing_model, ""),
        invoice__in=period.corrections.standing().filter(net_cents__gt=0).values("invoice"),
    )
    found = [(line.invoice, line) for line in lines.select_related("invoice").order_by("invoice")]
    return [(paper, line) for paper, line in found if _left_on(paper, line)]


def _left_on(paper: Invoice, line: InvoiceLine | None) -> int:
    """Return what a line, or all of an invoice but lines for other months, still asks for, before tax."""
    left = left_to_credit(invoice=paper)
    of_no_line = CreditNoteLine.objects.of_issued_notes(paper).filter(invoice_line=None)
    apart = sum(of_no_line.values_list("amount_cents", flat=True))
    if line is not None:
        return min(sum(cents for row, cents in left if row == line), sum(cents for _, cents in left) - apart)
    return max(0, sum(cents for row, cents in left if row.kind != LineKind.CORRECTION) - apart)
