"""Owns the read-only pages of what was used: daily sums, single events, batches of counts."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, AutocompleteSelectFilter

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, ReadOnlyInline, RowPageMixin, button, link_column, link_to
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.words import count_text, day_text, moment_text
from billing_site.kit.exports import ExportMixin
from partners.admin.usage.importing import PERMISSION, import_page
from partners.admin.usage_days import PARTNER, DaysOfPartner, SumOfEventsMixin, SumOfListMixin
from partners.models import ApiUsage, RequestBatch, RequestCount, UsageEvent
from partners.resources import ApiUsageResource, UsageEventResource


def _counted(number: Any) -> Any:
    return format_html('<span class="money">{}</span>', count_text(number))


class UsagePage(SumOfListMixin, ExportMixin, ReadOnlyAdmin):
    """Counts, right-aligned."""

    def money_quantity(self, row: Any) -> Any:
        return _counted(row.quantity)

    money_quantity.short_description = "Quantity"  # type: ignore[attr-defined]
    money_quantity.admin_order_field = "quantity"  # type: ignore[attr-defined]


@admin.register(ApiUsage)
class ApiUsageAdmin(UsagePage):
    list_display = (
        "day",
        link_column("partner"),
        "event_type",
        "endpoint",
        "api_key_prefix",
        "money_requests",
        "money_quantity",
    )
    list_filter = (("partner", AutocompleteSelectFilter), ("event_type", AllValuesCheckboxFilter), ("day", DateRange))
    summed = ("requests", "quantity")
    search_fields = ("partner__name", "endpoint", "api_key_prefix")
    search_help_text = "Partner, endpoint or key prefix"
    ordering = ("-day", "partner__name", "endpoint", "pk")
    resource_classes = (ApiUsageResource,)

    def money_requests(self, row: ApiUsage) -> Any:
        return _counted(row.requests)

    money_requests.short_description = "Requests"  # type: ignore[attr-defined]
    money_requests.admin_order_field = "requests"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("partner")


def _by_time(request: HttpRequest) -> bool:
    """Show the newest of a partner or of days first; of everything what arrived last, which has an index."""
    return any(request.GET.get(name) for name in (PARTNER, "occurred_at_from", "occurred_at_to"))


@admin.register(UsageEvent)
class UsageEventAdmin(SumOfEventsMixin, UsagePage):
    list_display = (
        "occurred_at",
        "day",
        link_column("partner"),
        "event_type",
        "endpoint",
        "resource_id",
        "money_quantity",
        "arrived_at",
    )
    list_filter = (
        ("partner", AutocompleteSelectFilter),
        ("event_type", AllValuesCheckboxFilter),
        ("occurred_at", DaysOfPartner),
    )
    search_fields = ("partner__name", "resource_id", "user_id", "idempotency_key")
    search_help_text = "Partner, resource, user or idempotency key"
    fields = (
        ("partner", "idempotency_key"), ("event_type", "money_quantity"), ("occurred_at", "day"),
        ("endpoint", "resource_id"), ("api_key_prefix", "user_id"), ("reversal", "arrived_at"), "metadata",
    )  # fmt: skip
    readonly_fields = ("money_quantity", "day", "reversal", "arrived_at")
    resource_classes = (UsageEventResource,)
    actions_list = ("import_usage",)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Begin with the time the list is ordered by."""
        columns = super().get_list_display(request)
        return columns if _by_time(request) else [columns[-1], *columns[:-1]]

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-occurred_at", "pk") if _by_time(request) else ("-created_at", "pk")

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return ("occurred_at",) if _by_time(request) else ("arrived_at",)

    def day(self, event: UsageEvent) -> str:
        """The day it is billed on: the partner's, which may be the one before or after ours."""
        return day_text(event.occurred_at.astimezone(ZoneInfo(event.partner.billing_time_zone)).date())

    day.short_description = "Partner's day"  # type: ignore[attr-defined]

    def arrived_at(self, event: UsageEvent) -> str:
        return moment_text(event.created_at)

    arrived_at.admin_order_field = "created_at"  # type: ignore[attr-defined]

    def reversal(self, event: UsageEvent) -> Any:
        """Name the event that this one takes back, or that took this one back."""
        if event.reverses:
            return link_to(UsageEvent.objects.filter(pk=event.reverses).first(), "Takes this event back")
        undo = UsageEvent.objects.filter(reverses=event.pk).first()
        return link_to(undo, "Taken back by this event") if undo else EMPTY

    @button("Import", icon="upload", permission=PERMISSION)
    def import_usage(self, request: HttpRequest) -> HttpResponse:
        return import_page(self, request)


class RequestCountInline(ReadOnlyInline):
    model = RequestCount
    fields = ("day", "endpoint", "api_key_prefix", "requests")
    ordering = ("day", "endpoint", "pk")
    tab = False
    show_change_link = False
    hide_title = True
    verbose_name_plural = "Counts"


@admin.register(RequestBatch)
class RequestBatchAdmin(RowPageMixin, ReadOnlyAdmin):
    """Requests that a product counted itself, batch by batch."""

    list_display = ("idempotency_key", link_column("partner"), "reverses", "created_at")
    list_filter = (("created_at", DateRange),)
    search_fields = ("=idempotency_key", "partner__name")
    search_help_text = "Idempotency key or partner"
    ordering = ("-created_at", "pk")
    fields = (("partner", "idempotency_key"), ("reverses", "created_at"))
    inlines = (RequestCountInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("partner", "reverses")
