"""Owns how a period is typed: by its first and its last day, where rows keep the first day after it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import INPUT_CLASSES

_DAY = dt.timedelta(days=1)


class DayInput(forms.DateInput):
    """The browser's own field for a day: it works in rows that come and go."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%d")


class LastDayField(forms.DateField):
    """Shows the day before the one that is kept, and cleans to the day after the one that was typed."""

    def prepare_value(self, value: Any) -> Any:
        return value - _DAY if isinstance(value, dt.date) else value

    def to_python(self, value: Any) -> dt.date | None:
        day = super().to_python(value)
        try:
            return day and day + _DAY
        except OverflowError as error:
            raise ValidationError("This day is too far away.", code="too_late") from error


def refuse_disorder(form: forms.BaseForm, *, first: str, last: str) -> None:
    """Ask for both days of a period or for none, the last not before the first."""
    if first in form.errors or last in form.errors:
        return
    start, end = form.cleaned_data.get(first), form.cleaned_data.get(last)
    if (start is None) != (end is None):
        form.add_error(first if start is None else last, "Write both days of the period, or none.")
    elif start and start >= end:
        form.add_error(last, "The period ends before it begins.")
