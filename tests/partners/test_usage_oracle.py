"""The fast way in writes what the plain way writes: row by row, in plain words, whatever is sent and sent again."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.metering import NewUsage, Reversal
from partners.models import ApiUsage, Partner, UsageEvent
from partners.services import record_usage
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
NUMBERS = count(1)
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]
KEYS = [f"k{n}" for n in range(6)]
TEXTS = st.sampled_from(["", "a", "\\", "\\N", 'quo"te', "{}", "ünï", "\u3042", "%s", "a,b"])


@st.composite
def events(draw):
    if draw(st.integers(0, 3)) == 0:
        key, target = draw(st.permutations(KEYS))[:2]
        return Reversal(key, target)
    meter = draw(st.sampled_from(["deed", "request"]))
    places = 0 if meter == "request" else draw(st.integers(0, 6))
    return NewUsage(
        idempotency_key=draw(st.sampled_from(KEYS)),
        event_type=meter,
        occurred_at=dt.datetime(2026, 10, 24, tzinfo=dt.UTC) + dt.timedelta(minutes=draw(st.integers(0, 3000))),
        quantity=Decimal(draw(st.integers(1, 3))).scaleb(-places),
        user_id=draw(TEXTS),
        endpoint=draw(st.sampled_from(["", "/a"])),
        resource_id=draw(TEXTS),
        metadata=draw(st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans() | st.none(), max_size=2)),
    )


def record_plainly(partner: Partner, batch: list[NewUsage | Reversal]) -> None:
    """Look each key up, then create what is new and add it to its day."""
    for event in [*filter(lambda e: isinstance(e, NewUsage), batch), *filter(lambda e: isinstance(e, Reversal), batch)]:
        firsts = {e.idempotency_key: e for e in reversed(batch)}
        if UsageEvent.objects.filter(partner=partner, idempotency_key=event.idempotency_key).exists():
            continue
        if firsts[event.idempotency_key] != event:
            continue
        if isinstance(event, Reversal):
            take_back_plainly(partner, event)
        else:
            UsageEvent.objects.create(pk=new_id(), partner=partner, **event._asdict())
            add_plainly(partner, event, 1)


def take_back_plainly(partner: Partner, reversal: Reversal) -> None:
    target = UsageEvent.objects.filter(partner=partner, idempotency_key=reversal.reverses, reverses=None).first()
    if target is None or UsageEvent.objects.filter(reverses=target.pk).exists():
        return
    event = NewUsage(*(getattr(target, name) for name in NewUsage._fields))
    undo = event._replace(idempotency_key=reversal.idempotency_key, quantity=-event.quantity, metadata={})
    UsageEvent.objects.create(pk=new_id(), partner=partner, reverses=target.pk, **undo._asdict())
    add_plainly(partner, event, -1)


def add_plainly(partner: Partner, event: NewUsage, sign: int) -> None:
    day, _ = ApiUsage.objects.get_or_create(
        partner=partner,
        day=event.occurred_at.astimezone(ZoneInfo(partner.billing_time_zone)).date(),
        event_type=event.event_type,
        api_key_prefix=event.api_key_prefix,
        endpoint=event.endpoint,
    )
    day.requests += sign * (int(event.quantity) if event.event_type == "request" else 1)
    day.quantity += sign * event.quantity
    day.save()


def new_id() -> str:
    return f"00000000-0000-0000-0000-{next(NUMBERS):012}"


def written(partner: Partner) -> tuple[list, list]:
    keys = dict(UsageEvent.objects.filter(partner=partner).values_list("pk", "idempotency_key"))
    kept = sorted(
        (*(str(getattr(row, name)) for name in NewUsage._fields), keys.get(row.reverses))
        for row in UsageEvent.objects.filter(partner=partner)
    )
    days = ApiUsage.objects.filter(partner=partner).order_by("day", "event_type", "endpoint")
    return kept, list(days.values_list("day", "event_type", "endpoint", "api_key_prefix", "requests", "quantity"))


@given(st.lists(st.lists(events(), max_size=8), min_size=1, max_size=4), st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_fast_way_writes_what_the_plain_way_writes(db, batches, zone):
    with transaction.atomic():
        ours, plain = a_partner(zone=zone), a_partner(zone=zone)
        for batch in [*batches, batches[0]]:
            record_usage(partner=ours, events=batch, now=AFTER_OCTOBER)
            record_plainly(plain, batch)
        assert written(ours) == written(plain)
        transaction.set_rollback(True)
