"""Owns how a discount is typed: as an amount (12.50) or as a percentage (10 %), in one field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django import forms

from billing_site.kit.admin import MoneyForm, MoneyFormField, MoneyWidget
from billing_site.kit.admin.percent import PercentField
from billing_site.kit.admin.words import percent_text

Discount = tuple[int, Decimal]


class DiscountField(forms.CharField):
    """Cleans to minor units and a fraction, one of which is zero."""

    widget = MoneyWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.form: forms.BaseForm | None = None

    def clean(self, value: Any) -> Discount:
        written = super().clean(value)
        if written.endswith("%"):
            return 0, cast("Decimal", PercentField(takes_all=True).clean(written))
        amount = MoneyFormField(required=False)
        amount.form = self.form
        return amount.clean(written) or 0, Decimal(0)


class DiscountForm(MoneyForm):
    """A form whose `discount` is kept in two columns of its row: minor units, and a fraction."""

    discount_columns = ("discount_given_cents", "discount_rate")
    discount = DiscountField(help_text="An amount such as 12.50, or a percentage such as 10 %.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields.get("discount")
        if field is not None:
            cast("DiscountField", field).form = self
            self.initial.setdefault("discount", self._written())

    def clean(self) -> Any:
        cleaned = super().clean()
        if "discount" in self.cleaned_data:
            for column, value in zip(self.discount_columns, self.cleaned_data["discount"], strict=True):
                setattr(self.instance, column, value)
        return cleaned

    def _written(self) -> str:
        """Write what the row holds as a person would."""
        cents, rate = (getattr(self.instance, column) for column in self.discount_columns)
        if rate:
            return percent_text(rate)
        amount = MoneyFormField(required=False)
        amount.form = self
        return str(amount.prepare_value(cents)) if cents else ""
