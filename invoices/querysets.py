"""The sentences one can say about invoices."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models

from invoices.enums import DocumentKind, InvoiceStatus, Origin


class CustomerQuerySet(models.QuerySet):
    def from_stripe(self, stripe_customer_id: str) -> Self:
        return self.filter(stripe_customer_id=stripe_customer_id)


class InvoiceQuerySet(models.QuerySet):
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

    def awaiting_document(self) -> Self:
        """Issued invoices of ours whose PDF is not yet kept."""
        return self.native().issued().exclude(status=InvoiceStatus.VOID).exclude(documents__kind=DocumentKind.INVOICE)
