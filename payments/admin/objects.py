"""Owns the pages of what was fetched from Stripe, and of which version of each object the books show."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AllValuesCheckboxFilter

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, View, badge, link_to, stripe_link
from billing_site.kit.admin.words import moment_text
from payments.admin.evidence import AboutFetched, about_url, ids_asked_for, row_of
from payments.admin.payloads import json_block
from payments.models import AppliedVersion, StripeEvent, StripeObject


@admin.register(StripeObject)
class StripeObjectAdmin(ReadOnlyAdmin):
    list_display = ("stripe_id", "kind", "api_version", "fingerprint", "fetched_at")
    list_filter = (("object_type", AllValuesCheckboxFilter), ("fetched_at", DateRange), AboutFetched)
    list_before_template = "admin/payments/about.html"
    search_fields = ("stripe_id",)
    search_help_text = "Stripe id"
    ordering = ("-fetched_at", "-pk")
    fields = (("stripe_page", "kind"), ("our_row", "said"), ("api_version", "fetched_at"), "sha256", "body")
    readonly_fields = ("stripe_page", "kind", "our_row", "said", "body")
    stripe_page = stripe_link("stripe_id", "Id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("payload")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"about": ids_asked_for(request.GET.get("about")), "everything": request.path}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def kind(self, row: StripeObject) -> str:
        return row.object_type.replace("_", " ")

    kind.short_description = "Object"  # type: ignore[attr-defined]
    kind.admin_order_field = "object_type"  # type: ignore[attr-defined]

    def fingerprint(self, row: StripeObject) -> Any:
        return format_html('<span class="font-mono text-xs" title="{}">{}…</span>', row.sha256, row.sha256[:12])

    fingerprint.short_description = "SHA-256"  # type: ignore[attr-defined]

    def our_row(self, row: StripeObject) -> Any:
        return link_to(row_of(row.stripe_id))

    our_row.short_description = "Our row"  # type: ignore[attr-defined]

    def said(self, row: StripeObject) -> Any:
        url = about_url(StripeEvent, [row.stripe_id])
        return format_html('<a class="text-link" href="{}">Everything Stripe said about it</a>', url)

    said.short_description = "Events"  # type: ignore[attr-defined]

    def body(self, row: StripeObject) -> Any:
        return json_block(row.payload)

    body.short_description = "As answered"  # type: ignore[attr-defined]


@admin.register(AppliedVersion)
class AppliedVersionAdmin(ReadOnlyAdmin):
    """Which version of each object the books show. In doubt: two were told within one second, and Stripe is asked."""

    list_display = ("stripe_id", "kind", "at_stripe", "doubt", "said")
    list_display_links = None
    list_filter = (("object_type", AllValuesCheckboxFilter),)
    search_fields = ("stripe_id__startswith",)
    search_help_text = "The beginning of an id"
    ordering = ("-seen_created", "stripe_id")
    views = (View("In doubt", "doubted"),)

    def kind(self, row: AppliedVersion) -> str:
        """A part has an id of its own: that of its owner, then what it is."""
        part = row.stripe_id.partition("/")[2]
        return part or row.object_type.replace("_", " ") or self.get_empty_value_display()

    kind.short_description = "Object"  # type: ignore[attr-defined]
    kind.admin_order_field = "object_type"  # type: ignore[attr-defined]

    def at_stripe(self, row: AppliedVersion) -> str:
        return moment_text(dt.datetime.fromtimestamp(row.seen_created, dt.UTC))

    at_stripe.short_description = "Version of"  # type: ignore[attr-defined]
    at_stripe.admin_order_field = "seen_created"  # type: ignore[attr-defined]

    def doubt(self, row: AppliedVersion) -> Any:
        return badge(f"since {timezone.localtime(row.doubted_at):%H:%M}", "warning") if row.doubted_at else badge("")

    doubt.short_description = "In doubt"  # type: ignore[attr-defined]
    doubt.admin_order_field = "doubted_at"  # type: ignore[attr-defined]

    def said(self, row: AppliedVersion) -> Any:
        url = about_url(StripeEvent, [row.stripe_id.partition("/")[0]])
        return format_html('<a class="text-link" href="{}">Events</a>', url)

    said.short_description = "What Stripe said"  # type: ignore[attr-defined]
