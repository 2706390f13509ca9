"""Owns the pages of what we ask for: customers, invoices, credit notes, sellers, documents, deliveries."""

from __future__ import annotations

from invoices.admin import credit_notes, customers, deliveries, documents, happenings, invoices, panels, sellers

__all__ = ["credit_notes", "customers", "deliveries", "documents", "happenings", "invoices", "panels", "sellers"]
