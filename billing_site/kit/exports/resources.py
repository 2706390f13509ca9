"""Rows of a model as safe cells; each `*_cents` column gets a readable twin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignKey, Model, QuerySet
from import_export.fields import Field
from import_export.resources import ModelResource

from billing_site.kit.exports.cells import Cell, cell
from billing_site.kit.money import Money
from billing_site.kit.paths import currency_at, value_at

__all__ = ["Field", "SafeResource"]
_CENTS, _AMOUNT = "_cents", "_amount"


class SafeResource(ModelResource):
    """A resource whose cells are typed; `total_cents` is followed by `total_amount`, exact in major units.

    `currency_of` names the column that holds the currency of an amount where that is not `currency`.
    """

    currency_of: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in list(self.fields):
            if name.endswith(_CENTS):
                twin = name.removesuffix(_CENTS) + _AMOUNT
                self.fields.setdefault(twin, Field(column_name=twin, readonly=True))

    def get_export_order(self) -> tuple[str, ...]:
        """Place each amount beside its minor units."""
        ordered = [name for name in super().get_export_order() if not self._is_twin(name)]
        return tuple(column for name in ordered for column in self._with_twin(name))

    def export_field(self, field: Field, instance: Model, **options: Any) -> Cell:
        name = self.get_field_name(field)
        if self._is_twin(name):
            return self._amount(name.removesuffix(_AMOUNT) + _CENTS, instance)
        if callable(getattr(self, field.get_dehydrate_method(name), None)):
            return cell(super().export_field(field, instance, **options))
        return cell(self._value(field, instance))

    def rows(self, queryset: QuerySet[Any], columns: Sequence[str] | None = None) -> Iterator[list[Cell]]:
        """Yield the head, then each row; holds one chunk in memory."""
        fields = self.get_export_fields(columns)
        yield [field.column_name for field in fields]
        for row in self.iter_queryset(self.filter_export(queryset)):
            yield [self.export_field(field, row) for field in fields]

    def _value(self, field: Field, instance: Model) -> Any:
        """Read a foreign key's own column: its row would cost a query."""
        try:
            found = instance._meta.get_field(field.attribute or "")  # noqa: SLF001 - documented API
        except FieldDoesNotExist:
            return field.get_value(instance)
        return getattr(instance, found.attname) if isinstance(found, ForeignKey) else field.get_value(instance)

    def _amount(self, column: str, instance: Model) -> Cell:
        source = self.fields[column].attribute or column
        cents = value_at(instance, source)
        before, step, _last = source.rpartition("__")
        currency = currency_at(instance, self.currency_of.get(column, f"{before}{step}currency"))
        return Money(cents, currency).major if cents is not None and currency else None

    def _is_twin(self, name: str) -> bool:
        return name.endswith(_AMOUNT) and name.removesuffix(_AMOUNT) + _CENTS in self.fields

    def _with_twin(self, name: str) -> Iterable[str]:
        return (name, name.removesuffix(_CENTS) + _AMOUNT) if name.endswith(_CENTS) else (name,)
