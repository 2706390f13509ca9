"""Tells a page in which direction a text is written: `<div{{ name|direction }}>`."""

from __future__ import annotations

import unicodedata

from django import template
from django.utils.safestring import SafeString

register = template.Library()

_RIGHT_TO_LEFT = SafeString(' dir="rtl"')


@register.filter
def direction(text: str) -> str:
    """Return the attribute of a text whose first letter is Hebrew or Arabic; "" of every other."""
    if text.isascii():
        return ""
    first = next((kind for kind in map(unicodedata.bidirectional, text) if kind in {"L", "R", "AL"}), "L")
    return "" if first == "L" else _RIGHT_TO_LEFT
