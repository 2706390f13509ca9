"""Owns the pages of what was used: daily sums and the counts behind them, what contradicts them, what is archived."""

from __future__ import annotations

from partners.admin.usage import archives, conflicts, counted

__all__ = ["archives", "conflicts", "counted"]
