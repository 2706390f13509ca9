"""What finance did by hand over the months: single invoices, corrections, credits, cash that fits no invoice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from billing_site.demo.agenda import Agenda
from billing_site.demo.contracts import Player
from billing_site.demo.dates import Dates
from billing_site.demo.month_ends import APPROVED_BY, BOOKED_BY, MonthEnds
from invoices.models import Invoice, Seller
from invoices.querysets import InvoiceQuerySet
from invoices.services import (
    CreditLine,
    NewLine,
    draft_invoice,
    issue_credit_note,
    issue_invoice,
    void_invoice,
    write_off_invoice,
)
from payments.enums import CreditKind
from payments.models import Payment
from payments.services import grant_credit, record_manual_payment

AN_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Desk:
    """The finance desk of the story; every method is one thing somebody did, to whoever plays in this story."""

    dates: Dates
    agenda: Agenda
    sellers: Mapping[str, Seller]
    players: Sequence[Player]
    month_ends: MonthEnds

    def note_all(self) -> None:
        """Note everything, each on its day."""
        for name, ago, on, act in (
            ("Thames Conveyancing Ltd", 9, 5, self._sell_prepaid),
            ("Harborview Mortgage Tech Inc.", 8, 6, self._invoice_twice),
            ("Ledgerline Title Co.", 6, 18, self._apologise),
            ("Cadastre Conseil SARL", 1, 9, self._promise),
            ("Sierra Parcel Analytics Inc.", 4, 15, self._sell_workshop),
            ("Kansai Land Data KK", 3, 11, self._sell_integration),
            ("Hanse Grundbuch Service AG", 3, 8, self._correct_deeds),
            ("Pennine Property Search Ltd", 2, 14, self._give_up),
            ("Blue Ridge Escrow LLC", 2, 21, self._take_instalment),
            ("Sakura Registry KK", 1, 17, self._book_unnamed_cash),
            ("Nordkap Notare GmbH", 1, 25, self._book_overpayment),
        ):
            for player in self.players:
                if player.partner.name == name:
                    self.agenda.note(self.dates.at(self.dates.day(ago, on), 13), partial(act, player))

    def draft(self) -> None:
        """Leave a draft for the reader to change and issue."""
        player = self.players[0]
        lines = [
            _line("Migration of archived deeds", quantity="12", price="140", unit="hour", tax="0.19"),
            _line("Import of parcel boundaries, one-off", price="480", tax="0.19"),
        ]
        self._drafted(player, lines, notes="Agreed by phone; waiting for the purchase order.")

    # --- Acts ----------------------------------------------------------------------------------------------------

    def _sell_prepaid(self, player: Player, now: dt.datetime) -> None:
        """Sell deeds in advance; once paid, the credit is what month ends use up."""
        invoice = self._issued(player, [_line("Prepaid deed retrievals", price="1500")], now)
        self._pay(player, invoice, now + AN_HOUR)
        grant_credit(
            customer=player.customer, kind=CreditKind.PREPAID, amount_cents=invoice.total_cents,
            currency=invoice.currency, reason="Deed retrievals paid in advance", source=str(invoice), by=BOOKED_BY,
        )  # fmt: skip

    def _invoice_twice(self, player: Player, now: dt.datetime) -> None:
        """Issue an invoice, issue it again by mistake, void the second."""
        lines = [_line("Onboarding workshop", quantity="6", price="180", unit="hour")]
        first, second = (self._issued(player, lines, now) for _ in range(2))
        void_invoice(invoice=second, now=now + AN_HOUR, by=APPROVED_BY, reason=f"Issued twice; {first} stands.")
        self._pay(player, first, now + AN_HOUR)

    def _apologise(self, player: Player, now: dt.datetime) -> None:
        reason = "Searches were down for three hours"
        grant_credit(
            customer=player.customer, kind=CreditKind.GOODWILL, amount_cents=250_00, currency=player.customer.currency,
            reason=reason, expires_at=now.date() + dt.timedelta(days=365), by=BOOKED_BY,
        )  # fmt: skip

    def _promise(self, player: Player, now: dt.datetime) -> None:
        lapses = now.date() + dt.timedelta(days=120)
        grant_credit(
            customer=player.customer, kind=CreditKind.PROMOTIONAL, amount_cents=600_00,
            currency=player.customer.currency, reason="Reference customer", expires_at=lapses, by=BOOKED_BY,
        )  # fmt: skip

    def _sell_workshop(self, player: Player, now: dt.datetime) -> None:
        lines = [
            _line("Integration workshop", quantity="12", price="180", unit="hour"),
            _line("Travel", price="640.50"),
        ]
        self._pay(player, self._issued(player, lines, now), now + 20 * AN_HOUR)

    def _sell_integration(self, player: Player, now: dt.datetime) -> None:
        self._issued(player, [_line("導入支援", quantity="8", price="18000", unit="hour")], now)

    def _correct_deeds(self, player: Player, now: dt.datetime) -> None:
        """Take back deeds that were fetched twice by our own fault."""
        invoice = self._monthly(player).order_by("-issue_date").first()
        if invoice is not None:
            line = invoice.lines.order_by("position").first()
            taken = CreditLine(
                description="38 deeds fetched twice", amount_cents=68_40, tax_rate=line.tax_rate, invoice_line=line
            )
            issue_credit_note(
                invoice=invoice, lines=[taken], reason="Fetched twice after a time-out of ours", on=self._day(now),
                now=now, by=APPROVED_BY,
            )  # fmt: skip

    def _give_up(self, player: Player, now: dt.datetime) -> None:
        """Write off the oldest open invoice of a partner that has gone."""
        invoice = self._monthly(player).outstanding().order_by("issue_date").first()
        if invoice is not None:
            write_off_invoice(invoice=invoice, now=now, by=APPROVED_BY, reason="Insolvency; no quota to be expected")

    def _take_instalment(self, player: Player, now: dt.datetime) -> None:
        invoice = self._monthly(player).outstanding().order_by("issue_date").first()
        if invoice is not None:
            self._pay(player, invoice, now, amount_cents=invoice.amount_due_cents // 2)

    def _book_unnamed_cash(self, player: Player, now: dt.datetime) -> None:
        """Receive money without a word what it is for: it stays unapplied."""
        self._receive(player, 48_000, now, reference="FURIKOMI SAKURA")

    def _book_overpayment(self, player: Player, now: dt.datetime) -> None:
        self._receive(player, 119_00, now, reference="Nordkap Notare, doppelt gezahlt")

    # --- Words they share ----------------------------------------------------------------------------------------

    def _monthly(self, player: Player) -> InvoiceQuerySet:
        return Invoice.objects.native().issued().filter(customer=player.customer, billed_period__isnull=False)

    def _drafted(self, player: Player, lines: Sequence[NewLine], notes: str = "") -> Invoice:
        seller = self.sellers[player.row["seller"]]
        return draft_invoice(
            customer=player.customer,
            seller=seller,
            currency=player.customer.currency,
            lines=lines,
            by=BOOKED_BY,
            notes=notes,
        )

    def _issued(self, player: Player, lines: Sequence[NewLine], now: dt.datetime) -> Invoice:
        return issue_invoice(invoice=self._drafted(player, lines), on=self._day(now), now=now, by=APPROVED_BY)

    def _pay(self, player: Player, invoice: Invoice, now: dt.datetime, *, amount_cents: int | None = None) -> Payment:
        amount = amount_cents or invoice.amount_due_cents
        return self._receive(player, amount, now, reference=str(invoice), invoice=invoice)

    def _receive(
        self, player: Player, amount_cents: int, now: dt.datetime, *, reference: str, invoice: Invoice | None = None
    ) -> Payment:
        return record_manual_payment(
            customer=player.customer, amount_cents=amount_cents, currency=player.customer.currency, received_at=now,
            method="bank transfer", reference=reference, now=now, by=BOOKED_BY, invoice=invoice,
        )  # fmt: skip

    def _day(self, now: dt.datetime) -> dt.date:
        return now.astimezone(self.dates.zone).date()


def _line(description: str, *, price: str, quantity: str = "1", unit: str = "", tax: str = "0") -> NewLine:
    return NewLine(
        description=description,
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        unit_label=unit,
        tax_rate=Decimal(tax),
    )
