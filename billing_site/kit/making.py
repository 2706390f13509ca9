"""Owns the making of many rows of a model: as calling it, without asking each of its fields for each row."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)


class Maker(Generic[Row]):
    """Makes rows as `model(**values)` does, unsaved; signals of making are not sent, and defaults are read once.

    For models without an `__init__` of their own.
    """

    def __init__(self, model: type[Row]) -> None:
        """Read what the model's fields default to; what they make anew, such as a dictionary, is made for each row."""
        fields = model._meta.concrete_fields  # noqa: SLF001 - Django's public-by-documentation Options
        self._model = model
        called = [field for field in fields if field.has_default() and callable(field.default)]
        self._called = [(field.attname, field.default) for field in called]
        self._plain = {field.attname: field.get_default() for field in fields if field not in called}
        related: list[Any] = [field for field in fields if field.is_relation]
        self._keys = {field.name: (field.attname, field.target_field.attname) for field in related}
        self._size = len(fields)

    def __call__(self, **values: Any) -> Row:
        """Make one. Raises TypeError for a name the model does not have."""
        row = self._model.__new__(self._model)
        state = row._state = ModelState()  # noqa: SLF001
        for name in self._keys.keys() & values.keys():
            related = state.fields_cache[name] = values.pop(name)
            key, target = self._keys[name]
            values[key] = None if related is None else getattr(related, target)
        kept = row.__dict__
        kept |= self._plain
        for name, default in self._called:
            kept[name] = default()
        kept |= values
        if len(kept) != self._size + 1:
            msg = f"{self._model.__name__} has no field {' or '.join(values.keys() - self._plain.keys())}."
            raise TypeError(msg)
        return row
