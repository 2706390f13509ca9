"""Saved views of a list: named questions, shown as tabs above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class View:
    """A tab: `asks` is a method of the list's queryset (with `on=today` when `dated`), or a query string (`a=b`)."""

    title: str
    asks: str
    dated: bool = False

    @property
    def query_string(self) -> str:
        return self.asks if "=" in self.asks else f"view={self.asks}"

    def narrow(self, rows: QuerySet[Any], *, on: date) -> QuerySet[Any]:
        narrowed: QuerySet[Any] = getattr(rows, self.asks)(**({"on": on} if self.dated else {}))
        return narrowed

    def is_open(self, request: HttpRequest) -> bool:
        return all(request.GET.getlist(key) == values for key, values in parse_qs(self.query_string).items())


class ViewFilter(admin.SimpleListFilter):
    """Applies the open tab; the tabs themselves are its only face."""

    title = "view"
    parameter_name = "view"
    template = "admin/no_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        self.views: dict[str, View] = {view.asks: view for view in model_admin.views if "=" not in view.asks}
        return [(view.asks, view.title) for view in self.views.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        view = self.views.get(self.value() or "")
        return view.narrow(queryset, on=timezone.localdate()) if view else queryset


def tabs(views: Sequence[View], options: Any, request: HttpRequest) -> list[dict[str, Any]]:
    """Build what the theme draws as tabs over the list of one model."""
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    open_views = [view for view in views if view.is_open(request)]
    items: Iterable[tuple[str, str, bool]] = [
        ("All", url, not open_views),
        *((view.title, f"{url}?{view.query_string}", view in open_views) for view in views),
    ]
    return [
        {
            "models": [str(options)],
            "items": [
                {"title": title, "link": link, "active": is_open, "has_permission": True}
                for title, link, is_open in items
            ],
        },
    ]
