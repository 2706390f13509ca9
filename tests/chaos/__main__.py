"""`python -m tests.chaos`: a hundred faults at a month end of a thousand partners, and what is left of it."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.site import Site
    from tests.chaos.storm import Storm

ROOT = Path(__file__).resolve().parent.parent.parent
MONTHS_BACK = 12  # the first month that is billed; usage of it is still taken
GATEWAYS, PARTNERS_OF_A_GATEWAY = 2, 20
_OTHERS = ("DATABASE_", "MIGRATION_DATABASE_", "REDIS_", "STRIPE_", "BILLING_", "FILES", "AWS_", "EMAIL_")


def main() -> int:
    options = _options()
    _prepare_environment(options.folder)
    import django

    django.setup()
    from tests.chaos.report import say, tell

    say(f"Seed {options.seed}: {options.faults} faults, {options.partners} partners; the logs are in {options.folder}.")
    begun = time.monotonic()
    with _servers(options.folder) as site:
        storm = _weathered(site, options)
        found = tell(storm, seconds_in_all=time.monotonic() - begun)
    return int(found > 0)


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    asked.add_argument("--partners", type=int, default=1000)
    asked.add_argument("--faults", type=int, default=100)
    asked.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="the order and the moments of faults")
    asked.add_argument("--folder", type=Path, default=ROOT / "var" / "chaos", help="emptied first, kept afterwards")
    return asked.parse_args()


def _prepare_environment(folder: Path) -> None:
    """Nothing of the developer's environment reaches the site: it has a folder and servers of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith(_OTHERS)]:
        del os.environ[name]
    os.environ |= {"VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "billing_site.settings"}
    os.chdir(ROOT)


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[Site]:
    from django.core.management import call_command

    from tests.chaos.site import Site

    with contextlib.closing(Site(folder)) as site:
        site.start_servers()
        call_command("migrate", database="owner", interactive=False, skip_checks=True, verbosity=0)
        yield site


def _weathered(site: Site, options: argparse.Namespace) -> Storm:
    """Make the company, start the site, and let the storm pass over both."""
    from django.utils import timezone

    from tests.chaos import company
    from tests.chaos.clockwork import quicken
    from tests.chaos.faults import drawn
    from tests.chaos.gateway import Gateway
    from tests.chaos.report import say
    from tests.chaos.storm import Storm

    chance = random.Random(options.seed)  # noqa: S311 - a repeatable order
    first_month = company.month_after(timezone.now().date().replace(day=1), -MONTHS_BACK)
    agreed = company.agree(partners=options.partners, first_month=first_month, chance=chance)
    company.use(agreed, first_month, chance)
    quicken()
    address = site.start_programs()
    theirs = [company.going_on_of(agreed)[n::GATEWAYS][:PARTNERS_OF_A_GATEWAY] for n in range(GATEWAYS)]
    gateways = [Gateway(address, one, seed=options.seed + n) for n, one in enumerate(theirs)]
    storm = Storm(site, agreed, gateways, drawn(options.faults, chance), chance=chance, say=say)
    storm.run(first_month)
    return storm


if __name__ == "__main__":
    sys.exit(main())
