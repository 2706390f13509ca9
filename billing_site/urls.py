"""Every address of the site, in the order they are tried: the admin would swallow what comes after it."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views import defaults
from django.views.generic import RedirectView

from billing_site.api import problem_page
from billing_site.health import healthz


def routes_of(module: str) -> list[object]:
    return [path("", include(module))] if find_spec(module) else []


def _is_for_machines(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse | JsonResponse:
    if _is_for_machines(request):
        return problem_page(400, "The request cannot be read.", "bad_request")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse | JsonResponse:
    if _is_for_machines(request):
        return problem_page(404, "There is nothing here.", "not_found")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse | JsonResponse:
    if _is_for_machines(request):
        return problem_page(500, "The fault is ours; it is logged.", "fault")
    return defaults.server_error(request)


handler400, handler404, handler500 = bad_request, not_found, server_error

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", healthz, name="healthz"),
    *routes_of("reporting.urls"),  # /admin/revenue and /admin/exports/..., before the admin's catch-all
    *routes_of("payments.urls"),
    *routes_of("invoices.urls"),
    path("api/v1/", include("billing_site.api")),
    path("admin/", admin.site.urls),
]
