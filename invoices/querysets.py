"""The sentences one can say about invoices."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from invoices.enums import CreditNoteStatus, DeliveryState, DocumentKind, InvoiceStatus, Origin

_GONE_OUT = (DeliveryState.SENT, DeliveryState.MARKED)
_HAS_DOCUMENT = Q(invoice__documents__isnull=False) | Q(credit_note__documents__isnull=False)


class CustomerQuerySet(models.QuerySet):
    def from_stripe(self, stripe_customer_id: str) -> Self:
        return self.filter(stripe_customer_id=stripe_customer_id)


class SentPapers(models.QuerySet):
    """What invoices and credit notes have in common: they are sent, or are still to be."""

    def with_delivery_state(self) -> Self:
        """Add `delivery_state`: the state of the latest delivery, or nothing."""
        latest = self._deliveries().order_by("-requested_at").values("state")[:1]
        return self.annotate(delivery_state=Subquery(latest))

    def in_delivery(self, *states: str) -> Self:
        """Papers whose latest delivery is in one of these states."""
        return self.with_delivery_state().filter(delivery_state__in=states)

    def not_sent(self) -> Self:
        """Papers of ours that ask for or give something, and have not gone out by any way."""
        return self._sendable().filter(~Exists(self._deliveries().gone_out()))

    def _sendable(self) -> Self:
        raise NotImplementedError

    def _deliveries(self) -> DeliveryQuerySet:
        relation: Any = self.model._meta.get_field("deliveries")  # noqa: SLF001 - documented API
        found: DeliveryQuerySet = relation.related_model.objects.filter(**{relation.field.name: OuterRef("pk")})
        return found


class InvoiceQuerySet(SentPapers):
    def native(self) -> Self:
        return self.filter(origin=Origin.NATIVE)

    def drafts(self) -> Self:
        return self.filter(status=InvoiceStatus.DRAFT)

    def issued(self) -> Self:
        return self.exclude(status=InvoiceStatus.DRAFT)

    def outstanding(self) -> Self:
        """Issued, and something is still owed."""
        return self.filter(status=InvoiceStatus.OPEN, amount_due_cents__gt=0)

    def overdue(self, *, on: dt.date) -> Self:
        return self.outstanding().filter(due_date__lt=on)

    def paid(self) -> Self:
        return self.filter(status=InvoiceStatus.PAID)

    def in_currency(self, currency: str) -> Self:
        return self.filter(currency=currency)

    def _sendable(self) -> Self:
        return self.native().issued().exclude(status=InvoiceStatus.VOID)

    def stripes_unlike_their_lines(self) -> Any:
        """Stripe's invoices whose amounts before tax are not those of the lines we know, as dicts of both."""
        zero = Value(0, output_field=models.BigIntegerField())
        sums = {
            f"lines_{name}": Coalesce(Sum(f"lines__{of_line}", output_field=models.BigIntegerField()), zero)
            for name, of_line in (("subtotal_cents", "amount_cents"), ("discount_cents", "discount_cents"))
        }
        said = ("stripe_invoice_id", "currency", "subtotal_cents", "discount_cents")
        alike = Q(subtotal_cents=F("lines_subtotal_cents"), discount_cents=F("lines_discount_cents"))
        return self.filter(origin=Origin.STRIPE).values(*said).annotate(**sums).exclude(alike).order_by("pk")

    def awaiting_document(self) -> Self:
        """Issued invoices of ours whose PDF is not yet kept."""
        return self.native().issued().exclude(status=InvoiceStatus.VOID).exclude(documents__kind=DocumentKind.INVOICE)


class CreditNoteQuerySet(SentPapers):
    def native(self) -> Self:
        return self.filter(origin=Origin.NATIVE)

    def issued(self) -> Self:
        """Those that count; Stripe may void its own."""
        return self.filter(status=CreditNoteStatus.ISSUED)

    def _sendable(self) -> Self:
        return self.native().exclude(status=CreditNoteStatus.VOID)

    def awaiting_document(self) -> Self:
        """Credit notes of ours whose PDF is not yet kept."""
        return self._sendable().filter(documents=None)


class CreditNoteLineQuerySet(models.QuerySet):
    def of_issued_notes(self, invoice: models.Model) -> Self:
        """What was taken back of an invoice."""
        return self.filter(credit_note__invoice=invoice, credit_note__status=CreditNoteStatus.ISSUED)


class DeliveryQuerySet(models.QuerySet):
    def waiting(self) -> Self:
        """To be sent, now or later."""
        return self.filter(state=DeliveryState.QUEUED)

    def handed_over(self) -> Self:
        """Taken to the mail server by a worker, of which we heard no outcome."""
        return self.filter(state__in=(DeliveryState.SENDING, DeliveryState.UNKNOWN))

    def failed(self) -> Self:
        return self.filter(state=DeliveryState.FAILED)

    def unknown(self) -> Self:
        return self.filter(state=DeliveryState.UNKNOWN)

    def gone_out(self) -> Self:
        return self.filter(state__in=_GONE_OUT)

    def with_document(self) -> Self:
        """Add `has_document`: whether the PDF that goes with it is kept."""
        same = self.model._default_manager.filter(pk=OuterRef("pk"))  # noqa: SLF001 - documented API
        return self.annotate(has_document=Exists(same.filter(_HAS_DOCUMENT)))

    def due(self, *, now: dt.datetime) -> Self:
        """Those a worker may take: their time has come, and their document is kept."""
        return self.waiting().filter(_HAS_DOCUMENT, next_attempt_at__lte=now)

    def of_void_papers(self) -> Self:
        """Waiting to bring what asks for nothing any more."""
        is_void = Q(invoice__status=InvoiceStatus.VOID) | Q(credit_note__status=CreditNoteStatus.VOID)
        return self.waiting().filter(is_void)

    def without_word(self, *, since: dt.datetime) -> Self:
        """Taken by a worker before `since` and never heard of again."""
        return self.filter(state=DeliveryState.SENDING, claimed_at__lt=since)

    def to_look_at(self) -> Self:
        """Those that did not arrive, or may not have, and that nobody has sent again."""
        return self.filter(state__in=(DeliveryState.FAILED, DeliveryState.UNKNOWN), followed_by=None)
