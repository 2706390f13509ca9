"""Refusals a person can read: our own exceptions, and what PostgreSQL says when it keeps a promise."""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from django.db.models import ProtectedError, RestrictedError

from billing_site.kit.wording import counted

_RAISED = "P0001"  # SQLSTATE of RAISE EXCEPTION
_BEYOND_LIMITS = "54"  # class of SQLSTATE: no later moment would mend it
_PROTECTED_BY_PGTRIGGER = re.compile(r"pgtrigger: Cannot (?P<verb>\w+) rows from (?P<table>\w+) table")
_DEFAULT_SENTENCE = re.compile(r"^Constraint .+ is violated\.$")
_PAST = {"insert": "added", "update": "changed", "delete": "deleted", "truncate": "emptied"}


class Refused(Exception):
    """A service said no; the sentence is for people and says what to do."""


def is_refusal(error: BaseException) -> bool:
    """Tell a refusal (of a service, a validator, a constraint, a trigger, a column's range) from a fault of ours."""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) == _RAISED
    return isinstance(error, Refused | ValidationError | IntegrityError | DataError)


def is_away(error: BaseException | None) -> bool:
    """Tell that PostgreSQL is gone, full, or chose us as a deadlock's victim: the same will do in a moment."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    return not (getattr(error.__cause__, "sqlstate", None) or "").startswith(_BEYOND_LIMITS)


def constraint_of(error: DatabaseError) -> str | None:
    """Return the constraint that an error of PostgreSQL names, if it names one."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return diagnosis.constraint_name if diagnosis else None


def sentence_of(error: BaseException) -> str:
    """Say in one sentence why something was refused: by a service, a validator, a constraint or a trigger."""
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, ProtectedError | RestrictedError):
        return f"It is still used by {_named(error)}, so it cannot be deleted."
    if isinstance(error, DatabaseError):
        return _sentence_of_postgres(error)
    return str(error) or (type(error).__doc__ or type(error).__name__).strip()


def _named(error: ProtectedError | RestrictedError) -> str:
    rows = list(error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects)
    kinds = sorted({str(row._meta.verbose_name) for row in rows})  # noqa: SLF001 - Django's public-by-documentation Options
    return counted(len(rows), f"{' and '.join(kinds)} row")


def _sentence_of_postgres(error: DatabaseError) -> str:
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is None or diagnosis.sqlstate is None:
        return "The database refused this: " + (str(error).strip().splitlines() or [type(error).__name__])[0]
    if diagnosis.source_function == "exec_stmt_raise":
        return _sentence_of_trigger(diagnosis.message_primary)
    if diagnosis.sqlstate == "23502":
        return f"{_words(diagnosis.column_name or 'A column')} must be given."
    if diagnosis.constraint_name:
        return _sentence_of_constraint(diagnosis.constraint_name, diagnosis)
    return f"The database refused this: {diagnosis.message_primary}."


def _sentence_of_trigger(message: str) -> str:
    found = _PROTECTED_BY_PGTRIGGER.search(message)
    if found is None:
        return message
    return f"{_words(found['table'])} cannot be {_PAST.get(found['verb'].lower(), found['verb'])} once recorded."


def _sentence_of_constraint(name: str, diagnosis: Any) -> str:
    written = _message_of_model_constraint(name)
    if written:
        return written
    if diagnosis.sqlstate == "23503":
        return f"Something in {_words(diagnosis.table_name or '?').lower()} uses this, or what it names is gone."
    if diagnosis.sqlstate == "23505":
        return f"There is one already: {_key(diagnosis.message_detail) or _words(name).lower()}."
    return f"Refused by a rule of the database: {_words(name).lower()}."


def _message_of_model_constraint(name: str) -> str:
    for model in apps.get_models():
        for constraint in model._meta.constraints:  # noqa: SLF001
            if constraint.name == name:
                message = str(constraint.get_violation_error_message())
                return "" if _DEFAULT_SENTENCE.match(message) else message
    return ""


def _key(detail: str | None) -> str:
    """Turn `Key (currency, number)=(EUR, 7) already exists.` into `currency EUR, number 7`."""
    found = re.match(r"Key \((?P<columns>.*)\)=\((?P<values>.*)\) already exists", detail or "")
    if found is None:
        return ""
    columns, values = found["columns"].split(", "), found["values"].split(", ")
    if len(columns) != len(values) or any("(" in column for column in columns):
        return ""
    return ", ".join(f"{_words(column).lower()} {value}" for column, value in zip(columns, values, strict=True))


def _words(identifier: str) -> str:
    return identifier.replace("_", " ").strip().capitalize()
