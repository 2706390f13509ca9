"""Owns the page of customers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.contrib.filters.admin import AllValuesCheckboxFilter

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    RowPageMixin,
    View,
    button,
    money_column,
    row_or_404,
    stripe_link,
)
from billing_site.kit.exports import ExportMixin
from invoices.admin.parties import CustomerForm
from invoices.models import Customer, Invoice
from invoices.resources import CustomerResource

_COPIED = ("name", "email", "address", "country", "currency")
_SAID = "Name, e-mail, address, country and currency come from Stripe; change them there."


@admin.register(Customer)
class CustomerAdmin(RowPageMixin, ExportMixin, BackOfficeAdmin):
    form = CustomerForm
    list_display = (
        "name",
        "email",
        "country",
        "currency",
        money_column("outstanding_cents", "Outstanding"),
        stripe_link("stripe_customer_id"),
    )
    list_filter = (("currency", AllValuesCheckboxFilter), ("created_at", DateRange))
    search_fields = ("name", "email", "stripe_customer_id", "user_id", "tax_id")
    search_help_text = "Name, e-mail, Stripe id, user id or tax id"
    ordering = ("name", "pk")
    views = (
        View("In Stripe", "stripe_customer_id__isnull=False"),
        View("Ours only", "stripe_customer_id__isnull=True"),
    )
    resource_classes = (CustomerResource,)
    shows_history = True
    actions_detail = ("new_invoice",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "email"),
                    "bill_to_name",
                    "address",
                    ("country", "tax_id"),
                    ("currency", "language"),
                    "time_zone",
                )
            },
        ),
        ("Elsewhere", {"fields": (("user_id", "stripe_customer_id"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        owed = (
            Invoice.objects.outstanding()
            .filter(customer=OuterRef("pk"), currency=OuterRef("currency"))
            .order_by()
            .values("customer")
            .values(sum=Sum("amount_due_cents"))
        )
        return super().get_queryset(request).annotate(outstanding_cents=Subquery(owed))

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> tuple[str, ...]:
        """What Stripe says about its customers is changed there: the next event would write over it."""
        if obj is None:
            return ()
        return (
            "stripe_customer_id",
            *(_COPIED if obj.stripe_customer_id else ()),
            *(super().get_readonly_fields(request, obj)),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        if obj is None or not obj.stripe_customer_id:
            return super().get_fieldsets(request, obj)
        (_, first), *rest = self.fieldsets
        return (
            (None, {**first, "description": _SAID}),
            *rest,
        )

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        note = form.note_on_tax_id()
        if note:
            messages.info(request, note)

    @button("New invoice", icon="receipt_long", permission="invoices.add_invoice")
    def new_invoice(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        customer = row_or_404(self, request, object_id)
        asked = urlencode({"customer": str(customer.pk), "currency": customer.currency})
        return HttpResponseRedirect(f"{reverse('admin:invoices_invoice_add')}?{asked}")
