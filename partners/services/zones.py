"""The time zone in which a partner's days and a contract's months are cut, or a sentence when there is none."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from billing_site.kit.errors import Refused


class UnknownTimeZone(Refused):
    """The name of a time zone that does not exist."""


def zone_named(name: str, *, of: str) -> ZoneInfo:
    """Return the zone. Raises UnknownTimeZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder of the zone database is an OSError
        raise UnknownTimeZone(
            f"{of} names the time zone {name!r}, which does not exist; write Europe/Berlin or such."
        ) from error
