"""The tables of what we asked for. PostgreSQL keeps their promises: see the migration named `promises`."""

from __future__ import annotations

from invoices.models.billing import Invoice, InvoiceLine
from invoices.models.papers import CreditNote, CreditNoteLine, Document
from invoices.models.parties import Customer, NumberSeries, Seller

__all__ = [
    "CreditNote",
    "CreditNoteLine",
    "Customer",
    "Document",
    "Invoice",
    "InvoiceLine",
    "NumberSeries",
    "Seller",
]
