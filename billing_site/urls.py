"""Every address of the site, in the order they are tried: the admin would swallow what comes after it."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from billing_site.faults import bad_request, not_found, server_error
from billing_site.health import healthz, stripe_healthz

handler400, handler404, handler500 = bad_request, not_found, server_error

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", healthz, name="healthz"),
    path("healthz/stripe", stripe_healthz, name="stripe-healthz"),
    path("", include("reporting.urls")),  # /admin/revenue and /admin/exports/..., before the admin's catch-all
    path("", include("partners.urls")),
    path("", include("payments.urls")),
    path("", include("invoices.urls")),
    path("api/v1/", include("billing_site.api")),
    path("admin/", admin.site.urls),
]
