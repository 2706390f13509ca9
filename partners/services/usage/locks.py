"""Who adds usage shares a partner's usage with other writers; who takes back, moves or archives has it alone."""

from __future__ import annotations

from django.db import connection

from partners.models import Partner

_USAGE = 0x55534147  # "USAG": keeps our keys apart from other advisory locks


def share_usage(partner: Partner) -> None:
    """Add to the partner's usage beside others, until this transaction ends."""
    _lock(partner, "pg_advisory_xact_lock_shared")


def hold_usage(partner: Partner) -> None:
    """Wait until nobody else writes the partner's usage, and keep others waiting until this transaction ends."""
    _lock(partner, "pg_advisory_xact_lock")


def _lock(partner: Partner, function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_USAGE, partner.pk])
