"""Owns the page of contracts: a draft is a form, an agreed one keeps its terms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import mark_safe
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    MoneyForm,
    QuestionForm,
    RowPageMixin,
    View,
    asking,
    badge_column,
    confirmed,
    link_column,
    money_column,
)
from billing_site.kit.admin.percent import PercentField
from billing_site.kit.admin.words import percent_text, price_text
from billing_site.kit.money import Money
from partners.enums import ContractStatus, PricingModel
from partners.models import Contract
from partners.services import UnknownTimeZone, activate_contract, change_contract
from partners.services.zones import zone_named

_TONES = {"draft": "", "active": "success", "ended": "warning"}
_MODELS = mark_safe(
    "<b>Flat fee</b>: monthly fee. <b>Per deed</b>: price per deed, included deeds. <b>Fee and overage</b>: "
    "monthly fee, price per deed beyond the included ones. <b>Per 1,000 requests</b>: price per 1,000 requests, "
    "included requests, rounding. A minimum commitment fits all of them."
)
_PRICES = {
    PricingModel.FLAT: ("monthly_fee_cents",),
    PricingModel.PER_DEED: ("price_per_deed", "included_deeds"),
    PricingModel.HYBRID: ("monthly_fee_cents", "price_per_deed", "included_deeds"),
    PricingModel.PER_REQUEST: ("price_per_1000_requests", "included_requests", "rounding"),
}
_PRICE_FIELDS = sorted({name for names in _PRICES.values() for name in names})


class ContractForm(MoneyForm):
    tax_rate = PercentField(label="Tax", required=False, help_text="In per cent, such as 19.")

    class Meta:
        model = Contract
        fields = "__all__"
        labels = {"monthly_fee_cents": "Monthly fee", "minimum_cents": "Minimum commitment"}

    def _get_validation_exclusions(self) -> set[str]:
        """Let the rule on overlaps see that a draft is one: Django cannot work it out without the status."""
        return super()._get_validation_exclusions() - {"status"}  # type: ignore[misc]

    def clean_tax_rate(self) -> Any:
        return self.cleaned_data["tax_rate"] or 0

    def clean_billing_time_zone(self) -> str:
        name: str = self.cleaned_data["billing_time_zone"]
        try:
            zone_named(name, of="The contract")
        except UnknownTimeZone as error:
            raise forms.ValidationError(str(error)) from error
        return name

    def clean(self) -> dict[str, Any]:
        """A price the chosen model does not know is a mistake somebody would find on no invoice."""
        read: dict[str, Any] = super().clean() or {}
        if "pricing_model" not in read:
            return read
        model = PricingModel(read["pricing_model"])
        for name in _PRICE_FIELDS:
            is_known = name in _PRICES[model] or name == "rounding"
            if not is_known and read.get(name):
                self.add_error(name, f"A {model.label.lower()} contract does not use this; leave it empty.")
        return read


class NextVersionForm(QuestionForm):
    explanation = "Copies the terms into a draft. End the contract in force on the day the new version starts."
    starts_on = forms.DateField(label="Starts on")

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        next_month = timezone.localdate().replace(day=1) + dt.timedelta(days=32)
        self.initial = {"starts_on": row.end_date or next_month.replace(day=1)}

    def carry_out(self, *, by: str) -> str:  # noqa: ARG002 - the audit knows who
        day = self.cleaned_data["starts_on"]
        return f"{change_contract(contract=self.row, starts_on=day, terms={}, today=timezone.localdate())} is agreed."


def is_draft(contract: Contract) -> bool:
    return contract.status == ContractStatus.DRAFT


def terms_text(contract: Contract) -> str:
    """Say in a line what a partner pays."""
    fee = Money(contract.monthly_fee_cents, contract.currency)
    deed, request = _price(contract.price_per_deed, contract), _price(contract.price_per_1000_requests, contract)
    match contract.pricing_model:
        case PricingModel.FLAT:
            said = f"{fee.format()} a month"
        case PricingModel.PER_DEED:
            said = f"{deed} per deed{_included(contract.included_deeds)}"
        case PricingModel.HYBRID:
            said = f"{fee.format()} a month, then {deed} per deed{_included(contract.included_deeds)}"
        case _:
            said = f"{request} per 1,000 requests{_included(contract.included_requests)}"
    minimum = Money(contract.minimum_cents, contract.currency)
    return f"{said}, at least {minimum.format()}" if minimum else said


@admin.register(Contract)
class ContractAdmin(RowPageMixin, BackOfficeAdmin):
    form = ContractForm
    list_display = (
        "__str__",
        link_column("partner"),
        badge_column("status", colors=_TONES),
        "terms",
        "start_date",
        "last_day",
        "billing_time_zone",
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("pricing_model", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("start_date", DateRange),
        ("end_date", DateRange),
    )
    search_fields = ("reference", "partner__name")
    search_help_text = "Reference or partner"
    ordering = ("partner__name", "-start_date", "-version")
    views = (
        View("Drafts", "status__exact=draft"),
        View("Active", "status__exact=active"),
        View("Ended", "status__exact=ended"),
    )
    autocomplete_fields = ("partner",)
    shows_history = True
    activate = confirmed(
        "Activate",
        do=activate_contract,
        permission="partners.change_contract",
        reason="none",
        done="Activated",
        explanation="From then on the contract keeps its terms; only its end can change.",
    )
    actions = (activate,)
    new_version = asking("New version", form=NextVersionForm, permission="partners.add_contract", icon="content_copy")
    actions_detail = ("new_version",)
    offered_when = {"activate": is_draft, "new_version": lambda contract: not is_draft(contract)}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("partner", "seller"),
                    ("reference", "version"),
                    ("start_date", "end_date"),
                    ("billing_time_zone", "needs_purchase_order"),
                )
            },
        ),
        (
            "Price",
            {
                "fields": (
                    ("pricing_model", "currency"),
                    ("monthly_fee_cents", "minimum_cents"),
                    ("price_per_deed", "included_deeds"),
                    ("price_per_1000_requests", "included_requests"),
                    ("rounding", "tax_rate"),
                    "payment_terms_days",
                ),
                "description": _MODELS,
            },
        ),
    )
    _agreed = (
        (
            None,
            {
                "fields": (
                    ("partner", "seller"),
                    ("reference", "version"),
                    ("state", "currency"),
                    ("start_date", "end_date"),
                    ("billing_time_zone", "needs_purchase_order"),
                )
            },
        ),
        (
            "Terms",
            {
                "fields": (
                    ("pricing_model", "terms"),
                    ("fee", "minimum"),
                    ("deed_price", "included_deeds"),
                    ("request_price", "included_requests"),
                    ("rounding", "tax"),
                    "payment_terms_days",
                ),
                "description": "Agreed terms are kept. To change them, end this version and add a new one.",
            },
        ),
    )
    state = badge_column("status", colors=_TONES)
    fee, minimum = money_column("monthly_fee_cents", "Monthly fee"), money_column("minimum_cents", "Minimum commitment")

    def get_fieldsets(self, request: HttpRequest, obj: Contract | None = None) -> Any:
        return super().get_fieldsets(request, obj) if obj is None or is_draft(obj) else _used(self._agreed, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Contract | None = None) -> Any:
        if obj is None or is_draft(obj):
            return ()
        shown = (
            name
            for _title, part in self.get_fieldsets(request, obj)
            for row in part["fields"]
            for name in ((row,) if isinstance(row, str) else row)
        )
        return tuple(name for name in shown if name not in {"end_date", "needs_purchase_order"})

    def has_delete_permission(self, request: HttpRequest, obj: Contract | None = None) -> bool:
        return super().has_delete_permission(request, obj) and obj is not None and is_draft(obj)

    def terms(self, contract: Contract) -> str:
        return terms_text(contract)

    def last_day(self, contract: Contract) -> dt.date | None:
        return contract.end_date - dt.timedelta(days=1) if contract.end_date else None

    last_day.admin_order_field = "end_date"  # type: ignore[attr-defined]

    def deed_price(self, contract: Contract) -> str:
        return _price(contract.price_per_deed, contract) or self.get_empty_value_display()

    deed_price.short_description = "Price per deed"  # type: ignore[attr-defined]

    def request_price(self, contract: Contract) -> str:
        return _price(contract.price_per_1000_requests, contract) or self.get_empty_value_display()

    request_price.short_description = "Price per 1,000 requests"  # type: ignore[attr-defined]

    def tax(self, contract: Contract) -> str:
        return percent_text(contract.tax_rate)


def _used(fieldsets: Any, contract: Contract) -> Any:
    """Leave out the prices an agreed contract's model does not know."""
    shown_as = {"monthly_fee_cents": "fee", "price_per_deed": "deed_price", "price_per_1000_requests": "request_price"}
    known = {shown_as.get(name, name) for name in _PRICES[PricingModel(contract.pricing_model)]}
    unknown = {shown_as.get(name, name) for name in _PRICE_FIELDS} - known
    return tuple((title, {**part, "fields": _without(part["fields"], unknown)}) for title, part in fieldsets)


def _without(rows: Any, names: set[str]) -> tuple[Any, ...]:
    left = (tuple(name for name in ((row,) if isinstance(row, str) else row) if name not in names) for row in rows)
    return tuple(row for row in left if row)


def _price(price: Any, contract: Contract) -> str:
    return price_text(price, contract.currency) if price is not None else ""


def _included(count: int) -> str:
    return f", {count:,} included" if count else ""
