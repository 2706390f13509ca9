"""The tables of what we asked for. PostgreSQL keeps their promises: see the migration named `promises`."""

from __future__ import annotations

from invoices.models.billing import Invoice, InvoiceLine
from invoices.models.papers import CreditNote, CreditNoteLine, Document
from invoices.models.parties import Customer, NumberSeries, Seller
from invoices.models.sending import Delivery

__all__ = [
    "CreditNote",
    "CreditNoteLine",
    "Customer",
    "Delivery",
    "Document",
    "Invoice",
    "InvoiceLine",
    "NumberSeries",
    "Seller",
]
