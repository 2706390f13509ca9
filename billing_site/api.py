"""The routes of `/api/v1/`, gathered from the apps; the OpenAPI document and its reader."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from billing_site.faults import problem_page
from billing_site.kit.api import schema  # noqa: F401 - registers itself


def no_such_endpoint(request: HttpRequest) -> JsonResponse:
    return problem_page(404, f"There is no {request.path}; see /api/v1/openapi.json.", "not_found")


urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    *(path("", include(f"{app}.api")) for app in ("invoices", "payments", "partners", "reporting")),
    re_path(r"^.*$", no_such_endpoint),
]
