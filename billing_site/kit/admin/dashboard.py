"""The cards of the start page: a registry that higher floors fill."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import DatabaseError, transaction
from django.http import HttpRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    """One tile: a title, a figure, what is below it, and where it leads. `tone` is success, warning, danger or none."""

    title: str
    figure: str
    note: str = ""
    url: str = ""
    icon: str = ""
    tone: str = ""
    lines: tuple[tuple[str, str], ...] = field(default=())


CardBuilder = Callable[[HttpRequest], Iterable[Card]]
_builders: list[CardBuilder] = []


def register(builder: CardBuilder) -> CardBuilder:
    """Add a function from request to cards; call it from an app's `ready`. Usable as a decorator."""
    if builder not in _builders:
        _builders.append(builder)
    return builder


def cards(request: HttpRequest) -> list[Card]:
    """Build all cards the user may see; a card that fails says so and hides no other."""
    return [card for builder in _builders for card in _built(builder, request)]


def _built(builder: CardBuilder, request: HttpRequest) -> list[Card]:
    try:
        with transaction.atomic():
            return list(builder(request))
    except (DatabaseError, ArithmeticError, LookupError, ValueError):
        logger.exception("A card of the start page failed: %s", builder.__qualname__)
        return [Card("Unavailable", "?", note=f"{builder.__module__} failed; the log has the details.", tone="danger")]
