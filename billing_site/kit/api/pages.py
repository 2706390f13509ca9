"""Pages by key: the next page starts after the last row seen, so rows that arrive meanwhile repeat and hide nothing."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param

MOST_ROWS = 500


class KeysetPagination(BasePagination):
    """`{"data": [...], "next": url or null}`, in the order of the primary key; `page_size` up to 500."""

    descending = False

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:  # noqa: ARG002
        self.request = request
        size = self._page_size(request)
        rows = queryset.order_by("-pk" if self.descending else "pk")
        cursor = request.query_params.get("cursor")
        if cursor:
            rows = rows.filter(**{"pk__lt" if self.descending else "pk__gt": _decoded(cursor, queryset)})
        found = list(rows[: size + 1])
        self.last = found[size - 1] if len(found) > size else None
        return found[:size]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "next": self.next_url()})

    def next_url(self) -> str | None:
        if self.last is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "cursor", _encoded(self.last.pk))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next"],
            "properties": {"data": schema, "next": {"type": "string", "format": "uri", "nullable": True}},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        size = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": api_settings.PAGE_SIZE}
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": "From `next`.",
            },
            {"name": "page_size", "in": "query", "required": False, "schema": size, "description": "Rows on a page."},
        ]

    def _page_size(self, request: Request) -> int:
        written = request.query_params.get("page_size", "")
        if not written:
            return int(api_settings.PAGE_SIZE or 100)
        if not (written.isascii() and written.isdecimal() and len(written) <= 3 and 1 <= int(written) <= MOST_ROWS):  # noqa: PLR2004
            raise ValidationError({"page_size": f"Write a whole number from 1 to {MOST_ROWS}."})
        return int(written)


class NewestFirst(KeysetPagination):
    """The same from the latest row backwards."""

    descending = True


def _encoded(key: object) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _decoded(cursor: str, queryset: QuerySet[Any]) -> Any:
    key = queryset.model._meta.pk  # noqa: SLF001
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        value = key.to_python(text)
        key.run_validators(value)
    except (binascii.Error, ValueError, DjangoValidationError) as error:
        raise ValidationError({"cursor": "Follow `next` as given, or leave it away for the first page."}) from error
    return value
