"""The page of one row: what it says above the form, the panels below it, and only the buttons that make sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin.history import Change, audit_of
from billing_site.kit.admin.panels import Panel, panels_of
from billing_site.kit.admin.timeline import timeline_panels
from billing_site.kit.admin.words import day_text

_LATEST_CHANGES, _CHANGES_TOLD = 8, 6


class RowPageMixin:
    """Adds panels, and offers a button only `when` the row is in a state for it; the service decides in the end."""

    offered_when: Mapping[str, Callable[[Any], bool]] = {}
    shows_history = False
    change_form_outer_after_template = "admin/panels.html"

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        buttons = _allowed(super().get_actions_detail(request, object_id), request)  # type: ignore[misc]
        if not (self.offered_when and buttons):
            return buttons
        row = self.get_object(request, unquote(str(object_id)))  # type: ignore[attr-defined]
        return [button for button in buttons if row is not None and self._is_offered(button, row)]

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        return _allowed(super().get_actions_list(request), request)  # type: ignore[misc]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        row = context.get("original")
        if row is not None:
            context.update(self.row_context(request, row))
            context["panels"] = [
                *panels_of(row, request),
                *timeline_panels(row, request),
                *(history_panels(row) if self.shows_history else ()),
            ]
        return super().render_change_form(request, context, *args, **options)  # type: ignore[misc]

    def row_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return what the page's own templates need besides the form."""
        return {}

    def _is_offered(self, button: Any, row: models.Model) -> bool:
        name = getattr(button.method, "original_function_name", "") or button.method.__name__
        return self.offered_when.get(name, lambda _row: True)(row)


def history_panels(row: models.Model) -> list[Panel]:
    """Show the latest changes of a row; all of them are behind the History button."""
    rows = [
        (f"{day_text(entry.at)}, {timezone.localtime(entry.at):%H:%M}", entry.by, entry.what, _changed(entry.changes))
        for entry in audit_of(row)[:_LATEST_CHANGES]
    ]
    return [Panel("History", ("When", "Who", "What", "Change"), rows, url="../history/", is_wide=True)]


def _changed(changes: Sequence[Change]) -> str:
    told = "; ".join(f"{change.field}: {change.before} → {change.after}" for change in changes[:_CHANGES_TOLD])
    more = len(changes) - _CHANGES_TOLD
    return f"{told}; and {more} more" if more > 0 else told


def _allowed(buttons: list[Any], request: HttpRequest) -> list[Any]:
    codes = ((button, getattr(button.method, "permission", "")) for button in buttons)
    return [button for button, code in codes if not code or request.user.has_perm(code)]
