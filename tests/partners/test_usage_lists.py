"""The list of events is read from an index in the order of time, not sorted whole for each page."""

from __future__ import annotations

import pytest
from django.db import connection

from partners.models import UsageEvent

pytestmark = pytest.mark.django_db


def test_the_newest_events_come_from_an_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = UsageEvent.objects.order_by("-occurred_at", "pk")[:50].explain()
    assert "Index Scan Backward using usage_in_order_of_time" in plan
