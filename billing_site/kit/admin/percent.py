"""Rates as people say them: 19 in the form is 0.19 in the row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing_site.kit.admin.money_forms import MoneyWidget, plain


class PercentField(forms.DecimalField):
    """Shows a fraction below one, or of all where it `takes_all`, as a percentage and reads it back."""

    widget = MoneyWidget

    def __init__(self, *, takes_all: bool = False, **options: Any) -> None:
        for name in ("max_digits", "decimal_places", "step_size"):
            options.pop(name, None)
        super().__init__(**options)
        self.takes_all = takes_all
        self.widget.attrs["placeholder"] = "0 %"

    def prepare_value(self, value: Any) -> Any:
        """A row holds a Decimal; what a person typed is text."""
        return plain(value * 100) if isinstance(value, Decimal) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip().removesuffix("%").strip()
            if value and not (value.isascii() and value.replace(".", "", 1).isdecimal()):
                raise ValidationError("Write a percentage such as 19 or 7.5.", code="invalid")
        percent = super().to_python(value)
        if percent is None:
            return None
        fraction = percent / 100
        is_within = 0 <= fraction < 1 or (self.takes_all and fraction == 1)
        if not is_within or -int(fraction.normalize().as_tuple().exponent) > 6:  # noqa: PLR2004 - as the column
            most = "100" if self.takes_all else "below 100"
            raise ValidationError(f"Write a percentage from 0 to {most}, with at most four decimals.", code="range")
        return fraction

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return (initial or Decimal(0)) != (self.clean(data) or Decimal(0))
        except ValidationError:
            return True
