"""Owns the editor of tiers: a row for each, its last unit and its price, instead of raw JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from billing_site.kit.money import plain

_SPARE_ROWS = 2  # where no script adds rows
_WHOLE = re.compile("[0-9]+|[0-9]{1,3}(,[0-9]{3})+")
_PRICE = re.compile(r"[0-9]+(\.[0-9]{1,12})?")

Row = tuple[str, str]


class TiersWidget(forms.Widget):
    """Two inputs a row; what was typed is shown again as typed."""

    template_name = "admin/partners/tiers.html"

    class Media:
        js = ("brand/tiers.js",)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:  # noqa: ARG002
        ends, prices = (data.getlist(f"{name}_{part}") for part in ("up_to", "unit_price"))
        rows = zip_longest(ends, prices, fillvalue="")
        return [(end.strip(), price.strip()) for end, price in rows if end.strip() or price.strip()]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:  # noqa: ARG002
        return False  # no row is an answer too

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ARG002
        rows = [*(value or ()), *[("", "")] * _SPARE_ROWS]
        return render_to_string(self.template_name, {"rows": rows, "name": name})


class TiersField(forms.Field):
    """Cleans to what a contract stores: rows of `up_to` (None: open) and `unit_price` as text."""

    widget = TiersWidget

    def prepare_value(self, value: Any) -> list[Row]:
        return [_typed(row) for row in value or ()]

    def clean(self, value: Iterable[Row]) -> list[dict[str, Any]]:
        return [{"up_to": _end(end), "unit_price": _price(price)} for end, price in value]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != list(data or ())


def _typed(row: Row | Mapping[str, Any]) -> Row:
    if isinstance(row, tuple):
        return row
    end = row.get("up_to")
    return "" if end is None else str(end), plain(Decimal(str(row["unit_price"])))


def _end(text: str) -> int | None:
    if text and not _WHOLE.fullmatch(text):
        raise ValidationError(f"A tier ends at a whole number of units such as 5000, not at {text}.", code="invalid")
    return int(text.replace(",", "")) if text else None


def _price(text: str) -> str:
    if not _PRICE.fullmatch(text):
        raise ValidationError("Each tier has a price such as 0.35, with at most twelve decimals.", code="invalid")
    return plain(Decimal(text))
