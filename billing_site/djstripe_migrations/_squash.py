"""Squashing: the operations of a history that still matter at its end, read from the history itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.migrations import (
    AddField,
    AlterField,
    AlterModelOptions,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    RemoveField,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

CREATING = (CreateModel, AddField)
CHANGING = (AlterField, AlterModelOptions, AlterUniqueTogether, RemoveField, DeleteModel)  # seen in the final state


class CannotSquash(Exception):
    """Leave that migration out of the squash: it then runs after it, as upstream wrote it."""


def state_after(operations: Sequence[Operation], app_label: str) -> ProjectState:
    """Return the models these operations lead to, beginning with none."""
    state = ProjectState()
    for operation in operations:
        operation.state_forwards(app_label, state)
    return state


def surviving(operations: Sequence[Operation], app_label: str) -> list[Operation]:
    """Return, in the order of the history, only the creation of tables and fields that are there at its end.

    What was dropped on the way is never created; what was altered is created as it ended.
    """
    _refuse_unknown(operations)
    return list(_creations(operations, state_after(operations, app_label), app_label))


def _refuse_unknown(operations: Sequence[Operation]) -> None:
    for operation in operations:
        if not isinstance(operation, CREATING + CHANGING):
            raise CannotSquash(f"{operation.describe()}: a fresh database would miss this {type(operation).__name__}.")


def _creations(operations: Sequence[Operation], end: ProjectState, app_label: str) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, CreateModel):
            model = end.models.get((app_label, operation.name_lower))
            if model:
                yield _created(operation, model)
        elif isinstance(operation, AddField):
            model = end.models.get((app_label, operation.model_name_lower))
            if model and operation.name in model.fields:
                yield AddField(operation.model_name, operation.name, model.fields[operation.name])


def _created(operation: CreateModel, model: ModelState) -> CreateModel:
    fields = [(name, model.fields[name]) for name, _ in operation.fields if name in model.fields]
    return CreateModel(operation.name, fields, options=model.options, bases=model.bases, managers=model.managers)
