"""The months that are over: each but the last is billed by a run, and most invoices are paid by bank transfer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from billing_site.demo.agenda import Act, Agenda
from billing_site.demo.contracts import Player
from billing_site.demo.dates import MONTHS_OF_HISTORY, Dates
from invoices.models import Invoice
from partners.models import BillingRun, Partner
from partners.services import NothingToBill, approve_run, build_run, follow_up, hold_entry, issue_run
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

    def preview_the_last(self) -> None:
        """Leave the last month as a preview in which a partner is held; whoever bills it leaves that one out."""
        with suppress(NothingToBill):
            run = build_run(period=self.dates.month(1), now=self.dates.ends_at, by=BUILT_BY)
            for player in self.players.values():
                for entry in run.entries.of(player.partner).waiting():
                    if reason := player.row.get("held", ""):
                        hold_entry(entry=entry, reason=reason, now=self.dates.ends_at, by=APPROVED_BY)

    def _run(self, ago: int) -> Act:
        def act(now: dt.datetime) -> None:
            for run in self._billed(ago, now):
                for entry in run.entries.billed().select_related("invoice", "contract").order_by("pk"):
                    if entry.invoice is not None:
                        self._expect_payment(self.players[entry.contract.partner_id], entry.invoice, ago, now)

        return act

    def _expect_payment(self, player: Player, invoice: Invoice, ago: int, now: dt.datetime) -> None:
        _use_credits(invoice, now)
        if ago not in player.row["pays"].get("forgets", ()):
            self.agenda.note(_pays_at(player, invoice, now), _payment(player, invoice))

    def _billed(self, ago: int, now: dt.datetime) -> list[BillingRun]:
        """Bill a month; where somebody typed a wrong time zone, that contract is parked and billed an hour later."""
        mistyped = [player.partner for player in self.players.values() if player.row.get("mistyped") == ago]
        self._correct(mistyped, "UTC")
        before = now - dt.timedelta(hours=3)
        run = self._issued(build_run(period=self.dates.month(ago), now=before, by=BUILT_BY), now)
        if not mistyped:
            return [run]
        self._correct(mistyped)
        later = now + dt.timedelta(hours=1)
        return [run, self._issued(follow_up(run=run, now=later, by=BUILT_BY), later)]

    def _correct(self, partners: Sequence[Partner], zone: str = "") -> None:
        for partner in partners:
            Partner.objects.filter(pk=partner.pk).update(billing_time_zone=zone or partner.billing_time_zone)

    def _issued(self, run: BillingRun, now: dt.datetime) -> BillingRun:
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
