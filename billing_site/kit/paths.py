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


def currency_at(row: Any, path: str) -> str:
    """Return the code a path leads to; a blank settlement currency is the `currency` beside it."""
    before, step, _last = path.rpartition("__")
    return str(value_at(row, path) or "").strip() or str(value_at(row, f"{before}{step}currency") or "").strip()
