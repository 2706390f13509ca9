"""What became of partners' keys: most were used this minute, one is being changed over, one was revoked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from billing_site.demo.agenda import as_if
from billing_site.demo.contracts import Player
from billing_site.demo.dates import Dates
from partners.models import PartnerApiKey
from partners.services import make_key, note_use, revoke_key, rotate_key

_LAST_USED = (dt.timedelta(minutes=1), dt.timedelta(hours=5), dt.timedelta(minutes=12))


def tend_keys(dates: Dates, players: Sequence[Player]) -> None:
    """Note the last use of each key of an active partner, then rotate and revoke one each."""
    active = [player for player in players if player.partner.is_active]
    for place, player in enumerate(active):
        for key in PartnerApiKey.objects.filter(partner=player.partner):
            note_use(key=key, now=dates.ends_at - _LAST_USED[place % len(_LAST_USED)])
    with as_if(rotated_at := dates.ends_at - dt.timedelta(days=2)):
        _rotate(active, rotated_at)
        tried = make_key(partner=active[0].partner, name="Trial", now=rotated_at)
        revoke_key(key=tried.key)


def _rotate(active: Sequence[Player], now: dt.datetime) -> None:
    """Rotate the batch key of the first partner that has one."""
    player = next((player for player in active if len(player.keys) > 1), None)
    if player is not None:
        key = PartnerApiKey.objects.get(prefix=player.keys[-1])
        rotate_key(key=key, works_until=now + dt.timedelta(days=7), now=now)
