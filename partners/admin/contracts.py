"""Owns the page of contracts: a draft is a form, an agreed one keeps its terms and changes by a new version."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    RowPageMixin,
    View,
    badge_column,
    confirmed,
    link_column,
)
from partners.admin.changing_terms import change_terms
from partners.admin.contract_form import PAPER_FIELDS, PRICE_FIELDS, ContractForm
from partners.admin.terms_words import terms_text
from partners.enums import ContractStatus
from partners.models import Contract
from partners.services import activate_contract

_TONES = {"draft": "", "active": "success", "ended": "warning"}
_PARTIES = (("partner", "seller"), ("reference", "product"), ("start_date", "end_date"))
_STAYS_OPEN = {"end_date", "needs_purchase_order"}


def is_draft(contract: Contract) -> bool:
    return contract.status == ContractStatus.DRAFT


@admin.register(Contract)
class ContractAdmin(RowPageMixin, BackOfficeAdmin):
    form = ContractForm
    list_display = (
        "__str__",
        link_column("partner"),
        "product",
        badge_column("status", colors=_TONES),
        "terms",
        "start_date",
        "last_day",
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("pricing_model", ChoicesCheckboxFilter),
        ("product", AllValuesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        "needs_purchase_order",
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
        explanation="From then on the contract keeps its terms. What changes later is a new version.",
    )
    actions = (activate,)
    change_terms = change_terms
    actions_detail = ("change_terms",)
    offered_when = {"activate": is_draft, "change_terms": lambda contract: contract.status == ContractStatus.ACTIVE}
    fieldsets = (
        (None, {"fields": _PARTIES}),
        ("Price", {"fields": PRICE_FIELDS}),
        ("Tax and payment", {"fields": PAPER_FIELDS}),
    )
    _agreed = (
        (
            None,
            {
                "fields": (
                    ("partner", "seller"),
                    ("reference", "version"),
                    ("product", "state"),
                    ("start_date", "end_date"),
                    "needs_purchase_order",
                ),
                "description": "Agreed terms are kept. Change terms makes a new version, and shows first what changes.",
            },
        ),
    )
    state = badge_column("status", colors=_TONES)

    class Media:
        js = ("brand/contract_form.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Contract | None = None) -> Any:
        return super().get_fieldsets(request, obj) if obj is None or is_draft(obj) else self._agreed

    def get_readonly_fields(self, request: HttpRequest, obj: Contract | None = None) -> Any:  # noqa: ARG002
        if obj is None or is_draft(obj):
            return ()
        shown = (
            name for _, part in self._agreed for row in part["fields"] for name in ((row,) if type(row) is str else row)
        )
        return tuple(name for name in shown if name not in _STAYS_OPEN)

    def has_delete_permission(self, request: HttpRequest, obj: Contract | None = None) -> bool:
        return super().has_delete_permission(request, obj) and obj is not None and is_draft(obj)

    def terms(self, contract: Contract) -> str:
        return terms_text(contract)

    def last_day(self, contract: Contract) -> dt.date | None:
        return contract.end_date - dt.timedelta(days=1) if contract.end_date else None

    last_day.admin_order_field = "end_date"  # type: ignore[attr-defined]
