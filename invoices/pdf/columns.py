"""Owns the widths of table columns: laid out fixed (fast), so each is measured by its longest text first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PAGE_MM = 174
_LEAST_FIRST_MM = 48
_GAP_MM = 7
_TENTHS_PER_LETTER = 19  # tenths of a millimetre a letter takes at the size of a table


@dataclass(frozen=True, slots=True)
class Column:
    """A head and its width; the first column has none and takes what is left."""

    label: str
    width: str = ""


def columns(first: str, others: Sequence[tuple[str, Iterable[str]]]) -> list[Column]:
    """Return the columns of a table from their heads and the texts below them; the last one is of amounts."""
    widths = [max(_width_mm(text) for text in (head, *texts)) for head, texts in others]
    excess = max(sum(widths) - (PAGE_MM - _LEAST_FIRST_MM), 0)
    if excess:
        shrinking = widths[:-1] or widths  # an amount is never broken
        widths[shrinking.index(max(shrinking))] -= excess  # its longest texts wrap, rather than leave the page
    return [Column(first), *(Column(head, f"{mm}mm") for (head, _), mm in zip(others, widths, strict=True))]


def _width_mm(text: str) -> int:
    letters = sum(2 if letter == "%" or unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
    return letters * _TENTHS_PER_LETTER // 10 + _GAP_MM
