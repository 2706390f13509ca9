"""What reduces an invoice, and the documents that are kept."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, is_currency, one_of
from invoices.enums import CreditNoteStatus, DocumentKind, Origin, TaxCategory
from invoices.models.billing import Invoice, InvoiceLine
from invoices.models.parties import Seller
from invoices.querysets import CreditNoteLineQuerySet, CreditNoteQuerySet


@audited
class CreditNote(models.Model):
    """A document that reduces an issued invoice."""

    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.NATIVE)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, null=True, blank=True, related_name="credit_notes")
    number = models.CharField(max_length=80)
    stripe_credit_note_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    status = models.CharField(max_length=20, choices=CreditNoteStatus.choices, default=CreditNoteStatus.ISSUED)
    currency = CurrencyField()
    subtotal_cents = CentsField()
    tax_cents = CentsField(default=0)
    total_cents = CentsField()
    reduces_due_cents = CentsField(default=0, help_text="Taken off what the invoice still asks for.")
    to_credit_cents = CentsField(default=0, help_text="Given to the customer as a credit.")
    to_refund_cents = CentsField(default=0, help_text="To be sent back.")
    reason = models.CharField(max_length=200)
    issue_date = models.DateField()
    issued_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CreditNoteQuerySet.as_manager()

    class Meta:
        db_table = "credit_notes"
        constraints = [
            models.CheckConstraint(condition=one_of("status", CreditNoteStatus), name="credit_note_status_known"),
            models.CheckConstraint(condition=is_currency(), name="credit_note_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE)
                | Q(total_cents=F("subtotal_cents") + F("tax_cents"), total_cents__gt=0),
                name="credit_note_total_is_subtotal_plus_tax",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE)
                | Q(total_cents=F("reduces_due_cents") + F("to_credit_cents") + F("to_refund_cents")),
                name="credit_note_total_has_a_destination",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE) | Q(seller__isnull=False), name="credit_note_has_its_seller"
            ),
            models.UniqueConstraint(
                fields=["seller", "number"],
                condition=Q(origin=Origin.NATIVE),
                name="credit_note_number_once_per_seller",
                violation_error_message="Another credit note has this number; change the seller's number pattern.",
            ),
        ]

    def __str__(self) -> str:
        return self.number


@audited
class CreditNoteLine(models.Model):
    credit_note = models.ForeignKey(CreditNote, on_delete=models.CASCADE, related_name="lines")
    invoice_line = models.ForeignKey(
        InvoiceLine, on_delete=models.PROTECT, null=True, blank=True, related_name="credit_note_lines"
    )
    description = models.CharField(max_length=500)
    amount_cents = CentsField()
    tax_rate = models.DecimalField(max_digits=7, decimal_places=6, default=0)
    tax_category = models.CharField(max_length=2, choices=TaxCategory.choices, blank=True)
    tax_cents = CentsField(default=0)
    stripe_line_id = models.CharField(max_length=255, blank=True, editable=False)

    objects = CreditNoteLineQuerySet.as_manager()

    class Meta:
        db_table = "credit_note_lines"
        constraints = [
            models.CheckConstraint(
                condition=Q(tax_category="") | one_of("tax_category", TaxCategory), name="credited_tax_category_known"
            ),
        ]

    def __str__(self) -> str:
        return self.description


class Document(models.Model):
    """A PDF kept once; the row is written after the file, so a row means a file with this sha256."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=DocumentKind.choices)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="documents")
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="documents"
    )
    file_name = models.CharField(max_length=255, unique=True)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=DocumentKind.INVOICE, invoice__isnull=False, credit_note=None)
                | Q(kind=DocumentKind.CREDIT_NOTE, invoice=None, credit_note__isnull=False),
                name="document_belongs_to_its_kind",
            ),
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(kind=DocumentKind.INVOICE), name="one_document_per_invoice"
            ),
            models.UniqueConstraint(
                fields=["credit_note"], condition=Q(kind=DocumentKind.CREDIT_NOTE), name="one_document_per_credit_note"
            ),
        ]

    def __str__(self) -> str:
        return self.file_name
