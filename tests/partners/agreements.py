"""Partners and contracts for tests: one call each, with the prices a test speaks of."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from billing_site.kit.periods import Period
from invoices.models import Customer, Seller
from partners.metering import NewUsage
from partners.models import BillingRun, Contract, Partner
from partners.services import approve_run, build_run, issue_run, record_usage

UTC = ZoneInfo("UTC")
OCTOBER = Period.month(2026, 10, UTC)
NOVEMBER = Period.month(2026, 11, UTC)
AFTER_OCTOBER = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
ON = dt.date(2026, 11, 2)
MODELS: dict[str, dict[str, Any]] = {
    "flat": {"monthly_fee_cents": 500_00},
    "per_deed": {"price_per_deed": Decimal("2.40")},
    "hybrid": {"monthly_fee_cents": 500_00, "price_per_deed": Decimal("0.40"), "included_deeds": 100},
    "per_request": {"price_per_1000_requests": Decimal("1.85")},
}
_numbers = count(1)


def a_seller(**fields: Any) -> Seller:
    given = {"name": "Parcelbase", "legal_name": "Parcelbase GmbH", "address": "Torstraße 140\n10119 Berlin"}
    found = Seller.objects.first() if not fields else None
    return found or Seller.objects.create(**given | {"country": "DE", "email": "billing@parcelbase.example"} | fields)


def a_partner(name: str = "", *, zone: str = "UTC", **fields: Any) -> Partner:
    name = name or f"Partner {next(_numbers)}"
    customer = Customer.objects.create(name=name, email="ap@partner.example", address="1 Main Street", country="US")
    return Partner.objects.create(name=name, customer=customer, billing_time_zone=zone, **fields)


def a_contract(
    model: str = "per_deed", *, partner: Partner | None = None, zone: str = "UTC", **fields: Any
) -> Contract:
    given = {
        "pricing_model": model,
        "currency": "USD",
        "status": "active",
        "start_date": dt.date(2026, 10, 1),
        "billing_time_zone": zone,
        "reference": f"C-{next(_numbers)}",
    }
    return Contract.objects.create(
        partner=partner or a_partner(zone=zone), seller=a_seller(), **given | MODELS[model] | fields
    )


def use(
    partner: Partner,
    quantity: int | str = 1,
    *,
    at: str = "2026-10-15T12:00:00+00:00",
    meter: str = "deed",
    **fields: Any,
) -> None:
    """Count so many units at an instant."""
    event = NewUsage(
        idempotency_key=f"key-{next(_numbers)}",
        event_type=meter,
        occurred_at=dt.datetime.fromisoformat(at),
        quantity=Decimal(quantity),
        **fields,
    )
    record_usage(partner=partner, events=[event], now=AFTER_OCTOBER)


def approved_run(month: Period = OCTOBER, now: dt.datetime = AFTER_OCTOBER) -> BillingRun:
    return approve_run(run=build_run(period=month, now=now, by="ada"), now=now, by="grace")


def bill(month: Period = OCTOBER, now: dt.datetime = AFTER_OCTOBER) -> BillingRun:
    """Build, approve and issue a month."""
    return issue_run(run=approved_run(month, now), on=now.date(), now=now, by="grace")
