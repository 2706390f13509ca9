"""The lists of events are read from an index in their order, not sorted whole for each page."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connection
from django.test import RequestFactory

from partners.models import UsageEvent

pytestmark = pytest.mark.django_db


def plan_of_the_list(**asked: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    page, request = admin.site.get_model_admin(UsageEvent), RequestFactory().get("/", asked)
    rows = UsageEvent.objects.filter(partner=7) if asked else UsageEvent.objects.all()
    return rows.order_by(*page.get_ordering(request))[:50].explain()


def test_days_of_all_partners_are_not_looked_for_along_all_that_arrived():
    page, asked = (
        admin.site.get_model_admin(UsageEvent),
        {"occurred_at_from": "2025-01-01", "occurred_at_to": "2025-01-31"},
    )
    assert page.get_ordering(RequestFactory().get("/", asked)) == ("-occurred_at", "pk")


def test_what_arrived_last_comes_from_an_index():
    assert "Index Scan Backward using usage_in_order_of_arrival" in plan_of_the_list()


def test_the_newest_events_of_a_partner_come_from_an_index():
    assert "Index Scan Backward using usage_of_partner_by_time" in plan_of_the_list(partner__id__exact="7")
