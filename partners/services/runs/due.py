"""Which months are over and not billed: PostgreSQL decides from contracts and billed periods, not a calendar job."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from billing_site.kit.periods import Period, month_of
from partners.models import Contract, Partner
from partners.querysets import ContractQuerySet
from partners.services.late.corrections import contracts_with_a_final_invoice
from partners.services.zones import UnknownTimeZone, zone_named

_DUE = """
SELECT DISTINCT month::date
FROM api_partner_contracts AS contract
JOIN unnest(%s::text[], %s::date[]) AS zone (name, this_month) ON zone.name = contract.billing_time_zone
CROSS JOIN LATERAL generate_series(
    date_trunc('month', contract.start_date::timestamp),
    least(zone.this_month, contract.end_date)::timestamp - interval '1 day',
    interval '1 month') AS month
WHERE contract.status IN ('active', 'ended') AND NOT EXISTS (
    SELECT FROM partners_billedperiod AS billed
    WHERE billed.contract_id = contract.id AND billed.period_start = month::date)
ORDER BY 1
"""


def due_months(*, now: dt.datetime) -> list[dt.date]:
    """Return the first day of each month that is over for some contract and not billed for it, oldest first.

    The last full month is due as well while a contract that is over owes a final invoice for late usage.
    """
    current = {zone: _this_month(zone, now).start for zone in _zones()}
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [list(current), list(current.values())])
        due = {month for (month,) in cursor.fetchall()}
    return sorted(due | _months_of_final_invoices(now))


def due_contracts(*, month: Period, now: dt.datetime, partner: Partner | None = None) -> ContractQuerySet:
    """Return the contracts for which this month is over, where they bill, and not billed."""
    over = [zone for zone in _zones() if _month_in(zone, month).ends_at <= now]
    return Contract.objects.unbilled(start=month.start, end=month.end).in_zones(over).of(partner)


def unbilled_contracts(*, month: Period, partner: Partner | None = None) -> list[Contract]:
    """Return every contract not billed for this month, over or still running, and those that owe a final invoice."""
    unbilled = Contract.objects.unbilled(start=month.start, end=month.end).of(partner)
    return [*unbilled.with_parties(), *contracts_with_a_final_invoice(month=month, partner=partner).with_parties()]


def running_contracts(*, month: Period, now: dt.datetime, partner: Partner | None = None) -> ContractQuerySet:
    """Return the unbilled contracts for which this month is not over yet."""
    unbilled = Contract.objects.unbilled(start=month.start, end=month.end).of(partner)
    return unbilled.exclude(pk__in=due_contracts(month=month, now=now).order_by().values("pk")).with_parties()


def _months_of_final_invoices(now: dt.datetime) -> set[dt.date]:
    last = month_of(now, ZoneInfo(settings.BILLING_TIME_ZONE)).previous_month()
    return {last.start} if contracts_with_a_final_invoice(month=last).exists() else set()


def _zones() -> list[str]:
    return list(Contract.objects.active().order_by().values_list("billing_time_zone", flat=True).distinct())


def _this_month(zone: str, now: dt.datetime) -> Period:
    return month_of(now, _zone_or_utc(zone))


def _month_in(zone: str, month: Period) -> Period:
    return Period.month(month.start.year, month.start.month, _zone_or_utc(zone))


def _zone_or_utc(name: str) -> ZoneInfo:
    """A zone that does not exist must not hide its contract: it comes due by UTC, and the run parks it."""
    try:
        return zone_named(name, of="A contract")
    except UnknownTimeZone:
        return ZoneInfo("UTC")
