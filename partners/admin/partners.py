"""Owns the page of partners and of their keys, which are shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Prefetch
from django.http import HttpRequest

from billing_site.kit.admin import (
    BackOfficeAdmin,
    MoneyTabularInline,
    ReadOnlyAdmin,
    RowPageMixin,
    badge,
    confirmed,
    link_column,
    link_to,
)
from billing_site.kit.errors import Refused
from partners.models import Contract, Partner, PartnerApiKey
from partners.services import UnknownTimeZone
from partners.services.zones import zone_named


class AlreadyRevoked(Refused):
    """A key is revoked once, for good."""


def revoke_key(*, partnerapikey: PartnerApiKey) -> None:
    if partnerapikey.revoked:
        raise AlreadyRevoked(f"The key {partnerapikey.prefix} is revoked already.")
    partnerapikey.revoked = True
    partnerapikey.save(update_fields=["revoked"])


class PartnerForm(forms.ModelForm):
    class Meta:
        model = Partner
        fields = ("name", "customer", "billing_time_zone", "is_active", "notes")

    def clean_billing_time_zone(self) -> str:
        name: str = self.cleaned_data["billing_time_zone"]
        try:
            zone_named(name, of="The partner")
        except UnknownTimeZone as error:
            raise forms.ValidationError(str(error)) from error
        return name


class KeyInline(MoneyTabularInline):
    """A new row makes a key; afterwards it can be renamed or revoked, never read."""

    model = PartnerApiKey
    fields = ("name", "expiry_date", "revoked", "prefix", "created")
    readonly_fields = ("prefix", "created")
    tab = False
    hide_title = True
    can_delete = False
    verbose_name_plural = "API keys"
    ordering = ("-created",)


@admin.register(Partner)
class PartnerAdmin(RowPageMixin, BackOfficeAdmin):
    form = PartnerForm
    list_display = ("name", link_column("customer"), "agreed", "billing_time_zone", "activity", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "customer__name", "contracts__reference")
    search_help_text = "Partner, customer or contract reference"
    ordering = ("name",)
    autocomplete_fields = ("customer",)
    inlines = (KeyInline,)
    shows_history = True
    fieldsets = ((None, {"fields": (("name", "customer"), ("billing_time_zone", "is_active"), "notes")}),)

    def get_queryset(self, request: HttpRequest) -> Any:
        current = Prefetch("contracts", Contract.objects.active().order_by("-start_date"), to_attr="agreed_contracts")
        return super().get_queryset(request).prefetch_related(current)

    def agreed(self, partner: Any) -> Any:
        contracts = partner.agreed_contracts
        return link_to(contracts[0] if contracts else None)

    agreed.short_description = "Contract"  # type: ignore[attr-defined]

    def activity(self, partner: Partner) -> Any:
        return badge("Active", "success") if partner.is_active else badge("Inactive")

    activity.short_description = "State"  # type: ignore[attr-defined]
    activity.admin_order_field = "is_active"  # type: ignore[attr-defined]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        for key in formset.save(commit=False):
            shown = "" if key.pk else PartnerApiKey.objects.assign_key(key)
            key.save()
            if shown:
                messages.warning(request, f"The key {key.name} is {shown} - copy it now, it is not shown again.")
        formset.save_m2m()


@admin.register(PartnerApiKey)
class PartnerApiKeyAdmin(RowPageMixin, ReadOnlyAdmin):
    """Every key of every partner; new ones are made on the partner's page."""

    list_display = ("name", link_column("partner"), "prefix", "created", "expiry_date", "state")
    list_filter = ("revoked",)
    search_fields = ("name", "prefix", "partner__name")
    search_help_text = "Name, prefix or partner"
    ordering = ("-created",)
    fields = (("name", "partner"), ("prefix", "state"), ("created", "expiry_date"))
    readonly_fields = ("state",)
    actions = (
        confirmed(
            "Revoke",
            do=revoke_key,
            permission="partners.change_partnerapikey",
            reason="none",
            done="Revoked",
            explanation="A revoked key opens nothing any more. This cannot be undone.",
        ),
    )
    offered_when = {"revoke": lambda key: not key.revoked}

    def state(self, key: PartnerApiKey) -> Any:
        if key.revoked:
            return badge("Revoked", "danger")
        return badge("Expired", "warning") if key.has_expired else badge("Valid", "success")
