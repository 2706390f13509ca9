"""Owns the pages of what was used: daily sums and the counts behind them, and what contradicts them."""

from __future__ import annotations

from partners.admin.usage import conflicts, counted

__all__ = ["conflicts", "counted"]
