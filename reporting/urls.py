"""Addresses below the admin's own that machines may ask too; routed before it, or it would swallow them."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.utils import extend_schema

from reporting.api import RevenueView
from reporting.exports import PaymentsCsv


@extend_schema(exclude=True)
class AdminRevenue(RevenueView):
    """The same answer at its older address; the API document shows it once."""


urlpatterns = [
    path("admin/revenue", AdminRevenue.as_view(), name="admin-revenue"),
    path("admin/exports/payments.csv", PaymentsCsv.as_view(), name="payments-csv"),
]
