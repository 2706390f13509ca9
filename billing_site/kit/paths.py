"""Following a Django path such as `invoice__customer__name` from a row in memory."""

from __future__ import annotations

from typing import Any


def value_at(row: Any, path: str) -> Any:
    """Return what the path leads to; None where a step is missing."""
    for step in path.split("__"):
        row = getattr(row, step, None)
        if row is None:
            return None
    return row
