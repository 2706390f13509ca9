"""A partner moves to another time zone: its days are cut anew from every event, and nothing is lost or gained."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import structlog
from django.db import connection, transaction

from billing_site.kit.errors import Refused
from partners.models import Contract, Partner, UsageArchive
from partners.services.locks import hold_contracts
from partners.services.usage.effects import Effect, effects_of, month_sums
from partners.services.usage.locks import hold_usage
from partners.services.usage.proof import RAW, days_of_zones, ends_of_usage
from partners.services.zones import zone_named

log = structlog.get_logger(__name__)
_REBUILD = f"""
INSERT INTO api_usage (partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity)
SELECT partner_id, day, event_type, api_key_prefix, endpoint, requests, quantity FROM ({RAW}) AS raw
"""  # noqa: S608


class AlreadyThere(Refused):
    """The partner's days are cut in this zone."""


class ArchivedDaysStand(Refused):
    """Days whose events are in a file cannot be cut anew."""


class DaysUnproved(Refused):
    """The daily sums were not what their counts add up to, before anything was moved."""


@transaction.atomic
def move_to_time_zone(*, partner: Partner, zone: str, now: dt.datetime, by: str) -> list[Effect]:
    """Cut the partner's days in another zone, with its contracts; return the months and meters that change.

    Nobody adds to the partner's usage or bills it meanwhile. Counts that came by day keep their day.
    Raises UnknownTimeZone, AlreadyThere, ArchivedDaysStand, and DaysUnproved where the sums were wrong before.
    """
    hold_usage(partner)
    hold_contracts(Contract.objects.of(partner))
    moving = Partner.objects.select_for_update(no_key=True).get(pk=partner.pk)
    _refuse(moving, zone_named(zone, of=str(partner)).key)
    before = month_sums(moving)
    moving.billing_time_zone = partner.billing_time_zone = zone
    moving.save(update_fields=["billing_time_zone"])
    Contract.objects.filter(partner=moving).update(billing_time_zone=zone, updated_at=now)
    _rebuild(moving)
    after = month_sums(moving)
    if sum(before.values(), Decimal(0)) != sum(after.values(), Decimal(0)):
        raise DaysUnproved(
            f"The daily sums of {partner} are not what its counts add up to: see `manage.py check_books` first."
        )
    effects = effects_of(moving, before=before, after=after)
    log.info("partner_moved", partner=str(partner), zone=zone, by=by, months=len(effects))
    return effects


def effects_of_moving(*, partner: Partner, zone: str, now: dt.datetime) -> list[Effect]:
    """Return what a move would change: it is made, looked at, and taken back. Raises what the move raises."""
    kept = partner.billing_time_zone
    with transaction.atomic():
        effects = move_to_time_zone(partner=partner, zone=zone, now=now, by="nobody")
        transaction.set_rollback(True)
    partner.billing_time_zone = kept
    return effects


def _refuse(partner: Partner, zone: str) -> None:
    if partner.billing_time_zone == zone:
        raise AlreadyThere(f"The days of {partner} are cut in {zone} already.")
    if UsageArchive.objects.filter(partner=partner).exists():
        raise ArchivedDaysStand(
            f"Months of {partner} are archived, and their days cannot be cut anew. Make a new partner for the new zone."
        )


def _rebuild(partner: Partner) -> None:
    first, last = ends_of_usage()
    if first is None or last is None:
        return
    start, end = first - dt.timedelta(days=1), last + dt.timedelta(days=2)
    always: dict[str, Any] = {"start": start, "end": end, "partner": partner.pk}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM api_usage WHERE partner_id = %s", [partner.pk])
        cursor.execute(_REBUILD, always | days_of_zones(start=start, end=end))
