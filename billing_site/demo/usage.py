"""What partners used: an event a day and key for the past, single deeds for the last two months, busy on weekdays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, groupby, islice
from random import Random
from zoneinfo import ZoneInfo

from billing_site.demo.contracts import Player
from billing_site.demo.dates import Dates
from partners.metering import DEED, CountsBatch, NewUsage, RequestCount
from partners.services import record_counts, record_usage

BATCH = 1000
WORKDAYS_A_MONTH = Decimal("21.7")
BUSY = {5: Decimal("0.14"), 6: Decimal("0.06")}
"""Share of a weekday's traffic on Saturday and Sunday."""
QUIET_MONTHS = {12: Decimal("0.78"), 8: Decimal("0.88")}
DEEDS = "/v2/deeds/{id}"
REQUESTS = {
    "/v2/parcels/search": Decimal("0.62"),
    "/v2/parcels/{id}": Decimal("0.30"),
    "/v2/owners/search": Decimal("0.08"),
}
"""Where requests go, by share."""


def count_usage(dates: Dates, player: Player) -> None:
    """Count everything one partner used from its first contract's beginning to the day before the story is told."""
    single_from = dates.month(1).start
    days = list(_days(dates, player))
    past = _past_deeds(player, [row for row in days if row[0] < single_from])
    events = chain(past, _single_deeds(dates, player, [row for row in days if row[0] >= single_from]))
    while batch := list(islice(events, BATCH)):
        record_usage(partner=player.partner, events=batch, now=dates.ends_at)
    for month, rows in groupby(days, key=lambda row: f"{row[0]:%Y-%m}"):
        counts = CountsBatch(f"requests-{month}", tuple(_requests(player, rows)))
        if counts.counts:
            record_counts(partner=player.partner, batch=counts, now=dates.ends_at)


Day = tuple[dt.date, int, int]
"""A day, the deeds fetched on it, and the requests made."""


def _days(dates: Dates, player: Player) -> Iterator[Day]:
    contracts, used = player.row["contracts"], player.row["usage"]
    until = contracts[-1].get("until")
    day, end = dates.named(contracts[0]["from"]), min(dates.as_of, dates.named(until) if until else dates.as_of)
    dice, growth, first = Random(player.partner.name), 1 + Decimal(used["growth"]), day  # noqa: S311 - a repeatable dice
    while day < end:
        months = (day.year - first.year) * 12 + day.month - first.month
        busy = (
            _surge(dates, player, day)
            * BUSY.get(day.weekday(), Decimal(1))
            * QUIET_MONTHS.get(day.month, Decimal(1))
            * growth**months
        )
        share = busy * dice.randint(82, 118) / 100 / WORKDAYS_A_MONTH
        yield day, round(used["deeds"] * share), round(used["requests"] * share)
        day += dt.timedelta(days=1)


def _surge(dates: Dates, player: Player, day: dt.date) -> Decimal:
    """Some have an unusual month."""
    surge = player.row["usage"].get("surge")
    month = dates.month(surge["ago"]) if surge else None
    return Decimal(surge["by"]) if month and month.start <= day < month.end else Decimal(1)


def _past_deeds(player: Player, days: list[Day]) -> Iterator[NewUsage]:
    zone = ZoneInfo(player.partner.billing_time_zone)
    for day, deeds, _ in days:
        for place, prefix in enumerate(player.keys):
            counted = _share_of_key(deeds, place, len(player.keys))
            if counted:
                yield NewUsage(
                    idempotency_key=f"{day:%Y%m%d}-{prefix}",
                    event_type=DEED,
                    occurred_at=dt.datetime.combine(day, dt.time(12), zone).astimezone(dt.UTC),
                    quantity=Decimal(counted),
                    api_key_prefix=prefix,
                    endpoint=DEEDS,
                    metadata={"source": "daily sum"},
                )


def _single_deeds(dates: Dates, player: Player, days: list[Day]) -> Iterator[NewUsage]:
    zone, dice = ZoneInfo(player.partner.billing_time_zone), Random(f"deeds of {player.partner.name}")  # noqa: S311
    for day, deeds, _ in days:
        for number in range(deeds):
            seconds = dt.timedelta(seconds=dice.randrange(8 * 3600, 19 * 3600))
            at = (dt.datetime.combine(day, dt.time(), zone) + seconds).astimezone(dt.UTC)
            if at < dates.ends_at:
                yield NewUsage(
                    idempotency_key=f"{day:%Y%m%d}-{number:05}",
                    event_type=DEED,
                    occurred_at=at,
                    user_id=f"usr_{dice.randrange(2000, 2040)}",
                    api_key_prefix=player.keys[number % len(player.keys)],
                    endpoint=DEEDS,
                    resource_id=f"deed_{dice.randrange(10**9):09}",
                    metadata={"register": f"{player.row['country']}-{dice.randrange(100, 999)}"},
                )


def _requests(player: Player, days: Iterable[Day]) -> Iterator[RequestCount]:
    for day, _, requests in days:
        for endpoint, share in REQUESTS.items():
            for place, prefix in enumerate(player.keys):
                counted = _share_of_key(round(requests * share), place, len(player.keys))
                if counted:
                    yield RequestCount(day=day, requests=counted, api_key_prefix=prefix, endpoint=endpoint)


def _share_of_key(whole: int, place: int, keys: int) -> int:
    return whole // keys + (place < whole % keys)
