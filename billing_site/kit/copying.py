"""Copying facts from outside: a row is written only when it says something new, so a replay leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)
_WRITTEN_AT_ONCE: Final = 1000


def copy_row(model: type[Row], *, key: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[Row, bool]:
    """Make the row of `key` say `fields`; return it, and whether anything was written. The caller holds the lock."""
    row = model._default_manager.filter(**key).first()  # noqa: SLF001 - the documented way to a model's manager
    if row is None:
        return model._default_manager.create(**key, **fields), True  # noqa: SLF001
    return row, copy_into(row, fields)


def copy_into(row: models.Model, fields: Mapping[str, Any]) -> bool:
    """Make a row that was just read say `fields`; return whether anything was written."""
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    if changed:
        for name in changed:
            setattr(row, name, fields[name])
        row.save(update_fields=[*changed, *_touched(type(row))])
    return bool(changed)


def copy_rows(model: type[models.Model], *, key: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Make the rows say this, a thousand in one statement; return how many were written.

    All rows name the same columns, by attribute, among them `key`, which the database holds unique. Columns they do
    not name keep what they have.
    """
    by_key = {row[key]: row for row in rows}  # one statement may write a row only once; the last word counts
    whole = [model(**row) for row in by_key.values()]
    batches = [whole[start : start + _WRITTEN_AT_ONCE] for start in range(0, len(whole), _WRITTEN_AT_ONCE)]
    said = [*rows[0]] if rows else []
    return sum(_copy_batch(model, key, [name for name in said if name != key], batch) for batch in batches)


def _copy_batch(model: type[models.Model], key: str, said: Sequence[str], rows: Sequence[models.Model]) -> int:
    options = model._meta  # noqa: SLF001 - Django's documented Options
    columns = [column for column in options.concrete_fields if not column.primary_key]
    named = {column.attname: connection.ops.quote_name(str(column.column)) for column in columns}
    values = [column.get_db_prep_save(column.pre_save(row, add=True), connection) for row in rows for column in columns]
    one = f"({', '.join(['%s'] * len(columns))})"
    table = connection.ops.quote_name(options.db_table)
    # The names are the model's own; what came from outside travels as parameters.
    statement = f"""
        INSERT INTO {table} AS old ({", ".join(named.values())}) VALUES {", ".join([one] * len(rows))}
        ON CONFLICT ({named[key]}) DO UPDATE
        SET {", ".join(f"{named[name]} = EXCLUDED.{named[name]}" for name in [*said, *_touched(model)])}
        WHERE ROW({", ".join(f"old.{named[name]}" for name in said)})
            IS DISTINCT FROM ROW({", ".join(f"EXCLUDED.{named[name]}" for name in said)})
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _touched(model: type[models.Model]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False)]  # noqa: SLF001
