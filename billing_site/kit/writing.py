"""Owns writes of many rows in one statement, where the ORM's own grow with the rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from decimal import Decimal
from types import NoneType
from typing import Any

from django.db import connections, models, router, transaction

_NEXT_IDS = """
WITH named AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, %s) AS sequence)
SELECT nextval(sequence) FROM named, generate_series(1, %s)
"""
_PLAIN = {  # what a column of this kind takes without a change; anything else is prepared by its field
    **dict.fromkeys(("CharField", "TextField"), str),
    **dict.fromkeys(("AutoField", "BigAutoField"), int),
    **dict.fromkeys(("IntegerField", "BigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"), int),
    "BooleanField": bool,
    "DecimalField": Decimal,
    "DateField": dt.date,
    "DateTimeField": dt.datetime,
}


def next_id(model: type[models.Model]) -> int:
    """Take the id of a row that is written later, such as one whose parts are written before it."""
    return next_ids(model, 1)[0]


def next_ids(model: type[models.Model], count: int) -> list[int]:
    """Take the ids of so many rows that are written later."""
    column = str(model._meta.pk.column)  # noqa: SLF001 - Django's public-by-documentation Options
    with connections[router.db_for_write(model)].cursor() as cursor:
        cursor.execute(_NEXT_IDS, [model._meta.db_table, column, count])  # noqa: SLF001
        return [key for (key,) in cursor.fetchall()]


@transaction.atomic(savepoint=False)
def insert_rows(model: type[models.Model], rows: Sequence[Any]) -> int:
    """Write new rows; as `bulk_create`, in one COPY whose time is PostgreSQL's. They get their ids before.

    Constraints and triggers hold as ever. Returns how many rows were written.
    """
    if not rows:
        return 0
    connection = connections[router.db_for_write(model)]
    options = model._meta  # noqa: SLF001
    _give_ids(model, rows)
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in options.concrete_fields)
    statement = f"COPY {connection.ops.quote_name(options.db_table)} ({names}) FROM STDIN"
    columns = [_written(field, _said(field, rows)) for field in options.concrete_fields]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for values in zip(*columns, strict=True):
            copy.write_row(values)
    for row in rows:
        row._state.adding = False  # noqa: SLF001
        row._state.db = connection.alias  # noqa: SLF001
    return len(rows)


@transaction.atomic(savepoint=False)
def update_rows(model: type[models.Model], rows: Sequence[Any], fields: Sequence[str]) -> int:
    """Write these fields of rows that exist; as `bulk_update`, in one statement that does not grow with the rows.

    Each column goes as one array. Returns how many rows were written.
    """
    if not rows:
        return 0
    connection = connections[router.db_for_write(model)]
    options = model._meta  # noqa: SLF001
    columns: list[Any] = [options.pk, *(options.get_field(name) for name in fields)]
    quote = connection.ops.quote_name
    arrays = [_written(field, [getattr(row, field.attname) for row in rows]) for field in columns]
    casts = ", ".join(f"%s::{field.rel_db_type(connection) or field.db_type(connection)}[]" for field in columns)
    names: list[str] = [quote(field.column) for field in columns]
    changes = ", ".join(f"{name} = given.{name}" for name in names[1:])
    statement = (
        f"UPDATE {quote(options.db_table)} AS kept SET {changes} FROM unnest({casts}) AS given({', '.join(names)})"  # noqa: S608 - names of columns only
        f" WHERE kept.{names[0]} = given.{names[0]}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, arrays)
        return int(cursor.rowcount)


def _give_ids(model: type[models.Model], rows: Sequence[Any]) -> None:
    """Give new rows the ids under which they will be written, so that others can name them before."""
    name = str(model._meta.pk.attname)  # noqa: SLF001
    waiting = [row for row in rows if getattr(row, name) is None]
    for row, key in zip(waiting, next_ids(model, len(waiting)) if waiting else (), strict=True):
        setattr(row, name, key)


def _said(field: Any, rows: Sequence[Any]) -> list[Any]:
    """Return what new rows say in a column; most fields have nothing to add to it before it is saved."""
    if isinstance(field, models.DateField) and (field.auto_now or field.auto_now_add):
        return _dated(field, rows)
    if isinstance(field, models.DateField) or type(field).pre_save is models.Field.pre_save:
        return [vars(row)[field.attname] for row in rows]
    return [field.pre_save(row, add=True) for row in rows]


def _dated(field: Any, rows: Sequence[Any]) -> list[Any]:
    """Give all rows of a block the same moment: they are written in one."""
    moment = field.pre_save(rows[0], add=True)
    for row in rows:
        vars(row)[field.attname] = moment
    return [moment] * len(rows)


def _written(field: Any, values: list[Any]) -> list[Any]:
    """Prepare a column for PostgreSQL; most values are as it takes them, and asking the field for each costs most."""
    kind = (field.target_field if field.is_relation else field).get_internal_type()
    if kind == "JSONField":
        return _as_json(field, values)
    types = set(map(type, values)) - {NoneType}
    if types <= {_PLAIN.get(kind)} and (types != {Decimal} or _are_finite(values)):
        return values
    if _PLAIN.get(kind) is str and all(issubclass(one, str) for one in types):
        return [None if value is None else str.__str__(value) for value in values]  # of choices, their values
    connection = connections[router.db_for_write(field.model)]
    return [None if value is None else field.get_db_prep_save(value, connection=connection) for value in values]


def _are_finite(values: Sequence[Decimal | None]) -> bool:
    """PostgreSQL would keep what is not a number; a field refuses it."""
    return all(value is None or value.is_finite() for value in values)


def _as_json(field: Any, values: list[Any]) -> list[str | None]:
    """Write each object once, however many rows hold it: a thousand invoices copy one seller, logo and all."""
    write = (field.encoder or json.JSONEncoder)().encode
    different = {id(value): value for value in values if value is not None}
    texts = {key: "{}" if value == {} else write(value) for key, value in different.items()}
    return [None if value is None else texts[id(value)] for value in values]
