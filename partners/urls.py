"""Addresses of the usage behind a line, tried before the admin's own."""

from __future__ import annotations

from django.urls import path

from partners.exports import UsageDaysCsv, UsageEventsCsv

urlpatterns = [
    path("admin/exports/usage-events.csv", UsageEventsCsv.as_view(), name="usage-events-csv"),
    path("admin/exports/usage-days.csv", UsageDaysCsv.as_view(), name="usage-days-csv"),
]
