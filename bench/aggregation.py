"""Owns the benchmark of the month close: what each contract used, asked of our daily sums and of the events."""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
from django.db import connection, connections
from django.db.models import Sum

from bench.duels import Clock, Duel, Side, in_milliseconds
from billing_site.kit.periods import Period
from invoices.models import Customer
from partners.metering import DEED, REQUEST
from partners.models import Contract, Partner, UsageEvent
from partners.services.runs.previews import usage_of
from tests.books import a_seller
from tests.partners.agreements import MODELS, UTC

EVENTS = int(os.environ.get("BENCH_EVENTS", "10_000_000"))
PARTNERS = 1_000
ZERO = Decimal(0)
FULL, TENTH = Period.month(2026, 10, UTC), Period.month(2026, 8, UTC)  # of 31 days both: as many sums to add up
Used = dict[int, tuple[Decimal, Decimal]]  # the deeds and requests of a contract, or of its partner
Way = Callable[[Period], Used]

# The ids ascend, so that the tree of the primary key grows at its end; no month is read through it.
_EVENTS = """
INSERT INTO usage_events (id, partner_id, user_id, api_key_prefix, event_type, endpoint, resource_id, quantity,
                          occurred_at, metadata, idempotency_key, created_at)
SELECT lpad(to_hex(%(first)s + n), 32, '0')::uuid, (%(partners)s::bigint[])[1 + n %% %(count)s], '', 'bench',
       (ARRAY['deed', 'request'])[1 + n / %(count)s %% 2],
       (ARRAY['/v2/deeds', '/v2/parcels', '/v2/deeds/pdf', '/v2/owners'])[1 + n / %(count)s %% 4],
       'deed-' || n, 1 + n %% 7, %(starts_at)s + n * ((%(ends_at)s - %(starts_at)s) / %(events)s), '{}', n::text, now()
FROM generate_series(0, %(events)s - 1) AS n
"""
_DAILY_SUMS = """
INSERT INTO api_usage (partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity)
SELECT partner_id, (occurred_at AT TIME ZONE 'UTC')::date, event_type, api_key_prefix, endpoint,
       sum(CASE event_type WHEN 'request' THEN quantity ELSE 1 END), sum(quantity)
FROM usage_events GROUP BY 1, 2, 3, 4, 5
"""
_COPY = "COPY (SELECT partner_id, event_type, endpoint, quantity, occurred_at FROM usage_events) TO STDOUT (FORMAT csv)"
_LOAD = """
CREATE TABLE usage_events AS FROM read_csv(?, header = false, columns = {'partner_id': 'BIGINT',
    'event_type': 'VARCHAR', 'endpoint': 'VARCHAR', 'quantity': 'DECIMAL(18, 6)', 'occurred_at': 'TIMESTAMPTZ'})
"""
_ASK = """
SELECT partner_id, coalesce(sum(quantity) FILTER (event_type = 'deed'), 0),
       coalesce(sum(quantity) FILTER (event_type = 'request'), 0)
FROM usage_events WHERE occurred_at >= ? AND occurred_at < ? GROUP BY partner_id
"""


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Fill two months, one with a tenth of the other's events, and ask what each contract used in them."""
    contracts = _agree()
    _fill([contract.partner_id for contract in contracts])
    with closing(duckdb.connect()) as duck:
        _copy_to(duck)
        ours, by_duckdb = partial(_ours, contracts), partial(_by_duckdb, duck)
        _refuse_unlike(contracts, ours, _by_the_orm, by_duckdb)
        what = f"What {PARTNERS:,} contracts used in a month of {EVENTS:,} events"
        day_sums = _side("our daily sums", ours, FULL)
        others = [
            (_side("the ORM's group by over the events", _by_the_orm, FULL), 20),
            (_side("DuckDB over the events", by_duckdb, FULL), 0.67),
            (_side(f"our daily sums of {EVENTS // 10:,} events", ours, TENTH), 0.8),
        ]
        yield [Duel(what, day_sums, other, in_milliseconds, at_least=mark) for other, mark in others]


