"""Owns the page of keys that came with another body: what is kept and what was sent, side by side."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, RowPageMixin, link_column
from billing_site.kit.admin.words import count_text
from partners.models import UsageConflict
from partners.services import kept_body

_GONE = "The event is archived; its body is in the month's file."


def _shown(body: Any, beside: Any) -> SafeString:
    """Show a body as JSON, the lines that differ from the other one marked."""
    other = set(json.dumps(beside, indent=2, sort_keys=True, ensure_ascii=False).splitlines())
    lines = json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
    marked = [format_html("<mark>{}</mark>" if line not in other else "{}", line) for line in lines]
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', SafeString("\n".join(marked)))


@admin.register(UsageConflict)
class UsageConflictAdmin(RowPageMixin, ReadOnlyAdmin):
    """Nothing that was sent under a kept key is counted. Who sent it uses a new key, or takes the old event back."""

    list_display = ("idempotency_key", link_column("partner"), "kind", "money_times", "first_at", "last_at")
    list_filter = (("last_at", DateRange),)
    search_fields = ("=idempotency_key", "partner__name")
    search_help_text = "Idempotency key or partner"
    ordering = ("-last_at", "-pk")
    fieldsets = (
        (None, {"fields": (("partner", "idempotency_key"), ("money_times", "kind"), ("first_at", "last_at"))}),
        ("What is kept, and what was sent", {"fields": (("kept", "refused"),)}),
    )
    readonly_fields = ("kept", "refused", "kind", "money_times")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("partner")

    def kind(self, conflict: UsageConflict) -> str:
        return "Batch of counts" if "counts" in conflict.sent else "Event"

    def money_times(self, conflict: UsageConflict) -> Any:
        return format_html('<span class="money">{}</span>', count_text(conflict.times))

    money_times.short_description = "Times"  # type: ignore[attr-defined]
    money_times.admin_order_field = "times"  # type: ignore[attr-defined]

    def kept(self, conflict: UsageConflict) -> Any:
        body = kept_body(conflict)
        return _shown(body, conflict.sent) if body else _GONE

    def refused(self, conflict: UsageConflict) -> Any:
        return _shown(conflict.sent, kept_body(conflict) or {})
