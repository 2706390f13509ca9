"""Copying facts from outside: a row is written only when it says something new, so a replay leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


def copy_row(model: type[Row], *, key: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[Row, bool]:
    """Make the row of `key` say `fields`; return it, and whether anything was written. The caller holds the lock."""
    row = model._default_manager.filter(**key).first()  # noqa: SLF001 - the documented way to a model's manager
    if row is None:
        return model._default_manager.create(**key, **fields), True  # noqa: SLF001
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    if changed:
        for name in changed:
            setattr(row, name, fields[name])
        row.save(update_fields=[*changed, *_touched(model)])
    return row, bool(changed)


def _touched(model: type[models.Model]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False)]  # noqa: SLF001
