"""What is said while the storm passes, and the tables at its end."""

from __future__ import annotations

from collections import Counter
from functools import partial

from rich.console import Console
from rich.table import Table

from invoices.models import Document, Invoice
from partners.models import UsageEvent
from tests.chaos.proof import CHECKS, files_nobody_names
from tests.chaos.storm import Dealt, Storm

console = Console(width=120, highlight=False)
say = partial(print, flush=True)


def tell(storm: Storm, *, seconds_in_all: float) -> int:
    """Print what hit and what is wrong; return how much is."""
    found = {name: list(check(storm.company)) for name, check in CHECKS.items()}
    console.print(_faults(storm.dealt))
    console.print(_findings(found))
    say(_sentences(storm, seconds_in_all))
    return sum(map(len, found.values()))


def _faults(dealt: list[Dealt]) -> Table:
    table = Table("Fault", "Issuing", "Printing", "Seconds until the site could work again")
    for says in dict.fromkeys(one.kind.says for one in sorted(dealt, key=lambda one: -one.kind.of_hundred)):
        ours = [one for one in dealt if one.kind.says == says]
        printing = sum(one.phase == "print" for one in ours)
        seconds = [one.seconds for one in ours]
        shown = f"{sum(seconds) / len(seconds):.1f}, at most {max(seconds):.1f}"
        table.add_row(says, str(len(ours) - printing), str(printing), shown)
    return table


def _findings(found: dict[str, list[str]]) -> Table:
    table = Table("Looked for", "Found", "Such as")
    for what, sentences in found.items():
        table.add_row(what, str(len(sentences)), "\n".join(sentences[:5]))
    return table


def _sentences(storm: Storm, seconds_in_all: float) -> str:
    answers: Counter[str] = sum((gateway.answers for gateway in storm.gateways), Counter())
    ended = ", ".join(f"{name} {count} times" for name, count in storm.site.ended_unasked.items())
    kept = f"{Document.objects.count()} documents with their files, {files_nobody_names()} files that nobody names"
    return "\n".join(
        (
            f"{len(storm.dealt)} faults in {storm.seconds:.0f} s, {seconds_in_all:.0f} s with all preparations.",
            f"Billed: {', '.join(f'{month:%Y-%m} of {count} contracts' for month, count in storm.months.items())}.",
            f"{Invoice.objects.issued().count()} invoices, {kept}, {UsageEvent.objects.count()} usage events.",
            "Posts: " + ", ".join(f"{count} {what}" for what, count in sorted(answers.items())) + ".",
            f"Ended without being killed, and started again: {ended or 'nothing'}.",
        )
    )
