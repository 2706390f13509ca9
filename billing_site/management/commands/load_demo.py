"""`manage.py load_demo`: the company of the demo, told for a day, into an empty database of its own."""

from __future__ import annotations

import datetime as dt
import time
from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing_site.demo.dates import Dates
from billing_site.demo.loading import is_loaded, load


class Command(BaseCommand):
    help = "Fill an empty database with a company to look at; the same day gives the same company."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of", metavar="DAY", help="the day it is told for, such as 2026-11-23 (default: today)"
        )
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there is data already")
        parser.add_argument("--customers", type=int, metavar="N", help="about so many customers instead of forty")

    def handle(self, *, as_of: str | None, if_empty: bool, customers: int | None, **_: Any) -> None:
        if settings.PRODUCTION or settings.STRIPE_LIVE_MODE:
            raise CommandError("Demo data has passwords that everybody knows: it is never loaded in production.")
        dates = Dates(_day(as_of), ZoneInfo(settings.BILLING_TIME_ZONE))
        if is_loaded():
            if not if_empty:
                raise CommandError("There is data already; the demo is only loaded into an empty database.")
            self.stdout.write("  The data of the last start is used again; remove var/ to begin anew.")
            return
        begun = time.monotonic()
        load(dates, stripe_file=settings.VAR_DIR / "stripe_sim.json.gz", customers=customers, told=self._tell)
        self.stdout.write(f"  Parcelbase as of {dates.as_of}, loaded in {time.monotonic() - begun:.1f} s.")

    def _tell(self, sentence: str) -> None:
        self.stdout.write(f"  {sentence}")
        self.stdout.flush()


def _day(written: str | None) -> dt.date:
    today = timezone.localdate()
    try:
        day = dt.date.fromisoformat(written) if written else today
    except ValueError:
        raise CommandError(f"{written!r} is no day; write one such as 2026-11-23.") from None
    if day > today:
        raise CommandError(f"{day} has not come yet; the story is told for a day until today, {today}.")
    return day
