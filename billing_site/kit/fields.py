"""Columns of money: minor units, a currency code, and rates finer than a minor unit."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from billing_site.kit import currencies


def known_currency(code: str) -> None:
    if not currencies.is_known(code):
        raise ValidationError(f"{code!r} is no ISO 4217 currency; write one such as EUR.", code="currency")


class CentsField(models.BigIntegerField):
    """An amount in minor units of the row's `currency`, whatever its exponent."""


class CapitalsFormField(forms.CharField):
    """Reads a code however it is typed: eur is EUR."""

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").upper()


class CurrencyField(models.CharField):
    """An ISO 4217 code in capital letters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 3)
        kwargs.setdefault("validators", [known_currency])
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        """Say CHAR(3) as PostgreSQL does: a bulk insert drops the (3), and a bare char holds one letter."""
        return "bpchar(3)"

    def formfield(self, **options: Any) -> Any:
        """Take small letters in forms."""
        return super().formfield(**{"form_class": CapitalsFormField, **options})

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:  # noqa: ARG002
        """Read no currency as no text: CHAR pads it with spaces."""
        return value.strip() if value else value


class RateField(models.DecimalField):
    """A price of one unit in major units of the row's currency; finer than a cent, never a float."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 24)
        kwargs.setdefault("decimal_places", 12)
        super().__init__(*args, **kwargs)


def is_currency(column: str = "currency") -> models.Q:
    """Condition of a CHECK: three capital letters."""
    return models.Q(**{f"{column}__regex": "^[A-Z]{3}$"})


def one_of(column: str, choices: type[models.TextChoices]) -> models.Q:
    """Condition of a CHECK: one of the enum's values."""
    return models.Q(**{f"{column}__in": choices.values})
