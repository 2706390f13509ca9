"""Addresses a text column of PostgreSQL could not hold are refused before a page of the admin asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class RefuseNul:
    """Answers 400 where the path or query of an admin page holds a NUL; the API names the wrong parameter itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        is_admin_page = request.resolver_match is not None and request.resolver_match.app_name == "admin"
        if is_admin_page and ("\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")):
            raise BadRequest("An address cannot contain a NUL character.")
