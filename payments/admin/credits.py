"""Owns the page of credits: granted here, used on invoices, never typed over."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    MoneyForm,
    RowPageMixin,
    TotalsMixin,
    View,
    badge_column,
    link_column,
    money_column,
)
from billing_site.kit.admin.money_forms import above_zero
from billing_site.kit.exports import ExportMixin
from payments.admin import tones
from payments.admin.placing import use_credit_button
from payments.models import Credit
from payments.resources import CreditResource
from payments.services import grant_credit


class CreditForm(MoneyForm):
    def clean_amount_cents(self) -> int:
        return above_zero(self.cleaned_data["amount_cents"])


@admin.register(Credit)
class CreditAdmin(RowPageMixin, TotalsMixin, ExportMixin, BackOfficeAdmin):
    form = CreditForm
    list_display = (
        "reason",
        link_column("customer"),
        badge_column("kind", colors=tones.CREDIT),
        money_column("amount_cents", "Granted"),
        money_column("remaining_cents", "Remaining"),
        "expires_at",
        "source",
        "created_at",
    )
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("created_at", DateRange),
        ("expires_at", DateRange),
    )
    search_fields = ("customer__name", "reason", "source")
    search_help_text = "Customer, reason or source"
    ordering = ("-created_at", "-pk")
    views = (View("Usable", "usable", dated=True),)
    totals = ("amount_cents", "remaining_cents")
    resource_classes = (CreditResource,)
    autocomplete_fields = ("customer",)
    shows_history = True
    use_on_invoice = use_credit_button
    actions_detail = ("use_on_invoice",)
    offered_when = {"use_on_invoice": lambda credit: credit.remaining_cents > 0 and not has_lapsed(credit)}
    add_fieldsets = (
        (None, {"fields": (("customer", "kind"), ("amount_cents", "currency"), "reason", ("expires_at", "source"))}),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("customer", "kind"),
                    ("granted", "remaining"),
                    "reason",
                    ("expires_at", "source"),
                    "created_at",
                )
            },
        ),
    )
    readonly_fields = ("granted", "remaining", "created_at")
    granted, remaining = money_column("amount_cents", "Granted"), money_column("remaining_cents", "Remaining")

    def has_change_permission(self, request: HttpRequest, obj: Credit | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Credit | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: Credit, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        made = grant_credit(**form.cleaned_data, by=request.user.get_username())
        obj.pk = made.pk
        obj.refresh_from_db()


def has_lapsed(credit: Credit) -> bool:
    return credit.expires_at is not None and credit.expires_at < timezone.localdate()
