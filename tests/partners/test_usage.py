"""Usage is counted once, on the day it happened where the partner lives, whoever sends it how often."""

from __future__ import annotations

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.periods import Period
from partners.metering import CountsBatch, InvalidUsage, NewUsage, RequestCount, read_event
from partners.metering.fields import as_json
from partners.models import ApiUsage, UsageEvent
from partners.services import UnknownTimeZone, record_counts, record_usage, usage_without_contract
from tests.partners.agreements import AFTER_OCTOBER, a_contract, a_partner, use

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 10, 15, 12, tzinfo=dt.UTC)
DEED = NewUsage(idempotency_key="k-1", event_type="deed", occurred_at=NOON, quantity=Decimal(3), endpoint="/v2/deeds")
SENT = {"idempotency_key": "k-1", "event_type": "deed", "occurred_at": "2026-10-15T12:00:00Z"}


def fates(partner, *events):
    return [item.fate for item in record_usage(partner=partner, events=events, now=AFTER_OCTOBER).items]


def counted(partner):
    rows = ApiUsage.objects.filter(partner=partner).order_by("day", "event_type", "endpoint")
    return [(f"{row.day:%m-%d}", row.event_type, row.requests, row.quantity) for row in rows]


def test_an_event_and_its_day_are_recorded_together():
    partner = a_partner()
    assert fates(partner, DEED) == ["recorded"]
    assert UsageEvent.objects.get().quantity == 3
    assert counted(partner) == [("10-15", "deed", 1, 3)]


def test_a_repeat_counts_nothing():
    partner = a_partner()
    assert fates(partner, DEED, DEED) == ["recorded", "repeated"]
    assert fates(partner, DEED) == ["repeated"]
    assert counted(partner) == [("10-15", "deed", 1, 3)]


def test_the_same_key_with_another_body_is_a_conflict_and_counts_nothing():
    partner = a_partner()
    other = DEED._replace(quantity=Decimal(4))
    assert fates(partner, DEED, other) == ["recorded", "conflict"]
    assert fates(partner, DEED._replace(metadata={"case": 7})) == ["conflict"]
    assert counted(partner) == [("10-15", "deed", 1, 3)]


def test_two_partners_may_use_the_same_key():
    ours, theirs = a_partner(), a_partner()
    assert fates(ours, DEED) == fates(theirs, DEED) == ["recorded"]


def test_a_repeat_is_recognised_whatever_zone_it_is_written_in():
    partner = a_partner()
    berlin = DEED._replace(occurred_at=NOON.astimezone(ZoneInfo("Europe/Berlin")), quantity=Decimal("3.000"))
    assert fates(partner, DEED, berlin) == ["recorded", "repeated"]
    assert fates(partner, berlin) == ["repeated"]


def test_a_day_is_a_day_of_the_partners_zone():
    tokyo = a_partner(zone="Asia/Tokyo")
    use(tokyo, at="2026-10-31T14:59:59+00:00")
    use(tokyo, at="2026-10-31T15:00:00+00:00")
    assert counted(tokyo) == [("10-31", "deed", 1, 1), ("11-01", "deed", 1, 1)]


def test_requests_are_counted_by_number():
    partner = a_partner()
    use(partner, 25, meter="request")
    for key in "ab":
        batch = CountsBatch(key, (RequestCount(day=dt.date(2026, 10, 15), requests=75),))
        record_counts(partner=partner, batch=batch, now=AFTER_OCTOBER)
    assert counted(partner) == [("10-15", "request", 175, 175)]


def test_a_partner_in_no_time_zone_is_refused_with_a_sentence():
    with pytest.raises(UnknownTimeZone, match="'Mars/Olympus', which does not exist"):
        use(a_partner(zone="Mars/Olympus"))


def test_events_at_the_month_boundary_are_counted_in_exactly_one_month():
    """Five time zones, every hour around the boundary: the months add up to all events."""
    zones = ["UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Pacific/Auckland"]
    for zone in zones:
        partner = a_partner(zone=zone)
        boundary = Period.month(2026, 11, ZoneInfo(zone)).starts_at
        hours = [boundary + dt.timedelta(hours=hour) for hour in range(-30, 30)]
        events = [DEED._replace(idempotency_key=str(at), occurred_at=at, quantity=Decimal(1)) for at in hours]
        record_usage(partner=partner, events=events, now=AFTER_OCTOBER)
        months = [
            ApiUsage.objects.filter(partner=partner)
            .within(start=month.start, end=month.end)
            .aggregate(n=Sum("quantity"))["n"]
            for month in (Period.month(2026, 10, ZoneInfo(zone)), Period.month(2026, 11, ZoneInfo(zone)))
        ]
        assert months == [30, 30], zone


