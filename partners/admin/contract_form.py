"""Owns the form of a contract's terms: only what the chosen pricing model knows, refused in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from billing_site.kit.admin import MoneyForm
from billing_site.kit.admin.percent import PercentField
from partners.admin.tiers import TiersField
from partners.enums import PricingModel, TierMode
from partners.models import Contract
from partners.services import UnknownTimeZone, terms_of
from partners.services.zones import zone_named
from partners.terms import ContractWithoutPrice, ImpossibleTerms, ImpossibleTiers

_PRICED = ("tier_mode", "tiers")
_KNOWS = {
    PricingModel.FLAT: ("monthly_fee_cents",),
    PricingModel.PER_DEED: ("price_per_deed", "included_deeds", *_PRICED),
    PricingModel.HYBRID: ("monthly_fee_cents", "price_per_deed", "included_deeds", *_PRICED),
    PricingModel.PER_REQUEST: ("price_per_1000_requests", "included_requests", *_PRICED),
}
_UNUSED: dict[str, Any] = {
    "monthly_fee_cents": 0, "price_per_deed": None, "price_per_1000_requests": None, "included_deeds": 0,
    "included_requests": 0, "tiers": [], "tier_mode": "",
}  # fmt: skip
_MAY_BE_EMPTY = ("monthly_fee_cents", "minimum_cents", "included_deeds", "included_requests", "rounding", "proration")
_ONE_PRICE = ""
_OF_THE_ROW = {"partner", "product", "status", "pricing_model", "start_date"}

PRICE_FIELDS = (
    ("pricing_model", "currency"),
    ("monthly_fee_cents", "tier_mode"),
    ("price_per_deed", "included_deeds"),
    ("price_per_1000_requests", "included_requests"),
    "tiers",
    "rounding",
    ("discount_rate", "proration"),
    ("minimum_cents", "maximum_cents"),
)
PAPER_FIELDS = (
    ("tax_rate", "tax_category"),
    "tax_note",
    ("payment_terms_days", "billing_time_zone"),
    "needs_purchase_order",
)


class ContractForm(MoneyForm):
    tax_rate = PercentField(label="Tax", required=False, help_text="In per cent, such as 19.")
    discount_rate = PercentField(
        label="Discount", required=False, takes_all=True, help_text="Off fee and usage, in per cent."
    )
    tier_mode = forms.ChoiceField(
        label="Price of usage",
        required=False,
        choices=[(_ONE_PRICE, "One price"), *TierMode.choices],
        widget=UnfoldAdminSelectWidget,
    )
    tiers = TiersField(
        label="Tiers",
        required=False,
        help_text="Units beyond the included. The last tier is open; tiers of packages end at multiples of 1,000.",
    )

    class Meta:
        model = Contract
        fields = "__all__"
        labels = {
            "monthly_fee_cents": "Monthly fee",
            "minimum_cents": "Minimum commitment",
            "maximum_cents": "Maximum of a month",
            "price_per_1000_requests": "Price per 1,000 requests",
            "proration": "Started and ended months",
            "payment_terms_days": "Payment terms, in days",
            "needs_purchase_order": "Needs a purchase order",
        }
        help_texts = {
            "minimum_cents": "After the discount, before tax.",
            "maximum_cents": "Before tax; empty: none.",
            "price_per_deed": "",
            "price_per_1000_requests": "",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in _MAY_BE_EMPTY:
            if name in self.fields:
                self.fields[name].required = False
        if "tier_mode" in self.fields:
            self.initial["tier_mode"] = self.instance.tier_mode if self.instance.tiers else _ONE_PRICE

    def _get_validation_exclusions(self) -> set[str]:
        """Let the rules on overlaps see what the form does not ask: Django cannot work them out without."""
        known = _OF_THE_ROW if self.instance.pk else {"status"}
        return super()._get_validation_exclusions() - known  # type: ignore[misc]

    def clean_tax_rate(self) -> Any:
        return self.cleaned_data["tax_rate"] or Decimal(0)

    def clean_discount_rate(self) -> Any:
        return self.cleaned_data["discount_rate"] or Decimal(0)

    def clean_minimum_cents(self) -> int:
        return self.cleaned_data["minimum_cents"] or 0

    def clean_billing_time_zone(self) -> str:
        name: str = self.cleaned_data["billing_time_zone"]
        try:
            zone_named(name, of="The contract")
        except UnknownTimeZone as error:
            raise forms.ValidationError(str(error)) from error
        return name

    def clean(self) -> dict[str, Any]:
        read: dict[str, Any] = super().clean() or {}
        if "pricing_model" in read:
            self._refuse_unknown_prices(read, PricingModel(read["pricing_model"]))
            self._refuse_two_prices(read)
            read["tier_mode"] = read.get("tier_mode") or TierMode.GRADUATED
            read["rounding"] = read.get("rounding") or self.instance.rounding
            read["proration"] = read.get("proration") or self.instance.proration
        return read

    def _refuse_unknown_prices(self, read: dict[str, Any], model: PricingModel) -> None:
        """A price the chosen model does not know is a mistake somebody would find on no invoice."""
        for name, unused in _UNUSED.items():
            if name in _KNOWS[model]:
                read[name] = read.get(name) or unused if name in read else unused
            elif read.get(name):
                self.add_error(name, f"A {model.label.lower()} contract does not use this; leave it empty.")
            else:
                read[name] = unused

    def _refuse_two_prices(self, read: dict[str, Any]) -> None:
        mode, tiers = read.get("tier_mode"), read.get("tiers")
        if "tiers" in self.errors:
            return
        if mode and not tiers:
            self.add_error("tiers", "Enter the tiers, or choose one price.")
        if tiers and not mode:
            self.add_error("tier_mode", "Say how the tiers price usage, or remove them.")
        for name in ("price_per_deed", "price_per_1000_requests"):
            if mode and read.get(name):
                self.add_error(name, "Tiers take the place of one price; leave it empty.")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors or "pricing_model" not in self.fields:
            return
        try:
            terms_of(self.instance)
        except ImpossibleTiers as error:
            self.add_error("tiers", str(error))
        except ImpossibleTerms as error:
            self.add_error(None, str(error))
        except ContractWithoutPrice:
            pass  # a draft may wait for its price
