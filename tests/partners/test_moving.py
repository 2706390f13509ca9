"""A partner moves to another time zone: its days are cut anew, nothing is lost, and what changes is said before."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.db.models import Sum
from django.urls import reverse

from partners.metering import CountsBatch, NewUsage, RequestCount, Reversal
from partners.models import ApiUsage, Contract, Partner, UsageArchive
from partners.services import UnknownTimeZone, late_usage, record_counts, record_usage
from partners.services.moving import AlreadyThere, ArchivedDaysStand, DaysUnproved, effects_of_moving, move_to_time_zone
from partners.services.usage.proof import all_usage_differences
from tests.partners.agreements import AFTER_OCTOBER, a_contract, a_partner, bill

pytestmark = pytest.mark.django_db
BORDER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def hours(start: int, end: int) -> list[NewUsage]:
    return [NewUsage(f"h{hour}", "deed", BORDER + dt.timedelta(hours=hour), Decimal(1)) for hour in range(start, end)]


def counted(partner) -> list[tuple[str, int]]:
    rows = ApiUsage.objects.filter(partner=partner, event_type="deed").order_by("day")
    return [(f"{row.day:%m-%d}", int(row.quantity)) for row in rows]


def move(partner, zone: str) -> list[str]:
    return [str(effect) for effect in move_to_time_zone(partner=partner, zone=zone, now=AFTER_OCTOBER, by="ada")]


def test_the_days_are_cut_in_the_new_zone_and_the_sum_stays():
    partner = a_partner(zone="UTC")
    record_usage(partner=partner, events=[*hours(-12, 12), Reversal("undo", "h0")], now=AFTER_OCTOBER)
    assert counted(partner) == [("10-31", 12), ("11-01", 11)]
    assert move(partner, "Asia/Tokyo") == [
        "2026-10: 12 deeds before, 3 after; nobody will pay for days without a contract.",
        "2026-11: 11 deeds before, 20 after; nobody will pay for days without a contract.",
    ]
    assert counted(partner) == [("10-31", 3), ("11-01", 20)]
    assert all_usage_differences() == []


def test_contracts_move_along_and_months_that_are_billed_have_late_usage():
    contract = a_contract()
    record_usage(partner=contract.partner, events=hours(-12, 0), now=AFTER_OCTOBER)
    bill()
    assert move(contract.partner, "Asia/Tokyo") == [
        "2026-10: 12 deeds before, 3 after; the month is billed, so the difference is late usage.",
        "2026-11: 0 deeds before, 9 after.",
    ]
    contract.refresh_from_db()
    assert contract.billing_time_zone == "Asia/Tokyo"
    assert [late.unbilled for late in late_usage()] == [-9]


def test_counts_by_day_keep_their_day():
    partner = a_partner(zone="UTC")
    batch = CountsBatch("b", (RequestCount(dt.date(2026, 10, 31), 7),))
    record_counts(partner=partner, batch=batch, now=AFTER_OCTOBER)
    assert move(partner, "Asia/Tokyo") == []
    assert ApiUsage.objects.get().day == dt.date(2026, 10, 31)


def test_looking_at_a_move_changes_nothing():
    partner = a_partner(zone="UTC")
    record_usage(partner=partner, events=hours(-12, 12), now=AFTER_OCTOBER)
    assert len(effects_of_moving(partner=partner, zone="Asia/Tokyo", now=AFTER_OCTOBER)) == 2
    assert counted(partner) == [("10-31", 12), ("11-01", 12)]
    assert Partner.objects.get(pk=partner.pk).billing_time_zone == partner.billing_time_zone == "UTC"


def test_a_move_that_cannot_be_right_is_refused():
    partner = a_partner(zone="UTC")
    record_usage(partner=partner, events=hours(-1, 1), now=AFTER_OCTOBER)
    with pytest.raises(UnknownTimeZone):
        move(partner, "Mars/Olympus")
    with pytest.raises(AlreadyThere):
        move(partner, "UTC")
    ApiUsage.objects.filter(partner=partner, day="2026-11-01").update(quantity=5)
    with pytest.raises(DaysUnproved, match="check_books"):
        move(partner, "Asia/Tokyo")
    ApiUsage.objects.filter(partner=partner, day="2026-11-01").update(quantity=1)
    day, at = dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    UsageArchive.objects.create(
        partner=partner, period_start=day, period_end=day + dt.timedelta(31), starts_at=at,
        ends_at=at + dt.timedelta(31), events=0, sums={}, file_name="x", size=1, sha256="0" * 64,
    )  # fmt: skip
    with pytest.raises(ArchivedDaysStand, match="cannot be cut anew"):
        move(partner, "Asia/Tokyo")


@pytest.mark.django_db(transaction=True)
def test_usage_that_comes_while_a_partner_moves_is_cut_in_the_zone_of_its_moment():
    partner = a_partner(zone="UTC")

    def send(n: int) -> None:
        try:
            known = Partner.objects.get(pk=partner.pk)
            for turn in range(8):
                batch = [
                    event._replace(idempotency_key=f"{n}-{turn}-{event.idempotency_key}") for event in hours(-5, 5)
                ]
                record_usage(partner=known, events=batch, now=AFTER_OCTOBER)
        finally:
            connections.close_all()

    def wander() -> None:
        try:
            for zone in ("Asia/Tokyo", "America/New_York", "Europe/Berlin"):
                move_to_time_zone(partner=partner, zone=zone, now=AFTER_OCTOBER, by="ada")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as people:
        work = [people.submit(send, n) for n in range(3)] + [people.submit(wander)]
        for one in work:
            one.result()
    assert ApiUsage.objects.filter(partner=partner).aggregate(n=Sum("quantity"))["n"] == 240
    assert all_usage_differences() == []
    berlin = [event.occurred_at.astimezone(ZoneInfo("Europe/Berlin")).day for event in hours(-5, 5)]
    assert counted(partner) == [("10-31", 24 * berlin.count(31)), ("11-01", 24 * berlin.count(1))]


def test_the_page_says_what_will_happen_and_then_does_it(admin_client):
    contract = a_contract()
    record_usage(partner=contract.partner, events=hours(-12, 12), now=AFTER_OCTOBER)
    page = reverse("admin:partners_partner_change", args=[contract.partner.pk])
    assert "move-to-another-time-zone" in admin_client.get(page).content.decode()
    url = reverse("admin:partners_partner_move_to_another_time_zone", args=[contract.partner.pk])
    looked = admin_client.post(url, {"zone": "Asia/Tokyo"}).content.decode()
    assert "2026-10: 12 deeds before, 3 after" in looked
    assert "Nothing has changed yet" in looked
    assert Contract.objects.get().billing_time_zone == "UTC"
    assert admin_client.post(url, {"zone": "Asia/Tokyo", "is_understood": "on"}).status_code == 302
    assert Contract.objects.get().billing_time_zone == "Asia/Tokyo"
