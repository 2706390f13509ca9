"""Owns the page of partners' keys: each is shown once, when it is made, and rotated or revoked afterwards."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from billing_site.kit.admin import (
    BackOfficeAdmin,
    QuestionForm,
    RowPageMixin,
    ShownOnce,
    asking,
    badge,
    confirmed,
    link_column,
    link_to,
)
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.words import age_text, count_text, moment_text
from partners.models import PartnerApiKey
from partners.services import make_key, revoke_key, rotate_key
from partners.services.api_keys import CHANGE_OVER, NewKey

DAYS_OF_USAGE = 30
WHERE_USED = "Where it is used, such as Production or Nightly batch."


class NewKeyForm(QuestionForm):
    """About a partner."""

    explanation = "The key is shown once, on the next page. Only its hash is kept."
    name = forms.CharField(max_length=50, help_text=WHERE_USED)
    works_until = forms.DateTimeField(required=False, help_text="Left empty, it works until it is revoked.")

    def carry_out(self, *, by: str) -> ShownOnce:  # noqa: ARG002 - the audit knows who
        return _shown(make_key(partner=self.row, now=timezone.now(), **self.cleaned_data))


class RotateForm(QuestionForm):
    """About a key."""

    explanation = (
        "A new key of the same name is shown once, on the next page. This one goes on working until the moment chosen "
        "here, so that it can be changed over without a gap; then it opens nothing."
    )
    works_until = forms.DateTimeField(label="This key works until")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial = {"works_until": timezone.now() + CHANGE_OVER}

    def carry_out(self, *, by: str) -> ShownOnce:  # noqa: ARG002 - the audit knows who
        return _shown(rotate_key(key=self.row, now=timezone.now(), **self.cleaned_data))


def revoke(*, partnerapikey: PartnerApiKey) -> PartnerApiKey:
    return revoke_key(key=partnerapikey)


def successor_of(key: PartnerApiKey) -> PartnerApiKey | None:
    """Return the key that takes its place."""
    return getattr(key, "replaced_by", None)


def can_rotate(key: PartnerApiKey) -> bool:
    return not (key.revoked or key.has_expired) and successor_of(key) is None


@admin.register(PartnerApiKey)
class PartnerApiKeyAdmin(RowPageMixin, BackOfficeAdmin):
    """Every key of every partner; new ones are made on the partner's page. Only the name is typed over."""

    list_display = (
        "name",
        link_column("partner"),
        "prefix",
        "state",
        "last_used",
        "works_until",
        "money_requests",
        "money_deeds",
    )
    list_filter = (("partner", AutocompleteSelectFilter), "revoked")
    search_fields = ("name", "prefix", "partner__name")
    search_help_text = "Name, prefix or partner"
    ordering = ("-created",)
    shows_history = True
    fields = (("name", "partner"), ("prefix", "state"), ("created", "last_used"), ("works_until", "lineage"))
    readonly_fields = ("partner", "prefix", "state", "created", "last_used", "works_until", "lineage")
    rotate = asking("Rotate", form=RotateForm, permission="partners.change_partnerapikey", icon="sync")
    actions_detail = ("rotate",)
    actions = (
        confirmed(
            "Revoke",
            do=revoke,
            permission="partners.change_partnerapikey",
            reason="none",
            done="Revoked",
            explanation="A revoked key opens nothing any more, from this moment on. This cannot be undone.",
        ),
    )
    offered_when = {"revoke": lambda key: not key.revoked, "rotate": can_rotate}

    def get_queryset(self, request: HttpRequest) -> Any:
        since = timezone.localdate() - dt.timedelta(days=DAYS_OF_USAGE)
        return (
            super().get_queryset(request).select_related("partner", "replaces", "replaced_by").with_usage(since=since)
        )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        given = {"help_text": WHERE_USED} if db_field.name == "name" else {}
        return super().formfield_for_dbfield(db_field, request, **given, **options)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A key that was used stays on record; it is revoked instead."""
        return False

    def state(self, key: PartnerApiKey) -> Any:
        return state_badge(key)

    def last_used(self, key: PartnerApiKey) -> Any:
        return last_used_text(key)

    last_used.admin_order_field = "last_used_at"  # type: ignore[attr-defined]

    def works_until(self, key: PartnerApiKey) -> str:
        return moment_text(key.expiry_date)

    works_until.admin_order_field = "expiry_date"  # type: ignore[attr-defined]

    def money_requests(self, key: Any) -> Any:
        return counted(key.calls)

    money_requests.short_description = f"Requests, {DAYS_OF_USAGE} days"  # type: ignore[attr-defined]

    def money_deeds(self, key: Any) -> Any:
        return counted(key.deeds)

    money_deeds.short_description = f"Deeds, {DAYS_OF_USAGE} days"  # type: ignore[attr-defined]

    def lineage(self, key: PartnerApiKey) -> Any:
        successor = successor_of(key)
        if successor is not None:
            return link_to(successor, f"Replaced by {successor.prefix}")
        return link_to(key.replaces, f"Replaces {key.replaces.prefix}") if key.replaces else EMPTY

    lineage.short_description = "Rotation"  # type: ignore[attr-defined]


def counted(number: Any) -> Any:
    return format_html('<span class="money">{}</span>', count_text(number or 0))


def state_badge(key: PartnerApiKey) -> Any:
    if key.revoked:
        return badge("Revoked", "danger")
    if not key.partner.is_active:
        return badge("Partner inactive")
    if key.has_expired:
        return badge("Expired", "warning")
    return badge("Changing over", "info") if successor_of(key) is not None else badge("Works", "success")


def last_used_text(key: PartnerApiKey) -> str:
    return "never" if key.last_used_at is None else f"{age_text(timezone.now() - key.last_used_at)} ago"


def _shown(made: NewKey) -> ShownOnce:
    key = made.key
    if key.replaces is None:
        return ShownOnce(f"This is the key {key.name} of {key.partner}.", made.secret)
    until = moment_text(key.replaces.expiry_date)
    return ShownOnce(
        f"This is the new key {key.name} of {key.partner}. The old one, {key.replaces.prefix}, works until {until}.",
        made.secret,
    )
