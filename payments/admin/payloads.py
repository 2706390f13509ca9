"""Owns how stored bytes and tracebacks are read by people."""

from __future__ import annotations

import json
from typing import Any

from django.utils.html import format_html
from unfold.utils import prettify_json

from billing_site.kit.admin.columns import EMPTY


def json_block(payload: bytes | memoryview) -> Any:
    """Show stored bytes as readable JSON, or as they are when they are none."""
    raw = bytes(payload)
    try:
        return format_html('<div class="stripe-json">{}</div>', prettify_json(json.loads(raw), None))
    except (ValueError, RecursionError):
        return format_html('<div class="stripe-json"><pre>{}</pre></div>', raw.decode("utf-8", "replace"))


def trouble_block(traceback: str) -> Any:
    """Show what went wrong by its last line, which says it; the way there is behind it."""
    if not traceback.strip():
        return EMPTY
    said = trouble_in_short(traceback)
    return format_html(
        '<details class="trouble"><summary>{}</summary><div class="stripe-json"><pre>{}</pre></div></details>',
        said,
        traceback,
    )


def trouble_in_short(traceback: str) -> str:
    """Return the last line of a traceback without the path of the exception's class."""
    last = traceback.strip().rpartition("\n")[2]
    name, colon, sentence = last.partition(": ")
    return f"{name.rpartition('.')[2]}{colon}{sentence}"
