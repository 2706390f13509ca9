"""Panels under a row's page: small tables that higher floors add to pages that never hear of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

MOST_ROWS = 10  # of a panel; the list behind its link has the rest


@dataclass(frozen=True, slots=True)
class Panel:
    """A table: `heads`, then `amounts` (right-aligned), and rows of as many cells; `none` is said without rows.

    A `picture`, such as a chart, stands above the table.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    amounts: Sequence[str] = ()
    none: str = ""
    url: str = ""
    note: str = ""
    picture: str = ""
    is_wide: bool = field(default=False)

    @property
    def cells(self) -> list[list[tuple[Any, bool]]]:
        """Each cell with whether it is an amount."""
        return [[(cell, index >= len(self.heads)) for index, cell in enumerate(row)] for row in self.rows]


PanelBuilder = Callable[[Any, HttpRequest], Iterable[Panel]]
_builders: dict[type[models.Model], list[PanelBuilder]] = {}


def register(model: type[models.Model]) -> Callable[[PanelBuilder], PanelBuilder]:
    """Add a function from row and request to panels; a decorator. Panels stand in the order of registration."""

    def add(builder: PanelBuilder) -> PanelBuilder:
        builders = _builders.setdefault(model, [])
        if builder not in builders:
            builders.append(builder)
        return builder

    return add


def panels_of(row: models.Model, request: HttpRequest) -> list[Panel]:
    """Build every panel that says something about the row."""
    built = (panel for builder in _builders.get(type(row), ()) for panel in builder(row, request))
    return [panel for panel in built if panel.rows or panel.none or panel.picture]


def may_see(request: HttpRequest, model: type[models.Model]) -> bool:
    """Tell whether the user may see rows of another page: a panel shows no more than the list it comes from."""
    options = model._meta  # noqa: SLF001 - documented API
    return bool(request.user.has_perm(f"{options.app_label}.view_{options.model_name}"))


def list_url(model: type[models.Model], **asked: Any) -> str:
    """Return the address of a list, filtered."""
    options = model._meta  # noqa: SLF001 - documented API
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return f"{url}?{urlencode(asked)}" if asked else url
