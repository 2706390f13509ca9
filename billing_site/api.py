"""The routes of `/api/v1/`, gathered from the apps; the OpenAPI document and its reader."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, URLResolver, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from billing_site.faults import problem_page
from billing_site.kit.api import schema  # noqa: F401 - registers itself

_APPS = ("invoices", "payments", "partners", "reporting")


def routes_of(app: str) -> list[URLPattern | URLResolver]:
    """Return an app's endpoints, none where it has none."""
    if find_spec(f"{app}.api") is None:
        return []
    return list(import_module(f"{app}.api").urlpatterns)


def no_such_endpoint(request: HttpRequest) -> JsonResponse:
    return problem_page(404, f"There is no {request.path}; see /api/v1/openapi.json.", "not_found")


urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    *(route for app in _APPS for route in routes_of(app)),
    re_path(r"^.*$", no_such_endpoint),
]
