"""Owns the page of partners."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch
from django.http import HttpRequest

from billing_site.kit.admin import (
    BackOfficeAdmin,
    RowPageMixin,
    asking,
    badge,
    link_column,
    link_to,
)
from partners.admin.keys import NewKeyForm
from partners.admin.moving import MoveForm
from partners.models import Contract, Partner
from partners.services import UnknownTimeZone
from partners.services.zones import zone_named


class PartnerForm(forms.ModelForm):
    class Meta:
        model = Partner
        fields = ("name", "customer", "billing_time_zone", "is_active", "notes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "billing_time_zone" in self.fields:
            self.fields["billing_time_zone"].disabled = True
            self.fields["billing_time_zone"].help_text = "Move the partner with the button above."

    def clean_billing_time_zone(self) -> str:
        name: str = self.cleaned_data["billing_time_zone"]
        try:
            zone_named(name, of="The partner")
        except UnknownTimeZone as error:
            raise forms.ValidationError(str(error)) from error
        return name


@admin.register(Partner)
class PartnerAdmin(RowPageMixin, BackOfficeAdmin):
    form = PartnerForm
    list_display = ("name", link_column("customer"), "agreed", "billing_time_zone", "activity", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "customer__name", "contracts__reference")
    search_help_text = "Partner, customer or contract reference"
    ordering = ("name",)
    autocomplete_fields = ("customer",)
    actions_detail = ("new_key", "move_to_another_time_zone")
    move_to_another_time_zone = asking(
        "Move to another time zone", form=MoveForm, permission="partners.change_partner", icon="schedule"
    )
    new_key = asking("New key", form=NewKeyForm, permission="partners.add_partnerapikey", icon="key")
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
