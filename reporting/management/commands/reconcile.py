"""`manage.py reconcile --from DAY --to DAY`: compare Stripe's ledger with the books, and list what does not agree."""

from __future__ import annotations

import datetime as dt
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from billing_site.kit.money import Money
from billing_site.kit.wording import counted
from payments.stripe.gateway import StripeRefused, StripeUnreachable, gateway_from_settings
from reporting.models import Reconciliation
from reporting.reconciling import fetch_theirs, reconcile


class Command(BaseCommand):
    help = "Compare Stripe's ledger with the books, day by day of BILLING_TIME_ZONE; breaks are listed and kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", help="First day, such as 2026-10-01. Without it: yesterday.")
        parser.add_argument("--to", dest="last", help="Last day, included. Without it: the first day alone.")

    def handle(self, *, first: str | None, last: str | None, **_: Any) -> None:
        now = timezone.now()
        start, end = _span(first, last, today=timezone.localdate(now))
        if not settings.STRIPE_API_KEY:
            raise CommandError("There is nothing to compare with: set STRIPE_API_KEY to a key that may read balances.")
        try:
            theirs = fetch_theirs(gateway=gateway_from_settings(), start=start, end=end)
        except (StripeUnreachable, StripeRefused) as error:
            raise CommandError(f"{error} Nothing was written.") from error
        run = reconcile(start=start, end=end, theirs=theirs, now=now)
        self._show(run)

    def _show(self, run: Reconciliation) -> None:
        console = Console(file=cast("IO[str]", self.stdout), width=None if self.stdout.isatty() else 140)
        days = f"{run.period_start} to {run.period_end - dt.timedelta(days=1)}"
        console.print(f"Reconciliation of {days}, both days included, {timezone.get_current_timezone_name()} time.")
        if run.totals:
            console.print(_totals(run))
        if run.break_count:
            console.print(_breaks(run))
        console.print(
            f"{run.theirs_count} movements at Stripe, {run.ours_count} here, "
            f"{run.matched_count} agree, {counted(run.break_count, 'break')}."
        )


def _span(first: str | None, last: str | None, *, today: dt.date) -> tuple[dt.date, dt.date]:
    start = _day(first, "--from") if first else (_day(last, "--to") if last else today - dt.timedelta(days=1))
    end = _day(last, "--to") if last else start
    if end < start:
        raise CommandError(f"--to ({end}) comes before --from ({start}).")
    if end > today:
        raise CommandError(f"{end} has not come yet; the last day that can be reconciled is {today}.")
    return start, end + dt.timedelta(days=1)


def _day(text: str, option: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option} {text!r} is not a day: write it as 2026-10-01.") from None
    if day.year < 2000:  # noqa: PLR2004 - before Stripe, and far from what a time zone can subtract from
        raise CommandError(f"{option} {text!r} is before anything could have been paid.")
    return day


def _totals(run: Reconciliation) -> Table:
    table = Table("Currency", "Stripe", "Here", "Difference", title="Moved")
    for currency, sums in run.totals.items():
        amounts = (Money(sums[name], currency).format() for name in ("theirs_cents", "ours_cents", "difference_cents"))
        table.add_row(currency, *amounts)
    return table


def _breaks(run: Reconciliation) -> Table:
    table = Table("Break", "Object", "Stripe less here", "Found", title="Breaks")
    for row in run.breaks.open().order_by("kind", "stripe_id"):
        amount = Money(row.difference_cents, row.currency).format()
        table.add_row(row.get_kind_display(), row.stripe_id, amount, f"{timezone.localtime(row.found_at):%Y-%m-%d}")
    return table
