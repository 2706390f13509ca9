"""Owns the benchmarks of usage coming in: a batch of 50,000 and calls of 1,000, at a base of a million rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import connection, connections, transaction
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from bench import NOW
from bench.conventional import Event, EventsView, Meter
from bench.cpu import CpuClock
from bench.duels import Duel, Side
from partners.api.events import UsageEventsView
from partners.metering import NewUsage, identity
from partners.models import Partner, PartnerApiKey
from partners.services import record_usage
from tests.books import a_customer

BASE = 1_000_000
BATCH, CALL = 50_000, 1_000
CALLS = 10
DAY = 86_400  # seconds
_numbers = count()
_COLUMNS = (
    "id, partner_id, idempotency_key, event_type, occurred_at, quantity, user_id, api_key_prefix, endpoint, "
    "resource_id, metadata, created_at"
)


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Record the same events several ways, all in CPU seconds of Python and PostgreSQL together."""
    partner = Partner.objects.create(name="Bench", customer=a_customer(name="Bench"))
    key = PartnerApiKey.objects.create_key(name="bench", partner=partner)[1]
    meters = _conventional_tables()
    _fill(partner)
    batch = Side("one batch of 50,000, each once, with its day's sums", lambda: _recorded(partner))
    yield [
        Duel("Record usage", batch, Side("COPY into the same table", lambda: _copied(partner)), _rows_of_batch, 0.45),
        Duel(
            "Record usage",
            batch,
            Side("bulk_create(ignore_conflicts), conventional table", lambda: _bulk_created(partner, meters)),
            _rows_of_batch,
            6,
        ),
        Duel(
            "Post usage, 1,000 events a call",
            Side("the API", lambda: _posted(UsageEventsView, key, "event_type", {})),
            Side("DRF many=True, bulk_create", lambda: _posted(EventsView, key, "meter", meters)),
            _rows_of_calls,
            15,
        ),
    ]


def _recorded(partner: Partner) -> float:
    events, clock = list(_events(BATCH)), CpuClock()
    with clock.running():
        outcome = record_usage(partner=partner, events=events, now=NOW)
    assert outcome.fates("recorded") == BATCH  # noqa: S101
    return clock.seconds


def _copied(partner: Partner) -> float:
    """The limit: the rows are ready, nothing is asked, nothing is added up."""
    rows = [
        (identity(partner.pk, e.idempotency_key), partner.pk, *e[:-1], json.dumps(e.metadata), NOW)
        for e in _events(BATCH)
    ]
    clock = CpuClock()
    with (
        clock.running(),
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY usage_events ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
    return clock.seconds


def _bulk_created(partner: Partner, meters: dict[str, int]) -> float:
    events, clock = list(_events(BATCH)), CpuClock()
    with clock.running(), transaction.atomic():
        rows = [
            Event(partner_id=partner.pk, meter_id=meters[e.event_type], idempotency_key=e.idempotency_key,
                  occurred_at=e.occurred_at, quantity=e.quantity, user_id=e.user_id, api_key_prefix=e.api_key_prefix,
                  endpoint=e.endpoint, resource_id=e.resource_id, metadata=e.metadata)
            for e in events
        ]  # fmt: skip
        Event.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)
    return clock.seconds


def _posted(view: type[APIView], key: str, meter: str, meters: dict[str, int]) -> float:
    """Post calls to the view itself: without middleware, which would be the same for both."""
    factory, clock, answer = APIRequestFactory(), CpuClock(), view.as_view()
    bodies = [json.dumps({"events": [_body(e, meter, meters) for e in _events(CALL)]}) for _ in range(CALLS)]
    with clock.running():
        for body in bodies:
            request = factory.post("/", body, content_type="application/json", HTTP_AUTHORIZATION=f"Api-Key {key}")
            response = answer(request).render()
            assert response.status_code == 201, response.content[:300]  # noqa: S101
    return clock.seconds


def _body(event: NewUsage, meter: str, meters: dict[str, int]) -> dict[str, Any]:
    body = {**event._asdict(), "occurred_at": event.occurred_at.isoformat(), "quantity": str(event.quantity)}
    kind = body.pop("event_type")
    return {**body, meter: meters.get(kind, kind)}


def _events(number: int) -> Iterator[NewUsage]:
    for n in (next(_numbers) for _ in range(number)):
        yield NewUsage(
            idempotency_key=f"deed-{n:09}",
            event_type="deed" if n % 4 else "request",
            occurred_at=NOW - dt.timedelta(seconds=n * 7919 % DAY),  # a feed reports what happened lately
            quantity=Decimal(1),
            user_id=f"usr_{n % 4000}",
            api_key_prefix=f"pk_{n % 4}",
            endpoint="/v2/deeds/{id}",
            resource_id=f"deed_{n * 104_729 % 10**9:09}",
            metadata={"register": f"DE-{n % 900}"},
        )


def _fill(partner: Partner) -> None:
    """Lay down what was there before, in both tables, and let the server forget the work of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO usage_events ({_COLUMNS}) "  # noqa: S608
            "SELECT md5(n::text)::uuid, 1000000 + n %% 100, 'b-' || n, 'deed', %s - n * interval '3 seconds', 1, "
            "'usr_' || n %% 4000, 'pk_1', '/v2/deeds', 'deed_' || n, '{}', now() FROM generate_series(1, %s) AS n",
            [NOW, BASE],
        )
        cursor.execute(
            "INSERT INTO bench_event (partner_id, meter_id, user_id, api_key_prefix, endpoint, resource_id, quantity, "
            "occurred_at, metadata, idempotency_key, created_at) SELECT %s, 1, 'usr_' || n %% 4000, 'pk_1', "
            "'/v2/deeds/{id}', 'deed_' || n, 1, %s - n * interval '3 seconds', '{}', 'b-' || n, now() "
            "FROM generate_series(1, %s) AS n",
            [partner.pk, NOW, BASE],
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE usage_events; ANALYZE bench_event")


def _conventional_tables() -> dict[str, int]:
    with connections["owner"].schema_editor() as editor:
        editor.create_model(Meter)
        editor.create_model(Event)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "GRANT ALL ON bench_meter, bench_event TO PUBLIC; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO PUBLIC"
        )
    return {name: Meter.objects.create(name=name).pk for name in ("deed", "request")}


def _rows_of_batch(seconds: float) -> str:
    return f"{BATCH / seconds:,.0f} a CPU second"


def _rows_of_calls(seconds: float) -> str:
    return f"{CALL * CALLS / seconds:,.0f} a CPU second"
