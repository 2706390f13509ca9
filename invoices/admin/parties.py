"""Owns the forms of sellers and customers: choices of places, uploads of logos, and what is said of tax ids."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import Any

from babel import Locale
from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelect2Widget, UnfoldBooleanSwitchWidget

from billing_site.kit.admin import MoneyForm
from invoices import identities
from invoices.logos import UnfitLogo, logo_of
from invoices.models import Customer, Seller

_NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}  # as CLDR has them
Choices = list[tuple[str, str]]


@cache
def countries() -> Choices:
    """Return the codes of ISO 3166 with their English names, by name."""
    names = Locale("en").territories.items()
    found = [(code, name) for code, name in names if len(code) == len("DE") and code not in _NO_COUNTRIES]
    return [("", ""), *((code, f"{name} ({code})") for code, name in sorted(found, key=lambda pair: pair[1]))]


@cache
def time_zones() -> Choices:
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


def place_field(choices: Any, **options: Any) -> forms.ChoiceField:
    """Make a choice from a long list, searched by typing."""
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelect2Widget, **options)


class PartyForm(MoneyForm):
    """What sellers and customers have in common; a choice that only Stripe wrote before stays one."""

    country = place_field(countries)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in {"country", "time_zone"} & self.fields.keys():
            kept: str = getattr(self.instance, name)
            field: Any = self.fields[name]
            if kept and kept not in dict(field.choices):
                field.choices = [*field.choices, (kept, kept)]

    def note_on_tax_id(self) -> str:
        """Say that a tax id was let through unchecked, and why; nothing when it was checked, or none was given."""
        row = self.instance
        if not row.tax_id or identities.is_checked(row.country):
            return ""
        if not row.country:
            return f"The tax id {row.tax_id} was not checked: choose the country it is from."
        return f"The tax id {row.tax_id} is kept as written: no rule is known for ids of {row.country}."


class CustomerForm(PartyForm):
    country = place_field(countries, required=False)
    time_zone = place_field(time_zones, initial="UTC")

    class Meta:
        model = Customer
        fields = "__all__"


class SellerForm(PartyForm):
    logo = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".svg,.png"}),
        help_text="SVG or PNG, at most 64 kB. It must not fetch or run anything.",
    )
    removes_logo = forms.BooleanField(label="Remove the logo", required=False, widget=UnfoldBooleanSwitchWidget)

    class Meta:
        model = Seller
        exclude = ("logo_svg",)

    def clean_logo(self) -> str:
        """Return the picture to keep, or nothing when none was uploaded."""
        uploaded = self.cleaned_data["logo"]
        try:
            return logo_of(uploaded.read()) if uploaded else ""
        except UnfitLogo as error:
            raise ValidationError(str(error), code="logo") from error

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        kept = "" if self.cleaned_data.get("removes_logo") else self.instance.logo_svg
        self.instance.logo_svg = self.cleaned_data.get("logo") or kept
        return super().save(commit)
