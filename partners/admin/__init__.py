"""Owns the pages of what was agreed, what was used and what it costs."""

from __future__ import annotations

from partners.admin import contracts, happenings, months, orders, panels, partners, runs, usage

__all__ = ["contracts", "happenings", "months", "orders", "panels", "partners", "runs", "usage"]
