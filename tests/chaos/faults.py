"""What may happen: each kind of fault, how many of a hundred are of it, and the order of a seed."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from invoices.tasks import render_documents
from partners.tasks import bill_due_months, issue_approved_runs
from tests import ground
from tests.chaos.site import Site, kill_process

Deal = Callable[[Site, random.Random], None]


@dataclass(frozen=True)
class Kind:
    """`of_hundred` is its share; a deal returns when the site can work again."""

    says: str
    of_hundred: int
    deal: Deal


def _kill_child(site: Site, _: random.Random) -> None:
    kill_process(site.busiest_child_of("worker"))


def _kill_worker(site: Site, _: random.Random) -> None:
    site.kill("worker")
    site.wait_for("worker")


def _kill_worker_alone(site: Site, _: random.Random) -> None:
    site.kill("worker", with_children=False)
    site.wait_for("worker")
    site.end_left_behind()


def _restart_worker(site: Site, _: random.Random) -> None:
    site.restart("worker")
    site.wait_for("worker")


def _kill_postgres(site: Site, _: random.Random) -> None:
    site.kill_postgres()


def _kill_backend(site: Site, chance: random.Random) -> None:
    site.kill_backend(chance)


def _empty_valkey(site: Site, _: random.Random) -> None:
    site.valkey().flushall()


def _kill_valkey(site: Site, _: random.Random) -> None:
    site.kill_valkey()


def _kill_beat(site: Site, _: random.Random) -> None:
    site.kill("beat")


def _kill_web(site: Site, chance: random.Random) -> None:
    if chance.random() < 0.5:
        site.kill("web")
    else:
        kill_process(site.busiest_child_of("web"))


def _ask_thrice(_: Site, __: random.Random) -> None:
    for task in (bill_due_months, issue_approved_runs, render_documents) * 3:
        task.apply_async(retry=False)


def _bill_by_hand(site: Site, _: random.Random) -> None:
    """A person types the command while the workers are at it."""
    with (site.var_dir / "log" / "bill_partners.log").open("ab") as log:
        command = [sys.executable, "manage.py", "bill_partners", "--month", site.month.strftime("%Y-%m")]
        site.commands.append(subprocess.Popen([*command, "--no-documents"], cwd=ground.ROOT, stdout=log, stderr=log))


KINDS = (
    Kind("kill -9 of a child of the worker", 24, _kill_child),
    Kind("kill -9 of the worker and its children", 8, _kill_worker),
    Kind("kill -9 of the worker; its children live on beside the next", 6, _kill_worker_alone),
    Kind("worker stopped and started", 3, _restart_worker),
    Kind("kill -9 of the postmaster", 15, _kill_postgres),
    Kind("kill -9 of a server process of PostgreSQL", 8, _kill_backend),
    Kind("FLUSHALL", 12, _empty_valkey),
    Kind("kill -9 of Valkey", 4, _kill_valkey),
    Kind("kill -9 of beat", 5, _kill_beat),
    Kind("kill -9 of the web server or a process of it", 5, _kill_web),
    Kind("every task asked for three times at once", 7, _ask_thrice),
    Kind("bill_partners typed beside the worker", 3, _bill_by_hand),
)


def drawn(count: int, chance: random.Random) -> list[Kind]:
    """Return so many faults in the order of their seed: few are all different, many keep the shares."""
    if count <= len(KINDS):
        return chance.sample(KINDS, count)
    hundred = [kind for kind in KINDS for _ in range(kind.of_hundred)]
    return [kind for _ in range(0, count, 100) for kind in chance.sample(hundred, 100)][:count]
