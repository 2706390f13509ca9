"""The doors for usage: single events (as JSON or as a stream of lines), and requests a product counted itself."""

from __future__ import annotations

from django.urls import path

from partners.api.counts import ApiUsageView
from partners.api.events import UsageEventsView

urlpatterns = [
    path("usage-events", UsageEventsView.as_view(), name="usage-events"),
    path("api-usage", ApiUsageView.as_view(), name="api-usage"),
]
