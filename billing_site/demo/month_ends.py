"""The months that are over: each but the last is billed by a run, and most invoices are paid by bank transfer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from random import Random

from billing_site.demo.agenda import Act, Agenda
from billing_site.demo.contracts import Player
from billing_site.demo.dates import MONTHS_OF_HISTORY, Dates
from billing_site.kit.periods import Period
from invoices.models import Invoice
from partners.models import BillingRun
from partners.services import approve_run, build_run, issue_run
from payments.models import Credit
from payments.services import record_manual_payment, use_credit

SATURDAY = 5
BUILT_BY, APPROVED_BY, BOOKED_BY = "ada", "finn", "acc"


class MonthEnds:
    """Bills the partners of the story, month after month."""

    def __init__(self, dates: Dates, agenda: Agenda, players: Sequence[Player]) -> None:
        self.dates, self.agenda = dates, agenda
        self.players = {player.partner.pk: player for player in players}

    def note_all(self) -> None:
        """Note a run for every month but the last, which is left to bill before the reader's eyes."""
        for ago in range(MONTHS_OF_HISTORY, 1, -1):
            self.agenda.note(self.run_at(ago), self._run(ago))

    def run_at(self, ago: int) -> dt.datetime:
        """Return when a month is billed: in the morning of the first working day after the 1st of the next."""
        day = self.dates.month(ago - 1).start + dt.timedelta(days=1)
        while day.weekday() >= SATURDAY:
            day += dt.timedelta(days=1)
        return self.dates.at(day, 10)

    def _run(self, ago: int) -> Act:
        def act(now: dt.datetime) -> None:
            billed = self._billed(self.dates.month(ago), now).entries.billed()
            for entry in billed.select_related("invoice", "contract").order_by("pk"):
                if entry.invoice is not None:
                    self._expect_payment(self.players[entry.contract.partner_id], entry.invoice, ago, now)

        return act

    def _expect_payment(self, player: Player, invoice: Invoice, ago: int, now: dt.datetime) -> None:
        _use_credits(invoice, now)
        if ago not in player.row["pays"].get("forgets", ()):
            self.agenda.note(_pays_at(player, invoice, now), _payment(player, invoice))

    def _billed(self, period: Period, now: dt.datetime) -> BillingRun:
        run = build_run(period=period, now=now - dt.timedelta(hours=3), by=BUILT_BY)
        run = approve_run(run=run, now=now - dt.timedelta(minutes=10), by=APPROVED_BY)
        return issue_run(run=run, on=now.astimezone(self.dates.zone).date(), now=now, by=APPROVED_BY)


def _use_credits(invoice: Invoice, now: dt.datetime) -> None:
    """Let an invoice take what its customer has in credits, the oldest first."""
    for credit in Credit.objects.usable(on=now.date()).filter(customer=invoice.customer_id).order_by("created_at"):
        due = Invoice.objects.values_list("amount_due_cents", flat=True).get(pk=invoice.pk)
        if used := min(credit.remaining_cents, due):
            use_credit(credit=credit, invoice=invoice, amount_cents=used, now=now, by=BOOKED_BY)


def _pays_at(player: Player, invoice: Invoice, issued_at: dt.datetime) -> dt.datetime:
    habit, dice = player.row["pays"], Random(str(invoice.invoice_number))  # noqa: S311 - a repeatable dice
    return issued_at + dt.timedelta(days=habit["after"] + dice.randint(-habit["spread"], habit["spread"]), hours=2)


def _payment(player: Player, invoice: Invoice) -> Act:
    def act(now: dt.datetime) -> None:
        invoice.refresh_from_db()
        if invoice.amount_due_cents:
            record_manual_payment(
                customer=player.customer,
                amount_cents=invoice.amount_due_cents,
                currency=invoice.currency,
                received_at=now,
                method="bank transfer",
                reference=f"{invoice.invoice_number} {player.partner.name}",
                now=now,
                by=BOOKED_BY,
                invoice=invoice,
            )

    return act
