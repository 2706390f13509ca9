"""What must always be true of the books, asked of the database."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from partners.services.usage.proof import all_usage_differences


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold, and where."""

    name: str
    detail: str


def broken_invariants() -> list[Broken]:
    """Return what does not hold; nothing when the books balance."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, detail FROM billing_invariants ORDER BY name, detail")
        return [Broken(*row) for row in cursor.fetchall()]


def broken_usage() -> list[Broken]:
    """Return the daily sums of usage that are not what was counted; this reads every count there is."""
    return [Broken("usage_is_what_was_counted", str(difference)) for difference in all_usage_differences()]
