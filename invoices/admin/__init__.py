"""Owns the pages of what we ask for: customers, invoices and their drafts, credit notes, sellers, documents."""

from __future__ import annotations

from invoices.admin import credit_notes, customers, documents, invoices, panels, sellers

__all__ = ["credit_notes", "customers", "documents", "invoices", "panels", "sellers"]
