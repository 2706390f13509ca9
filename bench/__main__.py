"""`make bench`: each row sets our way against another one, on a database of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.conf import settings
from django.db import connections
from rich.console import Console
from rich.table import Table

from bench.duels import ROUNDS, Outcome, Side, fought
from tests import ground

ROOMS = ("invoices", "pdf", "usage", "runs", "aggregation", "stripe_door", "stripe_books")


def main() -> int:
    """Measure the rooms asked for; with --strict a missed mark is a failure."""
    asked = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    asked.add_argument("rooms", nargs="*", choices=[[], *ROOMS], help=f"any of {', '.join(ROOMS)}; without, all")
    asked.add_argument("--strict", action="store_true", help="exit with 1 when a mark is missed")
    options = asked.parse_args()
    outcomes = [outcome for room in options.rooms or ROOMS for outcome in _measured(room)]
    Console(width=150).print(_table(outcomes))
    return int(options.strict and not all(outcome.is_reached for outcome in outcomes))


def _measured(room: str) -> Iterator[Outcome]:
    with _database(), import_module(f"bench.{room}").duels() as duels:
        for duel in duels:
            print(f"  .. {duel.what}", file=sys.stderr, flush=True)
            yield fought(duel)


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("What", "Ours", "Other", "Ratio", "Mark", title=f"Median of {ROUNDS} rounds in turns")
    for one in outcomes:
        duel = one.duel
        sides = [f"{side.called}: {duel.shown(seconds)}" for side, seconds in _sides(one)]
        verdict = one.mark if one.is_reached else f"[red]{one.mark}, missed[/red]"
        ratio = f"{one.ratio:.0f}x" if one.ratio >= 10 else f"{one.ratio:.1f}x"
        table.add_row(f"{duel.what}{one.note}", *sides, ratio, verdict)
    return table


def _sides(one: Outcome) -> list[tuple[Side, float]]:
    return [(one.duel.ours, one.ours), (one.duel.other, one.other)]


@contextmanager
def _database() -> Iterator[None]:
    share = ground.take_share(settings.VAR_DIR)
    ground.clone(ground.ensure_template())
    try:
        yield
    finally:
        connections.close_all()
        ground.drop_clone()
        shutil.rmtree(os.environ["FILES"], ignore_errors=True)
        share.close()


if __name__ == "__main__":
    sys.exit(main())
