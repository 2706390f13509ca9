"""A day is a day of the partner's zone: whatever the zone of the server, and cut by the same rules everywhere."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from billing_site.kit.periods import Period
from partners.metering import NewUsage
from partners.models import ApiUsage
from partners.services import record_usage
from partners.services.usage.proof import all_usage_differences
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
BORDER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("server", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_the_zone_of_the_server_changes_no_day(server, settings):
    settings.TIME_ZONE = server
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [server])
    partner = a_partner(zone="Europe/Berlin")
    hours = [NewUsage(f"h{n}", "deed", BORDER + dt.timedelta(hours=n), Decimal(1)) for n in range(-12, 12)]
    record_usage(partner=partner, events=hours, now=AFTER_OCTOBER)
    days = ApiUsage.objects.order_by("day").values_list("day", "quantity")
    assert list(days) == [(dt.date(2026, 10, 31), 11), (dt.date(2026, 11, 1), 13)]
    assert all_usage_differences() == []


def test_days_are_those_of_python_even_where_postgresql_knows_an_older_rule():
    """Nobody can choose a zone whose days the drill-down and the invoice would cut in two ways."""
    zones = ["Africa/Casablanca", "America/Vancouver", "Asia/Almaty", "Pacific/Apia", "Antarctica/Troll"]
    for zone in zones:
        partner = a_partner(zone=zone)
        starts = [Period.month(2026, month, ZoneInfo(zone)).starts_at for month in range(1, 11)]
        at = [start + dt.timedelta(seconds=shift) for start in starts for shift in (-1, 0)]
        events = [NewUsage(str(n), "deed", instant, Decimal(1)) for n, instant in enumerate(at)]
        record_usage(partner=partner, events=events, now=AFTER_OCTOBER)
        days = ApiUsage.objects.filter(partner=partner).order_by("day").values_list("day", flat=True)
        assert list(days) == [instant.astimezone(ZoneInfo(zone)).date() for instant in at]
    assert all_usage_differences() == []
