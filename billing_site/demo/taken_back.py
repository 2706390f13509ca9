"""A deed that a partner's gateway counted wrong: sent again under its key, in vain, then taken back and sent anew."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_site.demo.contracts import Player
from billing_site.demo.dates import Dates
from billing_site.demo.usage import DEEDS
from partners.metering import DEED, NewUsage, Reversal
from partners.services import record_usage

_ON = 9


def correct_a_deed(dates: Dates, player: Player) -> None:
    """Leave a conflict, which counts nothing, and a reversal; in the end one deed more is counted."""
    wrong, right = _deed(dates, player, quantity=12), _deed(dates, player, quantity=1)
    taken_back = Reversal(idempotency_key=f"undo-{wrong.idempotency_key}", reverses=wrong.idempotency_key)
    anew = right._replace(idempotency_key=f"{right.idempotency_key}-b")
    story: list[list[NewUsage | Reversal]] = [[wrong], [right], [right], [taken_back, anew]]
    with _unsaid("partners.services.usage.conflicts"):
        for minute, sent in enumerate(story, start=2):
            record_usage(partner=player.partner, events=sent, now=dates.ends_at + dt.timedelta(minutes=minute))


@contextmanager
def _unsaid(name: str) -> Iterator[None]:
    """Keep a log quiet: what it would warn of belongs to the story."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)


def _deed(dates: Dates, player: Player, *, quantity: int) -> NewUsage:
    day, zone = dates.day(1, _ON), ZoneInfo(player.partner.billing_time_zone)
    return NewUsage(
        idempotency_key=f"gateway-{day:%Y%m%d}-17",
        event_type=DEED,
        occurred_at=dt.datetime.combine(day, dt.time(10, 17), zone).astimezone(dt.UTC),
        quantity=Decimal(quantity),
        api_key_prefix=player.keys[0],
        endpoint=DEEDS,
        resource_id="deed_483920117",
    )
