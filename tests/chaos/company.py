"""A company with many partners: contracts of every model, in four currencies and time zones, and what is used."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import InterfaceError, OperationalError, connections

from invoices.models import Customer, Seller
from partners.metering import NewUsage
from partners.models import Contract, Partner
from partners.services import record_usage
from tests.chaos.by_hand import net_by_hand

SELLERS = ("DE", "US", "JP")
ENDPOINTS = ("/v2/deeds", "/v2/parcels")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
AGREED: tuple[dict[str, Any], ...] = (
    {"pricing_model": "flat", "monthly_fee_cents": 500_00, "currency": "USD"},
    {"pricing_model": "flat", "monthly_fee_cents": 333_33, "currency": "EUR", "tax_rate": Decimal("0.19")},
    {"pricing_model": "per_deed", "price_per_deed": Decimal("2.40"), "currency": "EUR", "tax_rate": Decimal("0.19")},
    {"pricing_model": "per_deed", "price_per_deed": Decimal("0.0196"), "currency": "USD", "included_deeds": 10},
    {"pricing_model": "per_deed", "price_per_deed": Decimal("0.125"), "currency": "KWD", "minimum_cents": 45_000},
    {
        "pricing_model": "hybrid",
        "monthly_fee_cents": 250_00,
        "price_per_deed": Decimal("0.40"),
        "currency": "USD",
        "included_deeds": 40,
        "tax_rate": Decimal("0.07"),
    },
    {
        "pricing_model": "hybrid",
        "monthly_fee_cents": 9_001,
        "price_per_deed": Decimal("13.5"),
        "currency": "JPY",
        "minimum_cents": 10_000,
        "tax_rate": Decimal("0.10"),
    },
    {"pricing_model": "per_request", "price_per_1000_requests": Decimal("1.85"), "currency": "USD", "rounding": "up"},
    {
        "pricing_model": "per_request",
        "price_per_1000_requests": Decimal("1.8519"),
        "currency": "EUR",
        "rounding": "exact",
        "included_requests": 2_500,
        "tax_rate": Decimal("0.21"),
    },
    {
        "pricing_model": "per_request",
        "price_per_1000_requests": Decimal(199),
        "currency": "JPY",
        "rounding": "up",
        "minimum_cents": 500,
    },
    {
        "pricing_model": "flat",
        "monthly_fee_cents": 120_00,
        "currency": "EUR",
        "proration": "none",
        "discount_rate": Decimal("0.15"),
    },
    {
        "pricing_model": "per_deed",
        "tiers": [
            {"up_to": 15, "unit_price": "1.115"},
            {"up_to": 40, "unit_price": "0.905"},
            {"up_to": None, "unit_price": "0.4"},
        ],
        "tier_mode": "graduated",
        "currency": "USD",
        "tax_rate": Decimal("0.0825"),
    },
    {
        "pricing_model": "hybrid",
        "tiers": [{"up_to": 20, "unit_price": "0.9"}, {"up_to": None, "unit_price": "0.75"}],
        "tier_mode": "volume",
        "monthly_fee_cents": 80_00,
        "included_deeds": 7,
        "discount_rate": Decimal("0.125"),
        "maximum_cents": 110_00,
        "currency": "EUR",
        "tax_rate": Decimal("0.19"),
    },
    {
        "pricing_model": "per_request",
        "tiers": [{"up_to": 3000, "unit_price": "2.35"}, {"up_to": None, "unit_price": "1.1"}],
        "tier_mode": "graduated",
        "currency": "KWD",
        "discount_rate": Decimal("0.05"),
        "minimum_cents": 1_500,
    },
)


@dataclass(frozen=True, kw_only=True)
class Count:
    """One thing somebody used, as its sender counts it."""

    key: str
    meter: str
    quantity: int
    at: dt.datetime
    endpoint: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests of one day and endpoint that a product counted itself."""

    key: str
    day: dt.date
    endpoint: str
    requests: int


Used = dict[str, Decimal]


@dataclass(kw_only=True)
class Agreement:
    """One partner, what was agreed with it, and every count that we told the site of and the site said it keeps."""

    name: str
    zone: ZoneInfo
    terms: dict[str, Any]
    counts: list[Count] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    used_in_time: dict[dt.date, Used] = field(default_factory=dict)
    partner: Partner = field(init=False)
    contract: Contract = field(init=False)

    def used(self, month: dt.date) -> Used:
        """Add up what was counted on the days of a month, in the partner's zone, on which the contract ran."""
        sums = {"deed": Decimal(0), "request": Decimal(0)}
        for day, meter, _, _, quantity in self.days():
            if day.replace(day=1) == month and day >= self.terms["start_date"]:
                sums[meter] += quantity
        return sums

    def days(self) -> Iterator[tuple[dt.date, str, str, int, int]]:
        """Yield day, meter, endpoint, requests and quantity of everything that was counted."""
        for one in self.counts:
            requests = one.quantity if one.meter == "request" else (1 if one.quantity > 0 else -1)
            yield one.at.astimezone(self.zone).date(), one.meter, one.endpoint, requests, one.quantity
        for batch in self.batches:
            yield batch.day, "request", batch.endpoint, batch.requests, batch.requests

    def net_late(self, month: dt.date) -> Decimal:
        """Return what is to be asked for (below zero: given back) of a month for what was told too late, before tax."""
        in_time = net_by_hand(self.terms, month, self.used_in_time[month])
        return net_by_hand(self.terms, month, self.used(month)) - in_time


