"""What happened to a row over time: each floor tells its part, the page shows the newest of all together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin.columns import badge, link_to, money_cell
from billing_site.kit.admin.panels import Panel
from billing_site.kit.admin.words import day_text

MOST_TOLD = 20  # a teller need not look further back than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened to `row`; `tone` colours it as a badge does."""

    at: dt.datetime
    what: str
    row: models.Model
    named: str = ""
    about: str = ""
    cents: int | None = None
    currency: str = ""
    tone: str = ""


Teller = Callable[[Any, HttpRequest], Iterable[Happening]]
_tellers: dict[type[models.Model], list[Teller]] = {}


def tells(model: type[models.Model]) -> Callable[[Teller], Teller]:
    """Add a function from row and request to what happened, of each kind the newest `MOST_TOLD`; a decorator."""

    def add(teller: Teller) -> Teller:
        tellers = _tellers.setdefault(model, [])
        if teller not in tellers:
            tellers.append(teller)
        return teller

    return add


def timeline_panels(row: models.Model, request: HttpRequest) -> list[Panel]:
    """Return the timeline of a row, the newest first; nothing for rows nobody tells about."""
    tellers = _tellers.get(type(row))
    if not tellers:
        return []
    told = (happening for teller in tellers for happening in teller(row, request))
    newest = nlargest(MOST_TOLD, enumerate(told), key=lambda pair: (pair[1].at, pair[0]))  # of a moment, the last told
    return [
        Panel(
            "Timeline",
            ("When", "What", "Which", "About"),
            [_cells(happening) for _, happening in newest],
            amounts=("Amount",),
            none="Nothing has happened yet.",
            is_wide=True,
        )
    ]


def start_of(day: dt.date) -> dt.datetime:
    """Return when a day began in the billing time zone, for what is only known by its day."""
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def _cells(happening: Happening) -> tuple[Any, ...]:
    at = timezone.localtime(happening.at)
    return (
        day_text(at) if at.time() == dt.time.min else f"{day_text(at)}, {at:%H:%M}",
        badge(happening.what, happening.tone),
        link_to(happening.row, happening.named or None),
        happening.about,
        money_cell(happening.cents, happening.currency) if happening.cents is not None else "",
    )
