"""The history of one row, told from the audit that PostgreSQL's triggers wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from pghistory.models import Events

from billing_site.kit.money import Money

_WORDS = {"insert": "Added", "update": "Changed", "delete": "Deleted"}
_UNTOLD = {"updated_at", "search"}
_MOST = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One version of a row: when it came, by whom, and what differs from the one before."""

    at: datetime
    by: str
    what: str
    changes: tuple[Change, ...]


def audit_of(row: models.Model) -> list[AuditEntry]:
    """List the changes of a row, the latest first; two queries."""
    events = list(Events.objects.tracks(row).order_by("-pgh_created_at", "-pgh_id")[:_MOST])
    names = _names_of({_user_id(event) for event in events} - {None})
    entries = [
        AuditEntry(
            event.pgh_created_at,
            names.get(_user_id(event), "the program"),
            _WORDS.get(event.pgh_label, event.pgh_label),
            _changes(event),
        )
        for event in events
    ]
    return [entry for entry in entries if entry.changes or entry.what != _WORDS["update"]]


class HistoryMixin:
    """Puts the audit on a row's history page, above the admin's own log."""

    object_history_template = "admin/audit_history.html"

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        row = self.get_object(request, object_id)  # type: ignore[attr-defined]
        is_seen = row is not None and self.has_view_or_change_permission(request, row)  # type: ignore[attr-defined]
        audit = audit_of(row) if is_seen else []
        return super().history_view(request, object_id, {"audit": audit, **(extra_context or {})})  # type: ignore[misc]


def _user_id(event: Any) -> Any:
    return (event.pgh_context or {}).get("user")


def _names_of(ids: set[Any]) -> dict[Any, str]:
    users = get_user_model().objects.filter(pk__in=ids) if ids else ()
    return {user.pk: user.get_full_name() or user.get_username() for user in users}


def _changes(event: Any) -> tuple[Change, ...]:
    currency = (event.pgh_data or {}).get("currency")
    differing = _flat({field: pair for field, pair in (event.pgh_diff or {}).items() if field not in _UNTOLD})
    return tuple(
        Change(
            field.removesuffix("_cents").replace("_", " "),
            _told(field, before, currency),
            _told(field, after, currency),
        )
        for field, (before, after) in sorted(differing.items())
    )


def _flat(differing: dict[str, Any]) -> dict[str, Any]:
    """Tell an object kept in one column by the keys that differ."""
    told: dict[str, Any] = {}
    for field, (before, after) in differing.items():
        if isinstance(before, dict) and isinstance(after, dict):
            keys = [key for key in {**before, **after} if (before.get(key) or "") != (after.get(key) or "")]
            told |= {f"{field} · {key}": (before.get(key), after.get(key)) for key in keys}
        else:
            told[field] = (before, after)
    return told


def _told(field: str, value: Any, currency: str | None) -> str:
    if value is None or value == "":
        return "nothing"
    if field.endswith("_cents") and currency and isinstance(value, int):
        return Money(value, currency).format()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.endswith(("_at", "_date")) and isinstance(value, str):
        return _moment(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _moment(written: str) -> str:
    """Write a day or an instant; a library may call an instant a date."""
    if "T" in written:
        return date_format(timezone.localtime(datetime.fromisoformat(written)), "DATETIME_FORMAT")
    return date_format(date.fromisoformat(written), "DATE_FORMAT")
