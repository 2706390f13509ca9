"""Owns how numbers are written: a pattern, what is wrong with one, and the number it gives. No framework."""

from __future__ import annotations

import re

_FIELD = re.compile(r"\{[^{}]*\}")
_SEQ = re.compile(r"\{seq(:0([1-9]|1[0-2]))?\}")
_YEAR = "{year}"
_PLAIN = re.compile(r"[A-Za-z0-9 ._/#-]*")
ALL_YEARS = 0


def fault_of_pattern(pattern: str) -> str:
    """Say what is wrong with a number pattern and what to write instead; nothing when it can be used."""
    unknown = [field for field in _FIELD.findall(pattern) if field != _YEAR and not _SEQ.fullmatch(field)]
    if unknown:
        return f"{unknown[0]} is no field: write {{seq}}, {{seq:06}} (padded to six digits) or {{year}}."
    if len(_SEQ.findall(pattern)) != 1:
        return "Write {seq} once: it becomes the number, such as in INV-{year}-{seq:06}."
    if not _PLAIN.fullmatch(_FIELD.sub("", pattern)) or ".." in pattern:
        return "Between the fields, write letters, digits and . _ / # - only."
    return ""


def fault_of_patterns(*, invoices: str, credit_notes: str) -> str:
    """Say why two patterns of one seller cannot be told apart; nothing when they can."""
    same = _SEQ.sub("{seq}", invoices) == _SEQ.sub("{seq}", credit_notes)
    return "Invoices and credit notes are numbered apart: give each a pattern of its own." if same else ""


def year_of_series(pattern: str, *, year: int) -> int:
    """Return the year whose counter a number is taken from: a pattern without a year counts through all of them."""
    return year if _YEAR in pattern else ALL_YEARS


def number(pattern: str, *, year: int, seq: int) -> str:
    """Fill the pattern in."""
    return pattern.format(year=year, seq=seq)
