"""Owns the page of payments: Stripe's are read, those that came by bank are entered here."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter
from unfold.widgets import UnfoldAdminSingleDateWidget

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    MoneyForm,
    RowPageMixin,
    TotalsMixin,
    View,
    badge_column,
    link_column,
    money_column,
    stripe_link,
)
from billing_site.kit.admin.money_forms import above_zero
from billing_site.kit.admin.words import day_text
from billing_site.kit.exports import ExportMixin
from payments.admin import tones
from payments.admin.placing import place_payment_button
from payments.enums import PaymentOrigin
from payments.models import Payment
from payments.querysets import RECEIVED
from payments.resources import PaymentResource
from payments.services import record_manual_payment


class ManualPaymentForm(MoneyForm):
    """Money that came in outside Stripe, as the bank statement shows it."""

    received_on = forms.DateField(widget=UnfoldAdminSingleDateWidget, help_text="The day of the bank statement.")

    class Meta:
        model = Payment
        fields = ("customer", "invoice", "amount_cents", "currency", "payment_method", "reference")
        labels = {"amount_cents": "Amount"}
        help_texts = {
            "customer": "May be left out when an invoice is chosen.",
            "invoice": "What it does not need of the amount stays as unapplied cash.",
        }

    def clean_amount_cents(self) -> int:
        return above_zero(self.cleaned_data["amount_cents"])

    def clean_received_on(self) -> dt.date:
        day: dt.date = self.cleaned_data["received_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("Money cannot have been received after today.")
        return day

    def clean(self) -> dict[str, Any]:
        read: dict[str, Any] = super().clean() or {}
        if not read.get("customer") and not read.get("invoice"):
            raise forms.ValidationError("Choose the customer who paid, or the invoice that was paid.")
        return read


@admin.register(Payment)
class PaymentAdmin(RowPageMixin, TotalsMixin, ExportMixin, BackOfficeAdmin):
    list_display = (
        "name",
        link_column("customer"),
        link_column("invoice"),
        badge_column("status", colors=tones.PAYMENT),
        money_column("amount_cents", "Amount"),
        money_column("stripe_fee_cents", "Fee", currency="settlement_currency"),
        money_column("net_amount_cents", "Net", currency="settlement_currency"),
        "created_on",
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("origin", ChoicesCheckboxFilter),
        ("created_at", DateRange),
        ("received_at", DateRange),
    )
    search_fields = (
        "stripe_payment_intent_id",
        "stripe_charge_id",
        "reference",
        "customer__name",
        "invoice__invoice_number",
    )
    search_help_text = "Stripe id, reference, customer or invoice number"
    ordering = ("-created_at", "-pk")
    views = (
        View("Received", "received"),
        View("Unapplied", "unallocated"),
        View("Failed", "failed"),
        View("Manual", "manual"),
        View("Fee unknown", "without_fee"),
    )
    totals = ("amount_cents", "refund_amount_cents", "allocated_cents")
    resource_classes = (PaymentResource,)
    autocomplete_fields = ("customer", "invoice")
    form = ManualPaymentForm
    shows_history = True
    place_on_invoice = place_payment_button
    actions_detail = ("place_on_invoice",)
    offered_when = {
        "place_on_invoice": lambda payment: (
            payment.origin == PaymentOrigin.MANUAL and payment.status in RECEIVED and payment.unallocated_cents > 0
        )
    }
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    ("customer", "invoice"),
                    ("amount_cents", "currency"),
                    ("received_on", "payment_method"),
                    "reference",
                ),
                "description": "For money that came by bank transfer, cheque or cash. Card payments come from Stripe.",
            },
        ),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("customer", "invoice"),
                    ("state", "origin"),
                    ("payment_method", "reference"),
                    ("received_at", "created_at"),
                )
            },
        ),
        (
            "Amounts",
            {"fields": (("amount", "refunded"), ("fee", "net"), ("settled", "exchange_rate"), ("placed", "unplaced"))},
        ),
        (
            "Stripe",
            {"fields": (("intent", "charge"), ("failure_code", "failure_message"), ("refunded_at", "refund_reason"))},
        ),
    )
    readonly_fields = ("state", "amount", "refunded", "fee", "net", "settled", "placed", "unplaced", "intent", "charge")
    state = badge_column("status", colors=tones.PAYMENT)
    amount, refunded = money_column("amount_cents"), money_column("refund_amount_cents", "Refunded")
    fee = money_column("stripe_fee_cents", "Stripe's fee", currency="settlement_currency")
    net = money_column("net_amount_cents", "Net", currency="settlement_currency")
    settled = money_column("settlement_amount_cents", "Settled as", currency="settlement_currency")
    placed, unplaced = (
        money_column("allocated_cents", "On invoices"),
        money_column("unallocated_cents", "Unapplied", sortable=False),
    )
    intent, charge = (
        stripe_link("stripe_payment_intent_id", "Payment intent"),
        stripe_link("stripe_charge_id", "Charge"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Payment | None = None) -> Any:
        """Leave out of a payment of Stripe's what is placed by hand, and of one by bank what only Stripe tells."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        if obj.origin == PaymentOrigin.MANUAL:
            return [part for part in fieldsets if part[0] != "Stripe"]
        return [
            (title, {**rest, "fields": [row for row in rest["fields"] if row[0] != "placed"]})
            for title, rest in fieldsets
        ]

    def get_form(self, request: HttpRequest, obj: Payment | None = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Explain the fields to who fills them, not to who reads them."""
        if obj is not None:
            options["help_texts"] = dict.fromkeys((field.name for field in Payment._meta.fields), "")  # noqa: SLF001 - documented API
        return super().get_form(request, obj, change, **options)

    def name(self, payment: Payment) -> Any:
        return payment.reference or payment.payment_method or str(payment)

    name.short_description = "Payment"  # type: ignore[attr-defined]
    name.admin_order_field = "reference"  # type: ignore[attr-defined]

    def created_on(self, payment: Payment) -> str:
        return day_text(payment.created_at)

    created_on.short_description = "Created"  # type: ignore[attr-defined]
    created_on.admin_order_field = "created_at"  # type: ignore[attr-defined]

    def has_change_permission(self, request: HttpRequest, obj: Payment | None = None) -> bool:  # noqa: ARG002
        """A payment is never typed over: it is reversed, or Stripe says otherwise."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Payment | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: Payment, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        read = form.cleaned_data
        noon = dt.datetime.combine(
            read["received_on"], dt.time(12)
        )  # stays that day in every zone a finance team works in
        made = record_manual_payment(
            customer=read["customer"] or read["invoice"].customer,
            invoice=read["invoice"],
            amount_cents=read["amount_cents"],
            currency=read["currency"],
            received_at=timezone.make_aware(noon),
            method=read["payment_method"],
            reference=read["reference"],
            now=timezone.now(),
            by=request.user.get_username(),
        )
        obj.pk = made.pk
        obj.refresh_from_db()
