"""JSON whose decimals are numbers written digit by digit, never through a float: ¥500 is 500, KWD 1.234 is 1.234."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder


def exact_json(value: Any) -> str:
    """Write a value made of mappings, lists, text, whole numbers, decimals and what DRF's encoder knows."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{exact_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(exact_json(inner) for inner in value) + "]"
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False, allow_nan=False)


class ExactJSONRenderer(JSONRenderer):
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        return b"" if data is None else exact_json(data).encode()
