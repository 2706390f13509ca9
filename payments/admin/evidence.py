"""Owns the way from any row to everything Stripe said about it, and from what Stripe named to our row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing_site.kit.admin import Panel, badge, link_to, list_url, may_see
from billing_site.kit.admin.columns import EMPTY, stripe_url
from billing_site.kit.admin.panels import MOST_ROWS
from billing_site.kit.admin.words import moment_text
from invoices.models import CreditNote, Customer, Invoice
from payments.admin import tones
from payments.models import (
    BalanceTransaction,
    Dispute,
    InvoicePayment,
    Payment,
    Payout,
    Refund,
    StripeEvent,
    StripeObject,
    Subscription,
)

_ROWS: Final[dict[str, tuple[type[models.Model], str]]] = {
    "in": (Invoice, "stripe_invoice_id"),
    "cn": (CreditNote, "stripe_credit_note_id"),
    "cus": (Customer, "stripe_customer_id"),
    "pi": (Payment, "stripe_payment_intent_id"),
    "ch": (Payment, "stripe_charge_id"),
    "py": (Payment, "stripe_charge_id"),
    "re": (Refund, "stripe_refund_id"),
    "pyr": (Refund, "stripe_refund_id"),
    "dp": (Dispute, "stripe_dispute_id"),
    "du": (Dispute, "stripe_dispute_id"),
    "po": (Payout, "stripe_payout_id"),
    "sub": (Subscription, "stripe_subscription_id"),
    "txn": (BalanceTransaction, "stripe_id"),
}
"""Where our row of an object is, by the beginning of its id."""


def row_of(stripe_id: str) -> models.Model | None:
    """Return our row of what Stripe calls by this id, or None when we have none."""
    prefix = stripe_id.partition("_")[0]
    if prefix == "inpay":
        tie = InvoicePayment.objects.filter(stripe_id=stripe_id).first()
        return row_of(tie.stripe_invoice_id) if tie else None
    model, column = _ROWS.get(prefix, (None, ""))
    return model._default_manager.filter(**{column: stripe_id}).first() if model else None  # noqa: SLF001 - documented API


def object_column(*row: Any) -> SafeString:
    """Link an id to our row by way of a page that looks it up once pressed, and to Stripe's dashboard."""
    stripe_id = row[-1].object_id
    if not stripe_id:
        return format_html("{}", EMPTY)
    return format_html(
        '<span class="nowrap"><a class="text-link font-mono text-xs" href="{}" title="Our row">{}</a> {}</span>',
        reverse("admin:payments_stripeevent_object", args=[stripe_id]),
        stripe_id,
        dashboard_link(stripe_id),
    )


object_column.short_description = "Object"  # type: ignore[attr-defined]
object_column.admin_order_field = "object_id"  # type: ignore[attr-defined]
object_column.related = set()  # type: ignore[attr-defined]


def dashboard_link(stripe_id: str) -> SafeString:
    return format_html(
        '<a class="text-link" target="_blank" rel="noopener noreferrer" href="{}" title="At Stripe">↗</a>',
        stripe_url(stripe_id),
    )


def about_url(model: type[models.Model], stripe_ids: Iterable[str]) -> str:
    return list_url(model, about=",".join(stripe_ids))


class About(admin.SimpleListFilter):
    """Narrows a list to some objects of Stripe's; a line above the list says so."""

    title = "about"
    parameter_name = "about"
    template = "admin/no_filter.html"
    column = "object_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("", "")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:  # noqa: ARG002
        ids = ids_asked_for(self.value())
        return queryset.filter(**{f"{self.column}__in": ids}) if ids else queryset


class AboutFetched(About):
    column = "stripe_id"


def ids_asked_for(written: str | None) -> list[str]:
    return [part for part in (written or "").replace("\x00", "").split(",") if part]


def said_about(stripe_ids: Iterable[str | None], request: HttpRequest, *, but: int = 0) -> Iterator[Panel]:
    """Tell what Stripe said of some objects, the newest first: events, and what we fetched. `but` is left out."""
    ids = [one for one in dict.fromkeys(stripe_ids) if one]
    if not ids or not may_see(request, StripeEvent):
        return
    events = StripeEvent.objects.filter(object_id__in=ids).exclude(pk=but).defer("payload", "headers", "last_error")
    newest = events.order_by("-stripe_created_at", "-pk")[:MOST_ROWS]
    rows = [_event(event) for event in newest]
    yield Panel(
        "What Stripe said",
        ("Event", "About", "State", "At Stripe", "Came from"),
        rows,
        url=about_url(StripeEvent, ids),
        is_wide=True,
    )
    fetched = StripeObject.objects.filter(stripe_id__in=ids).defer("payload").order_by("-fetched_at", "-pk")
    kept = [
        (link_to(row, row.object_type.replace("_", " ")), _id(row.stripe_id), moment_text(row.fetched_at))
        for row in fetched[:MOST_ROWS]
    ]
    yield Panel("Fetched from Stripe", ("Object", "Id", "When"), kept, url=about_url(StripeObject, ids), is_wide=True)


def _event(event: StripeEvent) -> tuple[Any, ...]:
    state = badge(event.get_status_display(), tones.EVENT.get(event.status, ""))
    at, source = moment_text(event.stripe_created_at), event.get_source_display()
    return link_to(event, event.type), _id(event.object_id), state, at, source


def _id(stripe_id: str) -> SafeString:
    return format_html('<span class="font-mono text-xs">{}</span>', stripe_id)
