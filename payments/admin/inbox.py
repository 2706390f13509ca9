"""Owns the pages of what Stripe told us, byte for byte: events with their state, and fetched objects."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter
from unfold.utils import prettify_json

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, RowPageMixin, View, badge_column, confirmed, stripe_link
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.errors import Refused
from payments.admin import tones
from payments.enums import EventStatus
from payments.models import StripeEvent, StripeObject
from payments.nudging import nudge
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


def lay_event_aside(*, stripeevent: StripeEvent, reason: str) -> None:
    if stripeevent.status != EventStatus.DEAD:
        raise NotDead(f"{stripeevent.event_id} is {stripeevent.get_status_display().lower()}, no dead letter.")
    skip_event(event=stripeevent, reason=reason, by="")


def json_block(payload: bytes | memoryview) -> Any:
    """Show stored bytes as readable JSON, or as they are when they are none."""
    raw = bytes(payload)
    try:
        return format_html('<div class="stripe-json">{}</div>', prettify_json(json.loads(raw), None))
    except (ValueError, RecursionError):
        return format_html('<div class="stripe-json"><pre>{}</pre></div>', raw.decode("utf-8", "replace"))


@admin.register(StripeEvent)
class StripeEventAdmin(RowPageMixin, ReadOnlyAdmin):
    list_display = (
        "event_id",
        "type",
        stripe_link("object_id", "Object"),
        badge_column("status", colors=tones.EVENT),
        "received_at",
        "age",
    )
    list_filter = (("status", ChoicesCheckboxFilter), ("received_at", DateRange), "livemode")
    search_fields = ("event_id", "object_id", "type__startswith")
    search_help_text = "Event id, object id, or the beginning of a type"
    ordering = ("-received_at", "-pk")
    views = (View("Waiting", "pending"), View("Dead letters", "dead"), View("Handled", "handled"))
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
        explanation="A dead letter that is laid aside is not tried again and no longer counted.",
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
                    ("object", "state"),
                    ("stripe_created_at", "received_at"),
                    ("attempts", "next_attempt"),
                    ("applied_at", "mirrored_at"),
                    ("api_version", "livemode"),
                )
            },
        ),
        ("Last error", {"fields": ("error", "mirror_error")}),
        ("Payload", {"fields": ("body",)}),
    )
    readonly_fields = ("object", "state", "next_attempt", "error", "mirror_error", "body")
    object, state = stripe_link("object_id", "Object"), badge_column("status", colors=tones.EVENT)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the bytes where they are until one page needs them."""
        return super().get_queryset(request).defer("payload", "headers", "last_error", "last_mirror_error")

    def get_fieldsets(self, request: HttpRequest, obj: StripeEvent | None = None) -> Any:
        has_error = obj is not None and (obj.last_error or obj.last_mirror_error)
        return [part for part in super().get_fieldsets(request, obj) if part[0] != "Last error" or has_error]

    def age(self, event: StripeEvent) -> str:
        """How long it has been waiting; what is settled waits no more."""
        is_waiting = event.status in (EventStatus.PENDING, EventStatus.DEAD)
        return timesince(event.received_at, depth=1) if is_waiting else self.get_empty_value_display()

    age.short_description = "Waiting for"  # type: ignore[attr-defined]

    def next_attempt(self, event: StripeEvent) -> str:
        if event.status != EventStatus.PENDING:
            return self.get_empty_value_display()
        return f"{timezone.localtime(event.next_attempt_at):%-d %b %Y, %H:%M:%S}"

    def error(self, event: StripeEvent) -> Any:
        return format_html('<div class="stripe-json"><pre>{}</pre></div>', event.last_error or EMPTY)

    error.short_description = "In the books"  # type: ignore[attr-defined]

    def mirror_error(self, event: StripeEvent) -> Any:
        return format_html('<div class="stripe-json"><pre>{}</pre></div>', event.last_mirror_error or EMPTY)

    mirror_error.short_description = "In the mirror"  # type: ignore[attr-defined]

    def body(self, event: StripeEvent) -> Any:
        return json_block(event.payload)

    body.short_description = "As signed"  # type: ignore[attr-defined]


@admin.register(StripeObject)
class StripeObjectAdmin(ReadOnlyAdmin):
    list_display = ("stripe_id", "object_type", "api_version", "fingerprint", "fetched_at")
    list_filter = (("object_type", AllValuesCheckboxFilter), ("fetched_at", DateRange))
    search_fields = ("stripe_id",)
    search_help_text = "Stripe id"
    ordering = ("-fetched_at", "-pk")
    fields = (("stripe_page", "object_type"), ("api_version", "fetched_at"), "sha256", "body")
    readonly_fields = ("stripe_page", "body")
    stripe_page = stripe_link("stripe_id", "Id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("payload")

    def fingerprint(self, row: StripeObject) -> Any:
        return format_html('<span class="font-mono text-xs" title="{}">{}…</span>', row.sha256, row.sha256[:12])

    fingerprint.short_description = "SHA-256"  # type: ignore[attr-defined]

    def body(self, row: StripeObject) -> Any:
        return json_block(row.payload)

    body.short_description = "As answered"  # type: ignore[attr-defined]
