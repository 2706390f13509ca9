"""Owns what partners show under the pages of customers, partners, contracts and invoices, in this order."""

from __future__ import annotations

from partners.admin.panels import month, contracts, agreed, usage, money, billed, orders  # isort: skip
from partners.admin.panels import customers, evidence, fates, keys  # isort: skip

__all__ = [
    "agreed",
    "billed",
    "contracts",
    "customers",
    "evidence",
    "fates",
    "keys",
    "money",
    "month",
    "orders",
    "usage",
]
