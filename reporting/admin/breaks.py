"""Owns the queue of breaks: who works on what, the evidence of both sides, and the decision."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter
from unfold.utils import prettify_json

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    RowPageMixin,
    TotalsMixin,
    View,
    badge,
    badge_column,
    confirmed,
    link_column,
    money_column,
    stripe_link,
)
from billing_site.kit.wording import counted
from reporting.enums import BreakStatus
from reporting.models import Break
from reporting.services import resolve_break

_KINDS = {
    "missing_here": "danger",
    "missing_there": "danger",
    "amount": "danger",
    "currency": "danger",
    "fee": "warning",
    "status": "warning",
    "timing": "info",
}
_OLD_DAYS = 7


class BreakForm(forms.ModelForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "owner" in self.fields:
            self.fields["owner"].queryset = get_user_model().objects.filter(is_staff=True, is_active=True)  # type: ignore[attr-defined]


def resolve(row: Break, *, reason: str, by: str, now: dt.datetime) -> Break:
    return resolve_break(broken=row, reason=reason, by=by, now=now)


@admin.register(Break)
class BreakAdmin(RowPageMixin, TotalsMixin, BackOfficeAdmin):
    form = BreakForm
    list_display = (
        badge_column("kind", colors=_KINDS),
        "stripe_id",
        badge_column("status", colors={"open": "danger", "resolved": "success"}),
        "age",
        money_column("difference_cents", "Difference"),
        "owner",
        link_column("reconciliation", "Seen on"),
        "found_at",
    )
    list_display_links = ("stripe_id",)
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("kind", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("found_at", DateRange),
    )
    list_select_related = ("owner",)
    search_fields = ("stripe_id", "note", "owner__username")
    search_help_text = "Object, note or owner"
    ordering = ("status", "found_at", "pk")  # open ones first, the oldest on top
    views = (View("Open", "open"), View("Without owner", "unowned"), View("Resolved", "status__exact=resolved"))
    totals = ("difference_cents",)
    shows_history = True
    change_form_outer_before_template = "admin/reporting/evidence.html"
    actions = (
        confirmed(
            "Resolve",
            do=resolve,
            permission="reporting.change_break",
            done="Resolved",
            explanation="Say what explains the difference, or what was done. Found again, it becomes a new break.",
        ),
    )
    offered_when = {"resolve": lambda row: row.status == BreakStatus.OPEN}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("what", "object"),
                    ("state", "difference"),
                    ("found_at", "resolved_at"),
                    ("owner", "reconciliation"),
                    "note",
                )
            },
        ),
    )
    readonly_fields = ("what", "object", "state", "difference", "found_at", "resolved_at", "reconciliation")
    what, object = badge_column("kind", colors=_KINDS), stripe_link("stripe_id", "Object")
    state = badge_column("status", colors={"open": "danger", "resolved": "success"})
    difference = money_column("difference_cents", "Theirs less ours")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Break | None = None) -> bool:  # noqa: ARG002
        return False

    def age(self, row: Break) -> Any:
        if row.status != BreakStatus.OPEN:
            return self.get_empty_value_display()
        days = (timezone.now() - row.found_at).days
        said = counted(days, "day") if days else "today"
        return badge(said, "warning") if days >= _OLD_DAYS else said

    age.admin_order_field = "found_at"  # type: ignore[attr-defined]

    def row_context(self, request: HttpRequest, row: Break) -> dict[str, Any]:  # noqa: ARG002
        theirs, ours = (prettify_json(side, None) if side else "" for side in (row.theirs, row.ours))
        return {
            "evidence": [
                ("At Stripe", theirs, "Stripe has nothing here."),
                ("In our books", ours, "Our books have nothing here."),
            ]
        }
