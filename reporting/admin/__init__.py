"""Owns the pages of the daily proof, and the cards of the start page that only this floor can add up."""

from __future__ import annotations

from reporting.admin import breaks, cards, reconciliations

__all__ = ["breaks", "cards", "reconciliations"]
