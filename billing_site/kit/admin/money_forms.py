"""Forms speak major units (12.50), rows keep minor units (1250): the exponent is that of the form's currency."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import chain
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils.text import capfirst
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import INPUT_CLASSES, UnfoldPrefixSuffixMixin

from billing_site.kit import currencies
from billing_site.kit.fields import CentsField, RateField
from billing_site.kit.money import Money, TooPrecise, plain

_BIGGEST = 2**63 - 1
_WRITTEN = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?")  # 12,50 is refused: it may mean either


_RULE = re.compile("^Constraint .(.+?). is violated\\.$")  # Django's own words, in typographic quotes


class MoneyWidget(UnfoldPrefixSuffixMixin, forms.TextInput):
    """A short right-aligned input; text and not number, so that no browser rewrites or scrolls an amount."""

    template_name = "unfold/widgets/text.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {
                "class": " ".join([*INPUT_CLASSES, "money-input"]),
                "inputmode": "decimal",
                "autocomplete": "off",
                **(attrs or {}),
            }
        )


class MoneyFormField(forms.DecimalField):
    """Reads and shows an amount in major units of `form_currency()`; cleans to an int of minor units."""

    widget = MoneyWidget

    def __init__(self, **options: Any) -> None:
        for integer_only in ("step_size", "min_value", "max_value"):
            options.pop(integer_only, None)
        super().__init__(**options)
        self.form: forms.BaseForm | None = None

    def currency(self) -> str:
        """Tell the currency of the form this field stands in."""
        if self.form is None:
            raise ImproperlyConfigured("A money field needs a form that knows the currency: derive it from MoneyForm.")
        return currency_of(self.form)

    def prepare_value(self, value: Any) -> Any:
        """Show stored minor units as major units; what a person typed is shown as typed."""
        currency = self.currency()
        if type(value) is not int or not currencies.is_known(currency):
            return value
        return f"{Money(value, currency).major:f}"

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        """Read plain digits only: Decimal itself would also take `1_000`, `1e3` and digits of other scripts."""
        if value in self.empty_values:
            return None
        found = _WRITTEN.fullmatch(str(value).strip())
        if found is None:
            raise ValidationError("Write an amount such as 1234.50 or 1,234.50.", code="invalid")
        return Decimal(found[0].replace(",", ""))

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        if amount is None:
            return None
        cents = self._cents(amount)
        if abs(cents) > _BIGGEST:
            raise ValidationError("This amount is too large.", code="too_large")
        return cents

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return (initial if initial != "" else None) != self.clean(data)
        except ValidationError:
            return True

    def _cents(self, amount: Decimal) -> int:
        currency = self.currency()
        try:
            return Money.from_major(amount, currency).cents
        except TooPrecise as error:
            raise ValidationError(
                f"{currency} has {currencies.exponent(currency)} decimals; {amount} has more.", code="too_precise"
            ) from error
        except currencies.UnknownCurrency as error:
            raise ValidationError("Choose a known currency first.", code="currency") from error


class RateFormField(forms.DecimalField):
    """A price of up to twelve places, shown without its trailing zeros."""

    widget = MoneyWidget

    def prepare_value(self, value: Any) -> Any:
        return plain(value) if isinstance(value, Decimal) else value


class MoneyForm(forms.ModelForm):
    """A model form whose money fields know the currency: the form's own, the row's, or its parent's."""

    money_parent: models.Model | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, MoneyFormField):
                field.form = self

    def _update_errors(self, errors: ValidationError) -> None:
        """Say the rules of the database in words, not by their identifiers."""
        lists = errors.error_dict.values() if hasattr(errors, "error_dict") else [errors.error_list]
        for error in chain.from_iterable(lists):
            found = _RULE.match(str(error.message))
            if found:
                error.message = f"Refused by a rule: {found[1].replace('_', ' ')}."
        super()._update_errors(errors)  # type: ignore[misc]


class MoneyFormSet(PaginationInlineFormSet):
    """Rows of an inline take the currency of the page's own row."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.money_parent = self.instance


def above_zero(cents: int) -> int:
    """Refuse nothing and less than nothing; for `clean_amount_cents` of what is received or granted."""
    if cents <= 0:
        raise ValidationError("Write an amount above zero.", code="not_positive")
    return cents


def currency_of(form: Any) -> str:
    """Find a form's currency: what is being typed, else the row's, else the parent's, else the reporting currency."""
    if "currency" in form.fields:
        typed = form["currency"].value()
        return str(typed or "").strip().upper()
    for row in (form.instance, getattr(form, "money_parent", None)):
        found = _currency_of_row(row)
        if found:
            return found
    return str(settings.REPORTING_CURRENCY)


def form_field_class(db_field: models.Field) -> type[forms.DecimalField] | None:
    """Tell which form field shows a column of money, or None for any other column."""
    if isinstance(db_field, CentsField):
        return MoneyFormField
    return RateFormField if isinstance(db_field, RateField) else None


def label_of(db_field: models.Field) -> str:
    """Name a column of money without its unit, which the form does not show: `Document discount`."""
    name = str(db_field.verbose_name)
    return capfirst(name.removesuffix(" cents"))


def _currency_of_row(row: Any) -> str:
    try:
        return getattr(row, "currency", "") or ""
    except ObjectDoesNotExist:
        return ""
