"""Owns what partners show under the pages of customers, partners, contracts and invoices, in this order."""

from __future__ import annotations

from partners.admin.panels import billed, evidence, fates, keys

__all__ = ["billed", "evidence", "fates", "keys"]
