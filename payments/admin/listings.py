"""Owns the pages of what was asked of Stripe as a whole: its list of events, and the import of an account."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from unfold.contrib.filters.admin import AllValuesCheckboxFilter

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, badge, list_url
from billing_site.kit.admin.words import count_text, day_text
from billing_site.kit.exports import ExportMixin
from payments.models import AccountImport, EventListing, StripeEvent
from payments.resources import AccountImportResource, EventListingResource


@admin.register(EventListing)
class EventListingAdmin(ExportMixin, ReadOnlyAdmin):
    """Each reading of Stripe's own list of events: what a webhook never brought was found here."""

    list_display = ("finished_at", "listed_from", "listed_until", "found", "kept_here")
    list_filter = (("finished_at", DateRange),)
    ordering = ("-listed_until", "-pk")
    resource_classes = (EventListingResource,)
    fields = (("listed_from", "listed_until"), ("found", "kept_here"), "finished_at")
    readonly_fields = ("kept_here",)

    def kept_here(self, listing: EventListing) -> Any:
        if not listing.kept:
            return "None"
        url = list_url(StripeEvent, source__exact="list")
        return format_html('<a class="text-link" href="{}">{}</a>', url, count_text(listing.kept))

    kept_here.short_description = "Missing until then"  # type: ignore[attr-defined]
    kept_here.admin_order_field = "kept"  # type: ignore[attr-defined]


@admin.register(AccountImport)
class AccountImportAdmin(ExportMixin, ReadOnlyAdmin):
    """How far the import of an account has come, one row for each kind of object."""

    list_display = ("kind", "begins", "state", "objects", "last_stripe_id", "started_at", "finished_at")
    list_filter = (("object_type", AllValuesCheckboxFilter), ("since", DateRange))
    ordering = ("-started_at", "-pk")
    resource_classes = (AccountImportResource,)
    fields = (("kind", "begins"), ("state", "objects"), "last_stripe_id", ("started_at", "finished_at"))
    readonly_fields = ("kind", "begins", "state", "objects")

    def kind(self, row: AccountImport) -> str:
        return row.object_type.replace("_", " ").capitalize()

    kind.short_description = "Objects"  # type: ignore[attr-defined]
    kind.admin_order_field = "object_type"  # type: ignore[attr-defined]

    def begins(self, row: AccountImport) -> str:
        return day_text(row.since)

    begins.short_description = "Since"  # type: ignore[attr-defined]
    begins.admin_order_field = "since"  # type: ignore[attr-defined]

    def state(self, row: AccountImport) -> Any:
        return badge("Finished", "success") if row.finished_at else badge("Not finished", "warning")

    def objects(self, row: AccountImport) -> str:
        return count_text(row.read)

    objects.short_description = "Read"  # type: ignore[attr-defined]
    objects.admin_order_field = "read"  # type: ignore[attr-defined]
