"""Owns the page of credit notes, and the form that issues one for an invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import (
    DateRange,
    MoneyFormField,
    QuestionForm,
    ReadOnlyAdmin,
    ReadOnlyInline,
    RowPageMixin,
    TotalsMixin,
    View,
    asking,
    badge_column,
    link_column,
    money_column,
)
from billing_site.kit.exports import ExportMixin
from billing_site.kit.money import Money
from invoices.admin import sending
from invoices.models import CreditNote, CreditNoteLine, InvoiceLine
from invoices.resources import CreditNoteResource
from invoices.services import CreditLine, issue_credit_note


class CreditNoteForm(QuestionForm):
    """What is taken back of each line, before tax; its tax follows at the line's own rate."""

    explanation = "Write the amount to take back beside each line, before tax. Tax follows at the line's own rate."
    is_whole = forms.BooleanField(
        label="Everything", required=False, help_text="Take back all that is left of every line."
    )
    reason = forms.CharField(max_length=200, help_text="Printed on the credit note.")
    is_refunded = forms.BooleanField(
        label="Refund the rest",
        required=False,
        help_text="What exceeds the amount due is to be sent back; otherwise it becomes a credit.",
    )

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.left = _left_of(row)
        for line, cents in self.left:
            field = MoneyFormField(
                label=line.description, required=False, help_text=f"At most {Money(cents, row.currency).format()}"
            )
            field.form, self.fields[f"line_{line.pk}"] = self, field
        self.order_fields(["is_whole", *(f"line_{line.pk}" for line, _cents in self.left), "reason", "is_refunded"])

    def clean(self) -> dict[str, Any]:
        read: dict[str, Any] = super().clean() or {}
        for line, cents in self.left:
            wanted = read.get(f"line_{line.pk}") or 0
            if not 0 <= wanted <= max(cents, 0):
                self.add_error(
                    f"line_{line.pk}", f"Take back at most {Money(cents, self.row.currency).format()} of this line."
                )
        if (
            not read.get("is_whole")
            and not any(read.get(f"line_{line.pk}") for line, _cents in self.left)
            and not self.errors
        ):
            raise forms.ValidationError("Write an amount beside at least one line.")
        return read

    def carry_out(self, *, by: str) -> str:
        now = timezone.now()
        note = issue_credit_note(
            invoice=self.row,
            lines=self._lines(),
            reason=self.cleaned_data["reason"],
            on=timezone.localdate(now),
            now=now,
            by=by,
            refund_rest=self.cleaned_data["is_refunded"],
        )
        return f"Credit note {note.number} of {Money(note.total_cents, note.currency).format()} is issued."

    def _lines(self) -> list[CreditLine]:
        wanted = {
            line: cents if self.cleaned_data["is_whole"] else self.cleaned_data.get(f"line_{line.pk}")
            for line, cents in self.left
        }
        return [
            CreditLine(
                description=line.description, amount_cents=cents, tax_rate=Decimal(line.tax_rate), invoice_line=line
            )
            for line, cents in wanted.items()
            if cents
        ]


issue_credit_note_button = asking(
    "Issue credit note", form=CreditNoteForm, permission="invoices.add_creditnote", icon="undo"
)


class CreditNoteLineInline(ReadOnlyInline):
    model = CreditNoteLine
    fields = readonly_fields = ("description", "tax_rate", "amount", "tax")
    amount = money_column("amount_cents", currency="credit_note__currency")
    tax = money_column("tax_cents", currency="credit_note__currency")
    verbose_name_plural = "Lines"
    tab = False


@admin.register(CreditNote)
class CreditNoteAdmin(RowPageMixin, TotalsMixin, ExportMixin, ReadOnlyAdmin):
    """Issued from an invoice's page; read here."""

    list_display = (
        "number",
        link_column("invoice"),
        link_column("invoice__customer", "Customer"),
        badge_column("status", colors={"issued": "success"}),
        "issue_date",
        money_column("total_cents", "Total"),
        money_column("reduces_due_cents", "Off the invoice"),
        sending.sent,
        "reason",
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("origin", ChoicesCheckboxFilter),
        sending.SentFilter,
        ("issue_date", DateRange),
    )
    search_fields = ("number", "invoice__invoice_number", "invoice__customer__name", "stripe_credit_note_id")
    search_help_text = "Number, invoice or customer"
    ordering = ("-issue_date", "-pk")
    totals = ("total_cents", "reduces_due_cents", "to_credit_cents", "to_refund_cents")
    resource_classes = (CreditNoteResource,)
    views = (View("Not sent", "not_sent"),)
    send = sending.send_note
    actions = (send,)
    resend, mark_sent = sending.resend_button, sending.mark_sent_button
    actions_detail = ("resend", "mark_sent")
    offered_when = sending.OFFERED_WHEN
    inlines = (CreditNoteLineInline,)
    fieldsets = (
        (None, {"fields": (("number", "invoice"), ("status", "origin"), ("issue_date", "issued_by"), "reason")}),
        ("Amounts", {"fields": (("subtotal", "tax"), ("total", "reduces_due"), ("to_credit", "to_refund"))}),
    )
    readonly_fields = ("subtotal", "tax", "total", "reduces_due", "to_credit", "to_refund")
    subtotal, tax, total = money_column("subtotal_cents"), money_column("tax_cents"), money_column("total_cents")
    reduces_due = money_column("reduces_due_cents", "Off the invoice")
    to_credit, to_refund = (
        money_column("to_credit_cents", "Becomes a credit"),
        money_column("to_refund_cents", "To be refunded"),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_delivery_state()


def _left_of(invoice: Any) -> list[tuple[InvoiceLine, int]]:
    """Say what of each line was neither discounted nor credited yet, before tax."""
    credited = dict(
        CreditNoteLine.objects.filter(invoice_line__invoice=invoice, credit_note__status="issued")
        .order_by()
        .values_list("invoice_line")
        .annotate(sum=Sum("amount_cents"))
    )
    lines = ((line, line.amount_cents - line.discount_cents - credited.get(line.pk, 0)) for line in invoice.lines.all())
    return [(line, cents) for line, cents in lines if cents > 0]
