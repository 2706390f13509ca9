"""Owns how a machine or a spreadsheet asks for a CSV: days, known filters, one format, nothing kept on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation

EARLIEST = dt.date(2000, 1, 1)
LATEST = dt.date(2200, 1, 1)


class AlwaysOurs(DefaultContentNegotiation):
    """A browser and a spreadsheet ask for anything; there is one answer."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


class DayFilters(serializers.Serializer[Any]):
    """Days from one to another, both included, and filters that are all known by name."""

    to = serializers.DateField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(required=False), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError(
                {name: f"There is no such filter; known are {', '.join(self.fields)}." for name in unknown}
            )
        for name in ("from", "to"):
            if name in attrs and not EARLIEST <= attrs[name] < LATEST:
                raise serializers.ValidationError({name: f"Write a day between {EARLIEST} and {LATEST}."})
        if "from" in attrs and "to" in attrs and attrs["to"] < attrs["from"]:
            raise serializers.ValidationError({"to": f"{attrs['to']} comes before {attrs['from']}."})
        return attrs


def csv_answer(pieces: Iterable[bytes], name: str) -> StreamingHttpResponse:
    """Stream a CSV file to be saved under this name."""
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
