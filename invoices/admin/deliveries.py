"""Owns the log of deliveries: what went out, to whom, and the mail as it was sent."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from billing_site.kit.admin import DateRange, ReadOnlyAdmin, RowPageMixin, View, link_to
from invoices.admin.sending import outcome, resend_delivery, state_badge
from invoices.enums import Channel, DeliveryState
from invoices.models import Delivery


@admin.register(Delivery)
class DeliveryAdmin(RowPageMixin, ReadOnlyAdmin):
    list_display = ("requested_at", "paper_link", "customer", "to", "shown_state", "what_happened")
    list_filter = (("state", ChoicesCheckboxFilter), ("channel", ChoicesCheckboxFilter), ("requested_at", DateRange))
    list_select_related = ("invoice__customer", "credit_note__invoice__customer")
    search_fields = ("invoice__invoice_number", "credit_note__number", "recipient", "message_id")
    search_help_text = "Number, address or message id"
    ordering = ("-requested_at",)
    views = (
        View("Waiting", "waiting"),
        View("To look at", "to_look_at"),
        View("Failed", "failed"),
        View("Unknown", "unknown"),
    )
    actions = (resend_delivery,)
    offered_when = {"resend": lambda delivery: delivery.state not in {DeliveryState.QUEUED, DeliveryState.SENDING}}
    change_form_outer_before_template = "admin/invoices/mail.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("paper_link", "shown_state"),
                    ("recipient", "channel"),
                    ("requested_by", "requested_at"),
                    ("attempts", "sent_at"),
                    "what_happened",
                    ("reason", "follows"),
                    "message_id",
                    "document_sha256",
                )
            },
        ),
    )
    readonly_fields = ("paper_link", "shown_state", "what_happened")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the bodies of mails where they are: a page of their own reads them."""
        return super().get_queryset(request).with_document().defer("body_text", "body_html")

    def paper_link(self, delivery: Delivery) -> Any:
        return link_to(delivery.paper)

    paper_link.short_description = "Paper"  # type: ignore[attr-defined]

    def customer(self, delivery: Delivery) -> Any:
        invoice = delivery.invoice or (delivery.credit_note and delivery.credit_note.invoice)
        return link_to(invoice and invoice.customer)

    def to(self, delivery: Delivery) -> str:
        return delivery.recipient or delivery.get_channel_display()

    to.admin_order_field = "recipient"  # type: ignore[attr-defined]

    def shown_state(self, delivery: Delivery) -> Any:
        return state_badge(delivery.state)

    shown_state.short_description = "State"  # type: ignore[attr-defined]
    shown_state.admin_order_field = "state"  # type: ignore[attr-defined]

    def what_happened(self, delivery: Delivery) -> str:
        return outcome(delivery)

    def row_context(self, request: HttpRequest, row: Delivery) -> dict[str, Any]:  # noqa: ARG002
        if row.channel != Channel.EMAIL:
            return {}
        document = row.document
        return {
            "mail_url": reverse("delivery-mail", args=[row.pk]),
            "is_preview": not row.message_id,
            "document_url": reverse("document-file", args=[document.pk]) if document else "",
        }
