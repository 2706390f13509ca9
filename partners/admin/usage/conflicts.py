"""Owns the page of keys that came with another body: what is kept and what was sent, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from billing_site.kit.admin import DateRange, Panel, ReadOnlyAdmin, RowPageMixin, badge, link_column, link_to
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import count_text
from billing_site.kit.wording import counted
from partners.models import RequestBatch, UsageConflict, UsageEvent
from partners.services import kept_body

_GONE = "The event is archived; its body is in the month's file."
_COUNTS = "counts"
_MOST = 100  # fields shown of a long batch


@admin.register(UsageConflict)
class UsageConflictAdmin(RowPageMixin, ReadOnlyAdmin):
    """Nothing that was sent under a kept key is counted. Who sent it uses a new key, or takes the old event back."""

    list_display = ("idempotency_key", link_column("partner"), "kind", "money_times", "first_at", "last_at")
    list_filter = (("last_at", DateRange),)
    search_fields = ("=idempotency_key", "partner__name")
    search_help_text = "Idempotency key or partner"
    ordering = ("-last_at", "-pk")
    fields = (("partner", "idempotency_key"), ("kept", "money_times"), ("first_at", "last_at"))
    readonly_fields = ("kept", "money_times")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("partner")

    def kind(self, conflict: UsageConflict) -> str:
        return "Batch of counts" if _COUNTS in conflict.sent else "Event"

    def money_times(self, conflict: UsageConflict) -> Any:
        return format_html('<span class="money">{}</span>', count_text(conflict.times))

    money_times.short_description = "Times refused"  # type: ignore[attr-defined]
    money_times.admin_order_field = "times"  # type: ignore[attr-defined]

    def kept(self, conflict: UsageConflict) -> Any:
        row = _kept_row(conflict)
        if row is None:
            return _GONE
        kind = "Event" if isinstance(row, UsageEvent) else "Batch of counts"
        return format_html("{}, {}", link_to(row, kind), _fate(row))

    kept.short_description = "What is kept"  # type: ignore[attr-defined]


@register(UsageConflict)
def bodies(conflict: UsageConflict, request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001
    """Each field of both bodies, those that differ first."""
    kept, sent = dict(_fields(kept_body(conflict) or {})), dict(_fields(conflict.sent))
    names = [*kept, *(name for name in sent if name not in kept)]
    differing = [name for name in names if kept.get(name) != sent.get(name)]
    alike = [name for name in names if name not in set(differing)]
    mark: Any = badge("Differs", "warning")
    rows = [(name, kept.get(name, EMPTY), sent.get(name, EMPTY), mark) for name in differing[:_MOST]]
    rows += [(name, kept[name], sent[name], "") for name in alike[: max(_MOST - len(rows), 0)]]
    hidden = len(names) - len(rows)
    note = f"{counted(len(differing), 'field')} of {len(names):,} differ; {hidden:,} are not shown." if hidden else ""
    heads = ("Field", "Kept", "Sent, and refused", "")
    yield Panel("What is kept, and what was sent", heads, rows, note=note, is_wide=True)


def _kept_row(conflict: UsageConflict) -> UsageEvent | RequestBatch | None:
    for model in (UsageEvent, RequestBatch):
        row = model.objects.filter(pk=conflict.kept_id).first()
        if row is not None:
            return row
    return None


def _fate(row: UsageEvent | RequestBatch) -> str:
    """Say whether what holds the key is counted still."""
    if row.reverses:
        return "which takes another one back"
    undo = type(row).objects.filter(reverses=row.pk).first()
    return f"taken back by {undo.idempotency_key}" if undo else "counted"


def _fields(body: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value of a body by the path to it."""
    parts: Sequence[tuple[Any, Any]] = ()
    if isinstance(body, Mapping):
        parts = sorted(body.items())
    elif isinstance(body, list):
        parts = list(enumerate(sorted(body, key=_place) if name == _COUNTS else body, start=1))
    for part, value in parts:
        yield from _fields(value, f"{name} \N{MIDDLE DOT} {part}" if name else str(part))
    if not isinstance(body, Mapping | list):
        yield name, EMPTY if body in {"", None} else str(body)


def _place(count: Mapping[str, Any]) -> tuple[Any, ...]:
    """Put the counts of two batches in one order: each stands in its batch once by these."""
    return count["day"], count.get("endpoint", ""), count.get("api_key_prefix", "")