@pytest.mark.django_db(transaction=True)
def test_four_at_once_over_a_month_border_count_once():
    partner = a_partner(zone="Europe/Paris")
    border = dt.datetime(2026, 10, 31, 22, 59, 59, tzinfo=dt.UTC)
    events = [
        DEED._replace(idempotency_key=f"k-{n}", occurred_at=border + dt.timedelta(seconds=n), quantity=Decimal(1))
        for n in range(40)
    ]

    def send(order: int) -> list[str]:
        try:
            return fates(partner, *(events if order % 2 else reversed(events)))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as senders:
        told = [fate for fates_of_one in senders.map(send, range(4)) for fate in fates_of_one]
    assert sorted(told) == ["recorded"] * 40 + ["repeated"] * 120
    assert counted(partner) == [("10-31", "deed", 1, 1), ("11-01", "deed", 39, 39)]


def test_to_say_true_where_one_was_said_is_another_body():
    partner = a_partner()
    one, true = DEED._replace(metadata={"copies": 1}), DEED._replace(metadata={"copies": True})
    assert fates(partner, one, true) == ["recorded", "conflict"]
    assert fates(partner, true, DEED._replace(metadata={"copies": 1.0})) == ["conflict", "repeated"]


@pytest.mark.parametrize("place", range(8))
def test_one_repeat_among_many_new_events_is_found_wherever_it_stands(place):
    partner = a_partner()
    fates(partner, DEED)
    events = [DEED._replace(idempotency_key=f"k-{n}", quantity=Decimal(1)) for n in range(2, 102)]
    told = fates(partner, *events[:place], DEED, *events[place:])
    assert told == ["recorded"] * place + ["repeated"] + ["recorded"] * (100 - place)
    assert counted(partner) == [("10-15", "deed", 101, 103)]


def test_usage_without_a_contract_is_listed():
    agreed = a_contract(start_date=dt.date(2026, 10, 10))
    use(agreed.partner, at="2026-10-09T12:00:00+00:00")
    use(agreed.partner, at="2026-10-10T12:00:00+00:00")
    assert [row.day for row in usage_without_contract()] == [dt.date(2026, 10, 9)]


# --- What is read from outside -----------------------------------------------------------------------------------


def refused(**changes: object) -> dict[str, str]:
    with pytest.raises(InvalidUsage) as refusal:
        read_event({**SENT, **changes}, now=AFTER_OCTOBER)
    return refusal.value.errors


def test_an_event_reads_as_it_was_sent():
    read = read_event({**SENT, "quantity": "2.5", "metadata": {"a": 1}}, now=AFTER_OCTOBER, api_key_prefix="pk_1")
    expected = DEED._replace(quantity=Decimal("2.5"), endpoint="", metadata={"a": 1}, api_key_prefix="pk_1")
    assert read == expected


@pytest.mark.parametrize(
    "quantity", [0, -1, "-1", "1_000", "\uff11", "1e3", "NaN", True, None, [], "0.0000001", 10**13]
)
def test_a_quantity_is_a_plain_number_above_zero(quantity):
    assert refused(quantity=quantity).keys() == {"quantity"}


@pytest.mark.parametrize(
    "instant",
    [
        "2026-10-15",
        "2026-10-15T12:00:00",
        "2026-13-15T12:00:00Z",
        "2099-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z",
        1,
        "soon",
    ],
)
def test_an_instant_has_an_offset_and_lies_in_living_memory(instant):
    assert refused(occurred_at=instant).keys() == {"occurred_at"}


def test_what_nobody_priced_is_refused():
    assert "deed or request" in refused(event_type="search")["event_type"]
    assert refused(event_type="request", quantity="1.5") == {"quantity": "Requests are counted whole."}
    assert refused(colour="red").keys() == {"colour"}
    assert refused(idempotency_key="").keys() == {"idempotency_key"}
    assert refused(user_id="a\nb", metadata={"a": "x" * 5000}).keys() == {"user_id", "metadata"}
    with pytest.raises(InvalidUsage, match="JSON object"):
        read_event(7, now=AFTER_OCTOBER)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.lists(st.text()), max_size=3))
def test_metadata_is_written_as_json_writes_it(metadata):
    assert as_json(metadata) == json.dumps(metadata)
