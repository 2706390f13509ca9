"""Owns how a month reads beside the one before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.html import format_html

from billing_site.kit.admin import badge
from billing_site.kit.admin.columns import EMPTY

_LARGE_CHANGE = Decimal(30)  # per cent, from which a person should look


def change_text(before: int | None, now: int, *, large: Decimal | int = _LARGE_CHANGE) -> Any:
    """Say by how much a month differs from the one before; a large change stands out."""
    if before is None:
        return badge("not comparable", "info")
    if before == 0:
        return EMPTY if now == 0 else badge("from nothing", "warning")
    percent = Decimal(now - before) * 100 / Decimal(abs(before))
    said = f"{percent:+,.1f} %" if now != before else "0.0 %"
    return badge(said, "warning") if abs(percent) >= large else format_html('<span class="money">{}</span>', said)
