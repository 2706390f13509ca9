"""Addresses a text column of PostgreSQL could not hold are refused before a page asks for them."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class RefuseNul:
    """Answers 400 where a page's path or query holds a NUL; the API names the wrong parameter itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        said = request.path_info + request.META.get("QUERY_STRING", "").replace("%00", "\x00")
        if "\x00" in said and not request.path_info.startswith("/api/"):
            raise BadRequest("An address cannot contain a NUL character.")
        return self.get_response(request)