def month_after(month: dt.date, months: int = 1) -> dt.date:
    place = month.year * 12 + month.month - 1 + months
    return dt.date(place // 12, place % 12 + 1, 1)


def agree(*, partners: int, first_month: dt.date, chance: random.Random) -> list[Agreement]:
    """Agree with so many partners, each from the first month on, some from a day in its middle."""
    made = [_an_agreement(n, first_month, chance) for n in range(partners)]
    customers = Customer.objects.bulk_create(
        Customer(name=one.name, address="1 Main Street", country="US", email="ap@partner.example") for one in made
    )
    _keep_partners(made, customers)
    _keep_contracts(made)
    return made


def run_one_more_month(made: list[Agreement], month: dt.date) -> None:
    """Let every contract run to the end of `month`, and note what is known of its use; PostgreSQL then finds it due."""
    end = month_after(month)
    through_faults(lambda: Contract.objects.filter(pk__in=[one.contract.pk for one in made]).update(end_date=end))
    for one in made:
        one.terms["end_date"] = end
        one.used_in_time[month] = one.used(month)


def going_on_of(made: list[Agreement]) -> list[Agreement]:
    """Return the fifth of the partners that stays after the first month: a storm that lasts bills them on."""
    return made[: max(len(made) // 5, min(len(made), 40))]


def through_faults(do: Callable[[], Any]) -> None:
    """Do it, and once more after each connection that broke meanwhile."""
    while True:
        try:
            do()
        except (OperationalError, InterfaceError):
            connections.close_all()
            time.sleep(0.2)
        else:
            return


def some_counts(agreement: Agreement, month: dt.date, chance: random.Random, *, prefix: str) -> Iterator[Count]:
    """Yield counts of a month without end, its first and last instant in the partner's zone among them."""
    start, end = (dt.datetime.combine(day, dt.time(), agreement.zone) for day in (month, month_after(month)))
    seconds = int(end.timestamp() - start.timestamp())
    edges = iter((0, seconds - 1))
    while True:
        meter = chance.choice(("deed", "request"))
        offset = next(edges, None)
        yield Count(
            key=f"{prefix}-{chance.getrandbits(64):016x}",
            meter=meter,
            quantity=chance.randint(1, 9 if meter == "deed" else 900),
            at=start.astimezone(dt.UTC) + dt.timedelta(seconds=chance.randrange(seconds) if offset is None else offset),
            endpoint=chance.choice(ENDPOINTS),
        )


def use(made: list[Agreement], month: dt.date, chance: random.Random) -> None:
    """Record a month's use of nine partners in ten before anything breaks."""
    now = dt.datetime.now(dt.UTC)
    for one in made:
        if chance.random() < 0.9:
            counts = list(islice(some_counts(one, month, chance, prefix="early"), chance.randint(1, 30)))
            record_usage(partner=one.partner, events=[_as_told(count) for count in counts], now=now)
            one.counts += counts


def a_batch(agreement: Agreement, month: dt.date, chance: random.Random) -> Batch:
    day = month + dt.timedelta(days=chance.randrange(28))
    endpoint = chance.choice(ENDPOINTS)
    return Batch(
        key=f"batch-{chance.getrandbits(64):016x}", day=day, endpoint=endpoint, requests=chance.randint(1, 2000)
    )


def taken_back(count: Count) -> Count:
    return replace(count, key=f"undo-{count.key}", quantity=-count.quantity)


def by_partner(made: list[Agreement]) -> dict[int, Agreement]:
    return {one.partner.pk: one for one in made}


def by_contract(made: list[Agreement]) -> dict[int, Agreement]:
    return {one.contract.pk: one for one in made}


def counted_days(made: list[Agreement]) -> dict[tuple[int, dt.date, str, str], tuple[int, Decimal]]:
    """Return requests and quantity per partner, day, meter and endpoint, as every count adds them up."""
    sums: dict[tuple[int, dt.date, str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for one in made:
        for day, meter, endpoint, requests, quantity in one.days():
            key = (one.partner.pk, day, meter, endpoint)
            sums[key] = (sums[key][0] + requests, sums[key][1] + quantity)
    return dict(sums)


def _an_agreement(n: int, first_month: dt.date, chance: random.Random) -> Agreement:
    start = first_month + dt.timedelta(days=chance.choice((0, 0, 0, 9, 16)))
    terms = {"start_date": start, "end_date": month_after(first_month), **AGREED[n % len(AGREED)]}
    return Agreement(name=f"Partner {n:04}", zone=ZoneInfo(chance.choice(ZONES)), terms=terms)


def _keep_partners(made: list[Agreement], customers: list[Customer]) -> None:
    partners = Partner.objects.bulk_create(
        Partner(name=one.name, customer=customer, billing_time_zone=one.zone.key)
        for one, customer in zip(made, customers, strict=True)
    )
    for one, partner in zip(made, partners, strict=True):
        one.partner = partner


def _keep_contracts(made: list[Agreement]) -> None:
    sellers = [
        Seller.objects.create(
            name=f"Parcelbase {country}", legal_name=f"Parcelbase {country}", address="1 Main Street", country=country
        )
        for country in SELLERS
    ]
    contracts = Contract.objects.bulk_create(
        Contract(
            partner=one.partner,
            seller=sellers[n % len(sellers)],
            reference=f"C-{n:04}",
            status="active",
            billing_time_zone=one.zone.key,
            **one.terms,
        )
        for n, one in enumerate(made)
    )
    for one, contract in zip(made, contracts, strict=True):
        one.contract = contract


def _as_told(count: Count) -> NewUsage:
    return NewUsage(
        idempotency_key=count.key,
        event_type=count.meter,
        occurred_at=count.at,
        quantity=Decimal(count.quantity),
        endpoint=count.endpoint,
    )
