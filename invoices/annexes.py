"""Owns the registry of annexes: higher floors add pages to an invoice that never hears of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoices.canonical import Annex
    from invoices.models import Invoice

Builder = Callable[["Invoice"], Iterable["Annex"]]

_builders: list[Builder] = []


def register(builder: Builder) -> Builder:
    """Add a builder once, at start-up; usable as a decorator. Annexes print in the order of registration."""
    if builder not in _builders:
        _builders.append(builder)
    return builder


def annexes_for(invoice: Invoice) -> tuple[Annex, ...]:
    """Return what every floor above wants printed behind this invoice."""
    return tuple(annex for builder in _builders for annex in builder(invoice))
