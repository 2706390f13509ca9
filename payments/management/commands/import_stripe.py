"""`manage.py import_stripe --since 2026-01-01`: bring an account that existed before into the books."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from payments.management.days import day
from payments.stripe.gateway import Gateway, StripeRefused, StripeUnreachable, gateway_from_settings
from payments.stripe.importing import KINDS, Kind, Page, fetch_the_rest, import_kind, start_again, unfinished

_STOPPED: Final = "What was read is kept: the same command goes on from there."
_THE_REST: Final = "what lists leave out"
_LINE_EVERY: Final = 1000
_UNAUTHORIZED: Final = 401


class Command(BaseCommand):
    help = (
        "Read an account of Stripe's that existed before, keep what Stripe answers and book it. Customers, "
        "subscriptions and open invoices come whole, everything else as far back as --since. "
        "Interrupted, the same command goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=day, required=True, metavar="YYYY-MM-DD", help="the first day that counts")
        parser.add_argument("--only", type=_kinds, default=KINDS, metavar="KIND,KIND", help=f"some of: {_names(KINDS)}")
        parser.add_argument("--again", action="store_true", help="read once more what was read to the end")

    def handle(self, *, since: dt.datetime, only: Sequence[Kind], again: bool, **_: Any) -> None:
        self.console = Console(file=cast("IO[str]", self.stdout), width=None if self.stdout.isatty() else 140)
        now = timezone.now()
        gateway = _gateway(since, now)
        if again:
            start_again(kinds=only, since=since)
        waiting = unfinished(only, since=since)
        if len(waiting) < len(only):
            before = _names(kind for kind in only if kind not in waiting)
            self.stdout.write(f"Imported before (--again reads it once more): {before}.")
        if waiting:
            self._import(gateway, waiting, since=since, now=now)

    def _import(self, gateway: Gateway, kinds: Sequence[Kind], *, since: dt.datetime, now: dt.datetime) -> None:
        changed, failed = Counter[str](), dict[str, str]()
        try:
            with self._progress() as progress:
                for kind in kinds:
                    pages = import_kind(gateway=gateway, kind=kind, since=since, now=now)
                    for page in self._shown(kind, pages, progress, failed):
                        changed += page.changed
                        failed |= page.failed
                progress.add_task(_THE_REST, total=None)
                for more in fetch_the_rest(gateway=gateway, now=now):
                    changed += more
        except StripeUnreachable as trouble:
            raise CommandError(f"{trouble} {_STOPPED}") from trouble
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {_STOPPED}") from None
        finally:
            self._show_rows(changed)
        self._name_failed(failed)

    def _shown(self, kind: Kind, pages: Iterator[Page], progress: Progress, failed: dict[str, str]) -> Iterator[Page]:
        """Show how a kind comes on; one that the key may not read is named and does not stop the others."""
        bar, read = progress.add_task(kind.name, total=None), 0
        try:
            for page in pages:
                if progress.disable and page.read // _LINE_EVERY > read // _LINE_EVERY:
                    self.stdout.write(f"{kind.name}: {page.read} read so far")
                read = page.read
                progress.update(bar, completed=read)
                yield page
        except StripeRefused as refusal:
            if refusal.status == _UNAUTHORIZED:
                raise CommandError(f"{refusal} Set STRIPE_API_KEY to a key that may read the account.") from refusal
            failed[kind.name] = str(refusal)
        progress.update(bar, total=read)
        if progress.disable:
            self.stdout.write(f"{kind.name}: {read} read")

    def _progress(self) -> Progress:
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            TextColumn("{task.completed:,.0f} read"),
            TimeElapsedColumn(),
        )
        return Progress(*columns, console=self.console, disable=not self.stdout.isatty())

    def _show_rows(self, changed: Counter[str]) -> None:
        table = Table("Table", "Rows written")
        table.columns[1].justify = "right"
        for name, count in sorted(changed.items()):
            table.add_row(name, f"{count:,}")
        self.console.print(table if changed else "No row of the books had to change.")

    def _name_failed(self, failed: dict[str, str]) -> None:
        for stripe_id, reason in failed.items():
            self.stderr.write(f"{stripe_id}: {reason}")
        if failed:
            raise CommandError(f"{len(failed)} could not be booked (named above); the same command tries them again.")


def _gateway(since: dt.datetime, now: dt.datetime) -> Gateway:
    if since > now:
        raise CommandError(f"{since:%Y-%m-%d} has not come yet.")
    if not settings.STRIPE_API_KEY:
        raise CommandError("There is no account to import: set STRIPE_API_KEY to a key that may read it.")
    return gateway_from_settings()


def _kinds(text: str) -> tuple[Kind, ...]:
    """Return the kinds named, in the order in which they hang on each other."""
    names = {name.strip() for name in text.split(",")}
    unknown = names - {kind.name for kind in KINDS}
    if unknown:
        raise ArgumentTypeError(f"there is no {min(unknown)!r} to import; choose from {_names(KINDS)}.")
    return tuple(kind for kind in KINDS if kind.name in names)


def _names(kinds: Iterable[Kind]) -> str:
    return ", ".join(kind.name for kind in kinds)
