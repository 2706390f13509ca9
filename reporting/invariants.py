"""What must always be true of the books, asked of the database."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection


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
