"""Days as an operator writes them, read as the instant they begin in the company's time zone."""

from __future__ import annotations

import argparse
import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings


def day(text: str) -> dt.datetime:
    """Return when a day begins; for `add_argument(type=day)`."""
    try:
        written = dt.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-10-31.") from error
    return dt.datetime.combine(written, dt.time(), ZoneInfo(settings.BILLING_TIME_ZONE))
