"""Pages of what went wrong: problems for machines under /api/, Django's own pages for people."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from billing_site.kit.api.problems import CONTENT_TYPE, Unavailable, problem
from billing_site.kit.errors import is_away


def problem_page(status: int, detail: str, code: str = "") -> JsonResponse:
    return JsonResponse(problem(status=status, detail=detail, code=code), status=status, content_type=CONTENT_TYPE)


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
        if is_away(sys.exc_info()[1]):  # before the view was reached: the session of who asks could not be read
            return _unavailable()
        return problem_page(500, "The fault is ours; it is logged.", "fault")
    return defaults.server_error(request)


def _unavailable() -> JsonResponse:
    told = problem_page(Unavailable.status_code, Unavailable.default_detail, Unavailable.default_code)
    told["Retry-After"] = Unavailable.wait
    return told


def _is_for_machines(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
