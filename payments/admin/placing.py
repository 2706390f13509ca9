"""Owns the buttons that place money and credits on invoices, and the list of what was placed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils import timezone

from billing_site.kit.admin import (
    DateRange,
    MoneyFormField,
    QuestionForm,
    ReadOnlyAdmin,
    TotalsMixin,
    asking,
    confirmed,
    link_column,
    money_column,
)
from billing_site.kit.money import Money
from invoices.models import Invoice
from payments.models import Allocation
from payments.services import allocate_payment, reverse_allocation, use_credit


class _InvoiceChoice(forms.ModelChoiceField):
    def label_from_instance(self, invoice: Invoice) -> str:
        return f"{invoice} · {invoice.customer} · {invoice.amount_due.format()} due"


class PlacingForm(QuestionForm):
    """Which invoice, and how much of it; at first the oldest, and as much as it can take."""

    invoice = _InvoiceChoice(queryset=Invoice.objects.none())
    amount_cents = MoneyFormField(label="Amount")

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        choices = _payable(row)
        self.fields["invoice"].queryset = choices  # type: ignore[attr-defined]
        self.left = self.left_of(row)
        self.explanation = f"{Money(self.left, row.currency).format()} can still be placed."
        oldest = choices.first()
        if oldest is not None:
            self.initial = {"invoice": oldest.pk, "amount_cents": min(self.left, oldest.amount_due_cents)}

    def left_of(self, row: Any) -> int:
        return int(row.unallocated_cents)

    def carry_out(self, *, by: str) -> str:
        invoice, cents = self.cleaned_data["invoice"], self.cleaned_data["amount_cents"]
        allocate_payment(payment=self.row, invoice=invoice, amount_cents=cents, now=timezone.now(), by=by)
        return f"{Money(cents, invoice.currency).format()} is placed on {invoice}."


class CreditPlacingForm(PlacingForm):
    def left_of(self, row: Any) -> int:
        return int(row.remaining_cents)

    def carry_out(self, *, by: str) -> str:
        invoice, cents = self.cleaned_data["invoice"], self.cleaned_data["amount_cents"]
        use_credit(credit=self.row, invoice=invoice, amount_cents=cents, now=timezone.now(), by=by)
        return f"{Money(cents, invoice.currency).format()} of the credit is used on {invoice}."


place_payment_button = asking(
    "Place on invoice", form=PlacingForm, permission="payments.add_payment", icon="receipt_long"
)
use_credit_button = asking(
    "Use on invoice", form=CreditPlacingForm, permission="payments.add_credit", icon="receipt_long"
)


@admin.register(Allocation)
class AllocationAdmin(TotalsMixin, ReadOnlyAdmin):
    """What was placed on which invoice. Undoing adds a row; nothing is taken away."""

    list_display = (
        "allocated_at",
        link_column("invoice"),
        link_column("invoice__customer", "Customer"),
        link_column("payment"),
        link_column("credit"),
        money_column("amount_cents", "Amount"),
        "allocated_by",
        "reversal",
    )
    list_filter = (("allocated_at", DateRange),)
    search_fields = ("invoice__invoice_number", "payment__reference", "invoice__customer__name")
    search_help_text = "Invoice number, payment reference or customer"
    ordering = ("-allocated_at", "-pk")
    totals = ("amount_cents",)
    list_select_related = ("reverses", "reversed_by")
    actions = (
        confirmed(
            "Reverse",
            do=reverse_allocation,
            permission="payments.add_payment",
            reason="none",
            done="Reversed: the invoice owes again, the money is free again",
            money=("amount_cents",),
        ),
    )

    def reversal(self, allocation: Allocation) -> str:
        if allocation.reverses_id:
            return f"Reverses {allocation.reverses_id}"
        return "Reversed" if hasattr(allocation, "reversed_by") else self.get_empty_value_display()


def _payable(row: Any) -> Any:
    """Ours, with something due, in this currency; the customer's own where the money is known to be theirs."""
    found = Invoice.objects.native().outstanding().in_currency(row.currency).select_related("customer")
    if row.customer_id:
        found = found.filter(customer=row.customer_id)
    return found.order_by("due_date", "pk")
