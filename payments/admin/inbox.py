"""Owns the inbox: every event Stripe sent, its state, why it is not in the books, and what can be done about it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, RowPageMixin, View, badge_column, confirmed, link_to
from billing_site.kit.admin.words import age_text
from billing_site.kit.errors import Refused
from billing_site.kit.exports import ExportMixin
from billing_site.kit.nudging import nudge
from payments.admin import health, tones
from payments.admin.evidence import About, about_url, ids_asked_for, object_column, row_of
from payments.admin.payloads import json_block, trouble_block
from payments.enums import EventStatus
from payments.models import StripeEvent
from payments.resources import StripeEventResource
from payments.stripe.applying import requeue_events, skip_event
from payments.tasks import apply_stripe_events

_MAY_BE_RETRIED = (EventStatus.DEAD, EventStatus.PENDING, EventStatus.SKIPPED)


class NothingToRetry(Refused):
    """An event that was applied needs no further attempt."""


class NotDead(Refused):
    """Only a dead letter is laid aside."""


def retry_event(*, stripeevent: StripeEvent, now: dt.datetime) -> None:
    """Give one event new attempts and call a worker."""
    if stripeevent.status not in _MAY_BE_RETRIED:
        raise NothingToRetry(f"{stripeevent.event_id} is {stripeevent.get_status_display().lower()} already.")
    requeue_events(events=StripeEvent.objects.filter(pk=stripeevent.pk), now=now)
    transaction.on_commit(lambda: nudge(apply_stripe_events))


def lay_event_aside(*, stripeevent: StripeEvent, reason: str, by: str) -> None:
    if stripeevent.status != EventStatus.DEAD:
        raise NotDead(f"{stripeevent.event_id} is {stripeevent.get_status_display().lower()}, no dead letter.")
    skip_event(event=stripeevent, reason=reason, by=by)


@admin.register(StripeEvent)
class StripeEventAdmin(RowPageMixin, ExportMixin, ReadOnlyAdmin):
    list_display = (
        "event",
        object_column,
        badge_column("status", colors=tones.EVENT),
        badge_column("source", "From", colors=tones.SOURCE),
        "attempts",
        "received_at",
        "age",
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("source", ChoicesCheckboxFilter),
        ("received_at", DateRange),
        ("stripe_created_at", DateRange),
        About,
    )
    list_before_template = "admin/payments/stripe_health.html"
    search_fields = ("event_id", "object_id", "type__startswith")
    search_help_text = "Event id, object id, or the beginning of a type"
    ordering = ("-received_at", "-pk")
    views = (
        View("Waiting", "pending"),
        View("Dead letters", "dead"),
        View("Unhandled", "unhandled"),
        View("Laid aside", "laid_aside"),
        View("Not mirrored", "unmirrored"),
    )
    resource_classes = (StripeEventResource,)
    retry = confirmed(
        "Retry",
        do=retry_event,
        permission="payments.replay_stripeevent",
        reason="none",
        done="Waiting for a worker",
        explanation="Each event gets eight new attempts, starting now.",
    )
    lay_aside = confirmed(
        "Lay aside",
        do=lay_event_aside,
        permission="payments.replay_stripeevent",
        done="Laid aside",
        explanation="A dead letter that is laid aside is not tried again and no longer counted. "
        "Who did it and why stays on the event; Retry takes it back.",
    )
    actions = (retry, lay_aside)
    offered_when = {
        "retry": lambda event: event.status in _MAY_BE_RETRIED,
        "lay_aside": lambda event: event.status == EventStatus.DEAD,
    }
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("event_id", "type"),
                    ("object", "our_row"),
                    ("state", "source"),
                    ("stripe_created_at", "received_at"),
                    ("attempts", "next_attempt"),
                    ("applied_at", "mirrored_at"),
                    ("api_version", "mode"),
                )
            },
        ),
        ("Laid aside", {"fields": (("skipped_by", "skipped_reason"),)}),
        ("Last error", {"fields": ("error", "mirror_error")}),
        ("Payload", {"fields": ("body",)}),
    )
    readonly_fields = ("object", "our_row", "state", "next_attempt", "mode", "error", "mirror_error", "body")
    object, state = object_column, badge_column("status", colors=tones.EVENT)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the bytes where they are until one page needs them."""
        return super().get_queryset(request).defer("payload", "headers", "last_error", "last_mirror_error")

    def get_urls(self) -> list[URLPattern]:
        to_object = self.admin_site.admin_view(self.object_view)
        own = path("object/<str:stripe_id>/", to_object, name="payments_stripeevent_object")
        return [own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: StripeEvent | None = None) -> Any:
        """Leave out what this event has nothing to say about."""
        shown = {
            "Laid aside": obj is not None and obj.status == EventStatus.SKIPPED,
            "Last error": obj is not None and bool(obj.last_error or obj.last_mirror_error),
        }
        return [part for part in super().get_fieldsets(request, obj) if shown.get(part[0], True)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        about = ids_asked_for(request.GET.get("about"))
        context = {"about": about, "everything": request.path} if about else {"stripe_health": health.strip(request)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def object_view(self, request: HttpRequest, stripe_id: str) -> HttpResponse:
        """Go to our row of an object; where we have none, to everything Stripe said about it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = row_of(stripe_id)
        if row is not None:
            options = row._meta  # noqa: SLF001 - documented API
            return HttpResponseRedirect(
                reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
            )
        messages.info(request, f"The books have no page of {stripe_id}; here is what Stripe said about it.")
        return HttpResponseRedirect(about_url(StripeEvent, [stripe_id]))

    def event(self, event: StripeEvent) -> Any:
        return format_html('{}<br><span class="font-mono font-normal text-xs">{}</span>', event.type, event.event_id)

    event.admin_order_field = "type"  # type: ignore[attr-defined]

    def age(self, event: StripeEvent) -> str:
        return age_text(timezone.now() - event.received_at)

    def mode(self, event: StripeEvent) -> str:
        return "Live" if event.livemode else "Test"

    def our_row(self, event: StripeEvent) -> Any:
        return link_to(row_of(event.object_id))

    our_row.short_description = "Our row"  # type: ignore[attr-defined]

    def next_attempt(self, event: StripeEvent) -> str:
        if event.status != EventStatus.PENDING:
            return self.get_empty_value_display()
        return f"{timezone.localtime(event.next_attempt_at):%-d %b %Y, %H:%M:%S}"

    def error(self, event: StripeEvent) -> Any:
        return trouble_block(event.last_error)

    error.short_description = "In the books"  # type: ignore[attr-defined]

    def mirror_error(self, event: StripeEvent) -> Any:
        return trouble_block(event.last_mirror_error)

    mirror_error.short_description = "In the mirror"  # type: ignore[attr-defined]

    def body(self, event: StripeEvent) -> Any:
        return json_block(event.payload)

    body.short_description = "As signed"  # type: ignore[attr-defined]
