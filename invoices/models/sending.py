"""The log of what went to customers: one row each time a paper was sent, or somebody said that it was."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from billing_site.kit.fields import one_of
from invoices.enums import Channel, DeliveryState, DocumentKind
from invoices.models.billing import Invoice
from invoices.models.papers import CreditNote, Document
from invoices.querysets import DeliveryQuerySet

_ONCE = "This was sent already; use Resend on its page."


class Delivery(models.Model):
    """One paper on its way to one address. The row is the key that keeps a mail from going out twice.

    A paper has one first delivery; each later one names the one it `follows`, which at most one can.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries", db_index=False
    )
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries", db_index=False
    )
    follows = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="followed_by", verbose_name="repeats"
    )
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.QUEUED)
    recipient = models.EmailField(blank=True)
    reason = models.CharField(max_length=500, blank=True)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True, help_text="When a worker took it to the mail server.")
    sent_at = models.DateTimeField(null=True, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    body_text = models.TextField(blank=True)
    body_html = models.TextField(blank=True)
    message_id = models.CharField(max_length=255, blank=True)
    document_sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "invoice_deliveries"
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(condition=one_of("channel", Channel), name="delivery_channel_known"),
            models.CheckConstraint(condition=one_of("state", DeliveryState), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(invoice__isnull=False, credit_note=None) | Q(invoice=None, credit_note__isnull=False),
                name="delivery_is_of_one_paper",
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.MARKED, sent_at__isnull=False)
                & ~Q(channel=Channel.EMAIL)
                & ~Q(reason="")
                | Q(channel=Channel.EMAIL) & ~Q(state=DeliveryState.MARKED) & ~Q(recipient=""),
                name="delivery_is_mailed_or_says_how_it_went",
            ),
            models.CheckConstraint(
                condition=~Q(state=DeliveryState.SENT)
                | Q(sent_at__isnull=False, document_sha256__regex="^[0-9a-f]{64}$") & ~Q(message_id=""),
                name="sent_delivery_names_its_mail",
            ),
            models.CheckConstraint(condition=Q(follows=None) | ~Q(reason=""), name="sending_again_has_a_reason"),
            models.CheckConstraint(condition=~Q(follows=F("id")), name="delivery_follows_another"),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(follows=None),
                name="invoice_first_sent_once",
                violation_error_message=_ONCE,
            ),
            models.UniqueConstraint(
                fields=["credit_note"],
                condition=Q(follows=None),
                name="credit_note_first_sent_once",
                violation_error_message=_ONCE,
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state=DeliveryState.QUEUED), name="delivery_due"),
            models.Index(fields=["-requested_at"], name="delivery_newest_first"),
            models.Index(fields=["invoice", "-requested_at"], name="delivery_of_invoice"),
            models.Index(fields=["credit_note", "-requested_at"], name="delivery_of_credit_note"),
        ]

    def __str__(self) -> str:
        return f"{self.paper} to {self.recipient or self.get_channel_display().lower()}"

    @property
    def paper(self) -> Invoice | CreditNote:
        """What is sent."""
        paper = self.invoice or self.credit_note
        assert paper is not None, "a CHECK keeps it so"  # noqa: S101
        return paper

    @property
    def document(self) -> Document | None:
        """The kept PDF that goes with it, once there is one."""
        kind = DocumentKind.INVOICE if self.invoice_id else DocumentKind.CREDIT_NOTE
        return self.paper.documents.filter(kind=kind).first()
