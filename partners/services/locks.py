"""Who waits for whom: one run of a month at a time, and a contract is billed or changed, never both at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError, connection

from billing_site.kit.errors import Refused
from partners.querysets import ContractQuerySet

_MONTH_END = 0x4D4F4E54  # "MONT": keeps our keys apart from other advisory locks


class MonthAtWork(Refused):
    """Somebody else builds or issues this month at this moment."""


@contextmanager
def month_at_work(month_start: dt.date) -> Iterator[None]:
    """Hold a month for this connection, however that ends. Raises MonthAtWork at once rather than wait.

    The lock spares two runs each other's work; that a month is billed once is `contract_billed_once_per_period`.
    """
    key = [_MONTH_END, month_start.year * 100 + month_start.month]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        if not cursor.fetchone()[0]:
            raise MonthAtWork(f"Another run of {month_start:%Y-%m} is at work; look again when it is done.")
    try:
        yield
    finally:
        with suppress(OperationalError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def hold_contracts(contracts: ContractQuerySet) -> None:
    """Keep these contracts as they are until the transaction ends: who bills waits for who changes, and the reverse.

    In one order for everybody, and before anything is read of them.
    """
    list(contracts.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk"))
