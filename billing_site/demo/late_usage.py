"""Deeds of a billed month that a partner's gateway reported when its invoice was long out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from billing_site.demo.agenda import Agenda
from billing_site.demo.contracts import Player
from billing_site.demo.dates import Dates
from billing_site.demo.usage import DEEDS
from partners.enums import PricingModel
from partners.metering import DEED, NewUsage
from partners.services import record_usage

MONTHS_AGO = 2
_ON, _HOURS = 28, range(9, 16)


def note_late_usage(dates: Dates, agenda: Agenda, players: Sequence[Player], *, after: dt.datetime) -> None:
    """Report some deeds of a month after its run; the next run charges them on a line of their own."""
    late = next(player for player in players if player.row["contracts"][-1]["model"] == PricingModel.PER_DEED)

    def act(_: dt.datetime) -> None:
        received_last = dates.ends_at + dt.timedelta(minutes=1)  # all other usage of the story came before
        record_usage(partner=late.partner, events=list(_deeds(dates, late)), now=received_last)

    agenda.note(after + dt.timedelta(days=3), act)


def _deeds(dates: Dates, player: Player) -> Iterator[NewUsage]:
    zone, day = ZoneInfo(player.partner.billing_time_zone), dates.day(MONTHS_AGO, _ON)
    for number, hour in enumerate(_HOURS):
        yield NewUsage(
            idempotency_key=f"late-{day:%Y%m%d}-{number:02}",
            event_type=DEED,
            occurred_at=dt.datetime.combine(day, dt.time(hour), zone).astimezone(dt.UTC),
            api_key_prefix=player.keys[number % len(player.keys)],
            endpoint=DEEDS,
            resource_id=f"deed_late_{number:02}",
        )
