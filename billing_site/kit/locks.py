"""Owns names that one transaction at a time holds; PostgreSQL lets go of them however the transaction ends."""

from __future__ import annotations

from django.db import connection


def took(name: str) -> bool:
    """Take a name for this transaction; False, at once, when another transaction holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])
