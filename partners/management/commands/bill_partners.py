"""`bill_partners --month 2026-10`: preview, approve, issue and print a month's invoices, and say what came of it."""

from __future__ import annotations

import datetime as dt
import getpass
import os
from argparse import ArgumentParser
from collections.abc import Sequence
from difflib import get_close_matches
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console

from billing_site.kit.errors import Refused
from billing_site.kit.periods import NotAMonth, Period, month_of
from billing_site.kit.wording import counted
from invoices.documents import keep_document
from invoices.models import Invoice
from partners.models import BillingRun, Partner
from partners.services import (
    NothingToApprove,
    NothingToBill,
    approve_run,
    ask_issue,
    build_run,
    issue_run,
    late_months_for,
    month_at_work,
    previews,
    queue_mails,
    running_contracts,
    surprises_of,
    unbilled_contracts,
)
from partners.statements import preview_table, run_table

_WIDTH = 150


class Command(BaseCommand):
    help = "Bill a month of every partner contract; safe to run again at any time."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", help="The month to bill, such as 2026-10. Default: the last full month.")
        parser.add_argument(
            "--partner",
            metavar="NAME",
            help="Bill this partner only; a preview of all partners stays, and holds this one.",
        )
        parser.add_argument("--send", action="store_true", help="Send each invoice as soon as its document is kept.")
        parser.add_argument("--dry-run", action="store_true", help="Show what would be billed and keep nothing.")
        parser.add_argument("--no-documents", action="store_true", help="Leave the PDFs to the worker.")

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        self.console = Console(file=cast("IO[str]", self.stdout), width=None if self.stdout.isatty() else _WIDTH)
        month, partner = _month(options["month"], now), _partner(options["partner"])
        if options["dry_run"]:
            self._show_previews(month, partner)
            return
        _refuse_running(month, now)
        try:
            self._bill(month, partner, now=now, documents=not options["no_documents"], sends=options["send"])
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal

    def _show_previews(self, month: Period, partner: Partner | None) -> None:
        contracts = unbilled_contracts(month=month, partner=partner)
        late = late_months_for(contracts=contracts, month=month)
        found = list(previews(contracts=contracts, month=month, late=late))
        if not found:
            self.console.print(f"Nothing to bill for {month.label()}.")
            return
        flagged = surprises_of(period=month, found=found, looks_beyond=partner is None)
        self.console.print(preview_table(month, found, flagged))
        self.console.print("A dry run: nothing was kept.")

    def _bill(self, month: Period, partner: Partner | None, *, now: dt.datetime, documents: bool, sends: bool) -> None:
        by = _typed_by()
        with month_at_work(month.start):  # from preview to issue: nobody slips in between
            runs = [
                *self._approved(month, partner, now=now, by=by),
                *self._fresh(month, partner, now=now, by=by, sends=sends),
            ]
        if documents:
            self._keep_documents(month)
        for run in runs:
            self.console.print(run_table(run))
            if run.sends:
                queued = queue_mails(run=run, now=now, limit=100_000)
                self.console.print(
                    f"{counted(queued, 'e-mail is', 'e-mails are')} queued; the worker sends each with its document."
                )
        for contract in running_contracts(month=month, now=now, partner=partner):
            self.console.print(f"Not over yet in {contract.billing_time_zone}: {contract} of {contract.partner}.")
        _refuse_parked(runs)

    def _approved(self, month: Period, partner: Partner | None, *, now: dt.datetime, by: str) -> list[BillingRun]:
        """Finish the approved runs of the same scope, before anything new is previewed."""
        waiting = BillingRun.objects.of_month(month.start).approved().within(partner)
        return [self._finished(run, now=now, by=by) for run in waiting]

    def _finished(self, run: BillingRun, *, now: dt.datetime, by: str) -> BillingRun:
        """Issue what is left of a run; where nobody asked for that yet, who types the command does, on record."""
        if run.issue_asked_at is None:
            run = ask_issue(run=run, now=now, by=by)
            self.console.print(
                f"The run of {run} was approved by {run.approved_by} and not handed over; {by} issues it now."
            )
        return issue_run(run=run, on=_day(run.approved_at or now), now=now, by=run.issue_asked_by)

    def _fresh(
        self, month: Period, partner: Partner | None, *, now: dt.datetime, by: str, sends: bool
    ) -> list[BillingRun]:
        try:
            run = build_run(period=month, now=now, by=by, partner=partner)
            run = approve_run(run=run, now=now, by=by, sends=sends)
        except NothingToBill as nothing:
            self.console.print(str(nothing))
            return []
        except NothingToApprove:
            return [run]
        return [issue_run(run=run, on=_day(now), now=now, by=by)]

    def _keep_documents(self, month: Period) -> None:
        """Print what is not printed, of earlier runs too: one may have been killed between invoice and paper."""
        waiting = list(
            Invoice.objects.awaiting_document().filter(billed_period__period_start=month.start).order_by("pk")
        )
        for number, invoice in enumerate(waiting, start=1):
            self.console.print(f"Writing document {number} of {len(waiting)}: {invoice}")
            keep_document(paper=invoice)


def _month(text: str | None, now: dt.datetime) -> Period:
    zone = ZoneInfo(settings.BILLING_TIME_ZONE)
    try:
        return Period.parse_month(text, zone) if text else month_of(now, zone).previous_month()
    except NotAMonth as error:
        raise CommandError(str(error)) from error


def _partner(name: str | None) -> Partner | None:
    if name is None:
        return None
    found = Partner.objects.filter(name__iexact=name).first()
    if found is None:
        near = get_close_matches(name, Partner.objects.values_list("name", flat=True), n=3)
        raise CommandError(f"There is no partner {name!r}." + (f" Did you mean {' or '.join(near)}?" if near else ""))
    return found


def _refuse_running(month: Period, now: dt.datetime) -> None:
    if month.ends_at > now:
        raise CommandError(
            f"{month.label()} is not over yet; it can be billed from {month.end} on. --dry-run shows it so far."
        )


def _refuse_parked(runs: Sequence[BillingRun]) -> None:
    parked = sum(run.entries.parked().count() for run in runs)
    if parked == 1:
        raise CommandError("One contract is parked; correct it and run this again.")
    if parked:
        raise CommandError(f"{parked} contracts are parked; correct them and run this again.")


def _day(instant: dt.datetime) -> dt.date:
    return instant.astimezone(ZoneInfo(settings.BILLING_TIME_ZONE)).date()


def _typed_by() -> str:
    """Name who typed the command; a container may know no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
