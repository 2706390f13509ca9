"""Owns how the notes of an issued invoice are shown, and changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html

from billing_site.kit.admin import QuestionForm, asking
from billing_site.kit.admin.columns import EMPTY
from invoices.enums import Origin
from invoices.models import Invoice
from invoices.services import write_notes


class NotesForm(QuestionForm):
    explanation = (
        "Everything else of an issued invoice stays. Its document, once kept, keeps the notes it was made with."
    )
    notes = forms.CharField(widget=forms.Textarea, required=False, max_length=10_000)

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.fields["notes"].initial = row.notes

    def carry_out(self, *, by: str) -> str:  # noqa: ARG002 - the audit knows who
        write_notes(invoice=self.row, notes=self.cleaned_data["notes"])
        return f"The notes of {self.row} are changed."


def notes_cell(invoice: Invoice) -> Any:
    """Show the notes, and the way to change those of ours."""
    if invoice.origin != Origin.NATIVE:
        return invoice.notes or EMPTY
    return format_html(
        '<div class="notes-kept">{}</div><a class="text-link" href="../notes/">{}</a>',
        invoice.notes,
        "Change the notes" if invoice.notes else "Add notes",
    )


notes_button = asking("Notes", form=NotesForm, permission="invoices.change_invoice", icon="edit_note")
