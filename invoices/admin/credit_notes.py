"""Owns the page of credit notes, and the form that issues one for an invoice."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from billing_site.kit.admin import (
    DateRange,
    MoneyFormField,
    QuestionForm,
    ReadOnlyAdmin,
    RowPageMixin,
    TotalsMixin,
    View,
    asking,
    badge_column,
    link_column,
    money_column,
)
from billing_site.kit.admin.words import span_text
from billing_site.kit.exports import ExportMixin
from billing_site.kit.money import Money
from invoices.admin import sending
from invoices.admin.paper import paper_of_note
from invoices.models import CreditNote, InvoiceLine
from invoices.resources import CreditNoteResource
from invoices.services import CreditLine, Split, issue_credit_note, left_to_credit

_NOTHING_WRITTEN = "Write an amount beside at least one line."


class _Unseen(forms.HiddenInput):
    is_dressed = True


class CreditNoteForm(QuestionForm):
    """What is taken back of each line, before tax; its tax follows at the line's own rate."""

    explanation = "Write the amount to take back beside each line, before tax. Tax follows at the line's own rate."
    is_whole = forms.BooleanField(
        label="Everything", required=False, help_text="Take back all that is left of every line."
    )
    reason = forms.CharField(max_length=200, help_text="Printed on the credit note.")
    off_due = MoneyFormField(label="Off the amount due", required=False)
    refund = MoneyFormField(
        label="Refund", required=False, help_text="To be sent back, tax included; what remains becomes a credit."
    )
    is_refunded = forms.BooleanField(
        label="Refund the rest", required=False, help_text="Send back all that is not taken off the amount due."
    )
    notes_seen = forms.IntegerField(required=False, widget=_Unseen)

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.left = left_to_credit(invoice=row)
        self.initial["notes_seen"] = row.credit_notes.count()
        for line, cents in self.left:
            field = MoneyFormField(
                label=line.description, required=False, help_text=_at_most(line, cents, row.currency)
            )
            field.form, self.fields[f"line_{line.pk}"] = self, field
        due = Money(row.amount_due_cents + row.written_off_cents, row.currency).format()
        self.fields["off_due"].help_text = f"Tax included, at most {due}; as much as possible when left empty."
        for name in ("off_due", "refund"):
            cast("MoneyFormField", self.fields[name]).form = self
        lines = [f"line_{line.pk}" for line, _cents in self.left]
        self.order_fields(["is_whole", *lines, "reason", "off_due", "refund", "is_refunded"])

    def clean(self) -> dict[str, Any]:
        read: dict[str, Any] = super().clean() or {}
        for line, cents in self.left:
            wanted = read.get(f"line_{line.pk}") or 0
            if not min(cents, 0) <= wanted <= max(cents, 0):
                self.add_error(
                    f"line_{line.pk}", f"Take back at most {Money(cents, self.row.currency).format()} of this line."
                )
        is_written = any(read.get(f"line_{line.pk}") for line, _cents in self.left)
        if not self.errors and bool(read.get("is_whole")) == is_written:
            said = "Take back everything, or the amounts you write: not both." if is_written else _NOTHING_WRITTEN
            raise forms.ValidationError(said)
        if read.get("refund") and read.get("is_refunded"):
            self.add_error("refund", "Refund the rest, or the amount you write: not both.")
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
            split=Split(
                off_due_cents=self.cleaned_data["off_due"],
                refund_cents=self.cleaned_data["refund"] or 0,
                refunds_rest=self.cleaned_data["is_refunded"],
            ),
            notes_seen=self.cleaned_data["notes_seen"],
        )
        return f"Credit note {note.number} of {Money(note.total_cents, note.currency).format()} is issued."

    def _lines(self) -> list[CreditLine]:
        wanted = {
            line: cents if self.cleaned_data["is_whole"] else self.cleaned_data.get(f"line_{line.pk}")
            for line, cents in self.left
        }
        return [
            CreditLine(description=line.description, amount_cents=cents, invoice_line=line)
            for line, cents in wanted.items()
            if cents
        ]


def _at_most(line: InvoiceLine, cents: int, currency: str) -> str:
    """Say what is left of a line, and its period: lines of several months may have one name."""
    span = span_text(line.service_period_start, line.service_period_end) if line.service_period_start else ""
    return " \N{MIDDLE DOT} ".join(filter(None, [f"At most {Money(cents, currency).format()}", span]))


issue_credit_note_button = asking(
    "Issue credit note", form=CreditNoteForm, permission="invoices.add_creditnote", icon="undo"
)


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
    fieldsets = ((None, {"fields": (("invoice", "origin"),)}),)
    change_form_outer_before_template = "admin/invoices/paper.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_delivery_state()

    def row_context(self, request: HttpRequest, row: CreditNote) -> dict[str, Any]:  # noqa: ARG002
        return {"paper": paper_of_note(row)}
