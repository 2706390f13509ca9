"""One value as one cell: numbers stay numbers, instants carry their zone, text never becomes a formula."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.utils import timezone

from billing_site.kit.money import Money, plain

# What spreadsheets take for a formula: the four signs, their full-width twins, and the controls that are skipped first.
FORMULA_SIGNS = "=+-@＝＋－＠\t\r\n"  # noqa: RUF001 - the full-width signs are meant

Cell = None | bool | int | Decimal | date | str


def neutral(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run; other text is unchanged."""
    return f"'{text}" if text[:1] and text[0] in FORMULA_SIGNS else text


def cell(value: Any) -> Cell:
    """Give any model value as what a cell may hold; what is absent stays absent."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value
    if isinstance(value, Decimal):
        return shortest(value)
    if isinstance(value, Money):
        return value.major
    return neutral(_text(value))


def shortest(number: Decimal) -> Decimal:
    """Drop trailing zeros of a rate: 0.019600000000 is 0.0196; never an exponent."""
    return Decimal(plain(number)) if number.is_finite() else number


def _instant(value: datetime) -> str:
    return timezone.localtime(value).isoformat() if timezone.is_aware(value) else value.isoformat()


def _text(value: Any) -> str:
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
