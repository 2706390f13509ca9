"""Owns the way down from a billed number: the lists of usage, filtered to its days, with their sum."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, QuerySet, Sum
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.utils import parse_date_str

from billing_site.kit.admin import DateRange, Panel, list_url
from billing_site.kit.admin.words import count_text
from partners.evidence import Days
from partners.exports import csv_url
from partners.models import ApiUsage, Partner, RequestBatch, UsageEvent

PARTNER = "partner__id__exact"
_ONE_DAY = dt.timedelta(days=1)


class DaysOfPartner(DateRange):
    """From one day to another, both included, as the partner who is chosen counts days."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        self._zone = _zone_of(request.GET.get(PARTNER, ""))
        return super().queryset(request, queryset)

    def _bound(self, day: dt.date) -> dt.date:
        return dt.datetime.combine(day, dt.time.min, self._zone).astimezone(dt.UTC)


class SumOfListMixin:
    """Says above the list of one partner what its rows add up to, so that it can be held beside an invoice."""

    list_before_template = "admin/panels.html"
    summed: tuple[str, ...] = ("quantity",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)  # type: ignore[misc]
        context = getattr(response, "context_data", None) or {}
        if isinstance(response, TemplateResponse) and "cl" in context and self.is_added_up(request):
            context["panels"] = [_sum(context["cl"].queryset, self.summed, self.counted_elsewhere(request))]
        return response

    def is_added_up(self, request: HttpRequest) -> bool:
        return PARTNER in request.GET

    def counted_elsewhere(self, request: HttpRequest) -> list[tuple[Any, ...]]:  # noqa: ARG002
        """Return rows of sums that belong to these days and stand in no row of this list."""
        return []


class SumOfEventsMixin(SumOfListMixin):
    """Adds the requests that a product counted itself: they are behind a line too, and no events.

    Without days the list may be years of events; then nothing is added up.
    """

    def is_added_up(self, request: HttpRequest) -> bool:
        return _days_asked(request) is not None

    def counted_elsewhere(self, request: HttpRequest) -> list[tuple[Any, ...]]:
        days = _days_asked(request)
        if days is None:
            return []
        found = days.request_counts().aggregate(rows=Count("pk"), sum=Sum("requests"))
        url = list_url(RequestBatch, q=days.partner.name)
        batches = format_html('<a class="text-link" href="{}">request, counted by the product</a>', url)
        return [(batches, _count(found["rows"]), _count(found["sum"]))] if found["rows"] else []


def links_to(days: Days) -> SafeString:
    """Link to the days and the single events, and to both as CSV."""
    kinds = [
        (daily_url(days), "Days", csv_url("usage-days-csv", days), "Days as CSV"),
        (events_url(days), "Events", csv_url("usage-events-csv", days), "Events as CSV"),
    ]
    link = '<a class="text-link" href="{}">{}</a>'
    pair = f'<span class="whitespace-nowrap">{link} \N{MIDDLE DOT} {link}</span>'
    return format_html_join(SafeString("<br>"), pair, kinds)


def daily_url(days: Days) -> str:
    return _url(ApiUsage, days, "day")


def events_url(days: Days) -> str:
    return _url(UsageEvent, days, "occurred_at")


def _url(model: Any, days: Days, column: str) -> str:
    span = {f"{column}_from": days.start, f"{column}_to": days.end - _ONE_DAY}
    return list_url(model, **{PARTNER: days.partner.pk, "event_type": days.meter}, **span)


def _sum(rows: QuerySet[Any], summed: tuple[str, ...], elsewhere: list[tuple[Any, ...]]) -> Panel:
    sums = {f"sum_{name}": Sum(name) for name in summed}
    found = rows.order_by().values(meter=F("event_type")).annotate(rows=Count("pk"), **sums).order_by("meter")
    shown = [(row["meter"], _count(row["rows"]), *(_count(row[name]) for name in sums)) for row in found]
    heads = ("Rows", *(name.capitalize() for name in summed))
    return Panel("Sum of this list", ("Meter",), [*shown, *elsewhere], amounts=heads, none="No usage on these days.")


def _count(number: Any) -> SafeString:
    return format_html("{}", count_text(number or 0))


def _days_asked(request: HttpRequest) -> Days | None:
    """Read the days of one partner's meter from the filters of a list; None where they name no whole span."""
    asked = request.GET
    start, last = (parse_date_str(asked.get(f"occurred_at_{end}", "")) for end in ("from", "to"))
    partner = Partner.objects.filter(pk=asked[PARTNER]).first() if asked.get(PARTNER, "").isdecimal() else None
    if partner is None or start is None or last is None:
        return None
    return Days(partner, asked.get("event_type", ""), start, last + _ONE_DAY) if last < dt.date.max else None


def _zone_of(written: str) -> ZoneInfo:
    partner = Partner.objects.filter(pk=written).first() if written.isdecimal() else None
    return ZoneInfo(partner.billing_time_zone if partner else timezone.get_default_timezone_name())