def _ours(contracts: list[Contract], month: Period) -> Used:
    counted = usage_of(contracts=contracts, start=month.start, end=month.end)
    return {contract: (used[DEED], used[REQUEST]) for contract, used in counted.items()}


def _by_the_orm(month: Period) -> Used:
    events = UsageEvent.objects.within(starts_at=month.starts_at, ends_at=month.ends_at)
    rows = events.order_by().values_list("partner_id", "event_type").annotate(Sum("quantity"))
    counted = {(partner, meter): quantity for partner, meter, quantity in rows}
    return {
        partner: (counted.get((partner, DEED), ZERO), counted.get((partner, REQUEST), ZERO)) for partner, _ in counted
    }


def _by_duckdb(duck: duckdb.DuckDBPyConnection, month: Period) -> Used:
    rows = duck.execute(_ASK, [month.starts_at, month.ends_at]).fetchall()
    return {partner: (deeds, requests) for partner, deeds, requests in rows}


def _side(called: str, way: Way, month: Period) -> Side:
    def seconds() -> float:
        clock = Clock()
        with clock.running():
            way(month)
        return clock.seconds

    return Side(called, seconds)


def _refuse_unlike(contracts: list[Contract], ours: Way, *others: Way) -> None:
    """What is fast must be right first."""
    counted = ours(FULL)
    by_partner = {contract.partner_id: counted[contract.pk] for contract in contracts}
    for other in others:
        if other(FULL) != by_partner:
            msg = "Two ways of adding up a month differ."
            raise AssertionError(msg)


# --- What is asked -----------------------------------------------------------------------------------------------


def _agree() -> list[Contract]:
    """Make partners with a contract each, of every model in turns."""
    seller = a_seller()
    customers = Customer.objects.bulk_create(Customer(name=f"Customer {n}", country="DE") for n in range(PARTNERS))
    partners = Partner.objects.bulk_create(Partner(name=customer.name, customer=customer) for customer in customers)
    return Contract.objects.bulk_create(
        Contract(
            partner=one,
            seller=seller,
            reference=one.name,
            pricing_model=model,
            currency="USD",
            status="active",
            start_date=dt.date(2026, 1, 1),
            **MODELS[model],
        )
        for one, model in zip(partners, list(MODELS) * PARTNERS, strict=False)
    )


def _fill(partners: list[int]) -> None:
    print(f"  .. {EVENTS * 11 // 10:,} events are made", file=sys.stderr, flush=True)
    with _without_indexes(), connection.cursor() as cursor:
        for month, events in ((TENTH, EVENTS // 10), (FULL, EVENTS)):
            span = {"starts_at": month.starts_at, "ends_at": month.ends_at, "first": events, "events": events}
            cursor.execute(_EVENTS, {"partners": partners, "count": PARTNERS, **span})
        cursor.execute(_DAILY_SUMS)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) usage_events, api_usage")


@contextmanager
def _without_indexes() -> Iterator[None]:
    """Build the indexes of the events after the rows, in a fraction of the time."""
    indexes = UsageEvent._meta.indexes  # noqa: SLF001 - documented API
    with connections["owner"].schema_editor() as editor:
        for index in indexes:
            editor.remove_index(UsageEvent, index)
    yield
    with connections["owner"].schema_editor() as editor:
        for index in indexes:
            editor.add_index(UsageEvent, index)


def _copy_to(duck: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB the same rows in a table of its own."""
    with tempfile.TemporaryDirectory() as folder, connection.cursor() as cursor:
        path = Path(folder) / "events.csv"
        with path.open("wb") as file, cursor.copy(_COPY) as copy:
            for block in copy:
                file.write(block)
        duck.execute(_LOAD, [str(path)])
