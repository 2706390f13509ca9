"""Owns the benchmark of a billing run: in chunks, one by one through the same services, and as bare COPY.

`BENCH_CONTRACTS=10000 make bench ARGS=runs` sets its size.
"""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from bench import NOW
from bench.cpu import CpuClock
from bench.duels import Duel, Side, in_seconds
from billing_site.kit.periods import Period
from billing_site.kit.writing import insert_rows
from invoices.models import Customer, Seller
from invoices.services import draft_invoice, issue_invoice
from partners.models import ApiUsage, BilledPeriod, BillingRun, BillingRunEntry, Contract, Partner
from partners.services import approve_run, build_run, issue_run
from partners.services.runs.previews import preview, usage_of
from tests import ground

CONTRACTS = int(os.environ.get("BENCH_CONTRACTS", "2000"))
ONE_BY_ONE = min(CONTRACTS, 500)  # of them: the rest would take as long again and again
UTC = ZoneInfo("UTC")
TABLES = ("invoices", "invoice_lines", "partners_billedperiod")
MODELS = (
    {"pricing_model": "per_deed", "price_per_deed": Decimal("2.40"), "tax_rate": Decimal("0.19")},
    {"pricing_model": "hybrid", "monthly_fee_cents": 500_00, "price_per_deed": Decimal("0.40"), "included_deeds": 100},
    {"pricing_model": "per_request", "price_per_1000_requests": Decimal("1.85"), "minimum_cents": 90_00},
    {"pricing_model": "flat", "monthly_fee_cents": 250_00},
)
_months = count(1)
_spent: list[float] = []


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Bill a month of the same contracts each way; every round bills a month of its own."""
    _sign()
    ours = Side("a run, every safety on", _issued)
    orm = Side(f"one by one through the same services ({ONE_BY_ONE:,} of {CONTRACTS:,}, scaled up)", _one_by_one)
    copy = Side("bare COPY of the same rows, no trigger, no foreign key", _copied)
    what = f"Issue a run of {CONTRACTS:,} contracts"
    again = Side("the same runs", _spent.pop)
    yield [Duel(what, ours, orm, in_seconds, at_least=20), Duel(what, again, copy, in_seconds)]


def _sign() -> None:
    """Agree with everybody on the first day of the story."""
    seller = Seller.objects.create(
        name="Bench", legal_name="Bench", address="1 Street", country="DE", email="a@b.example"
    )
    given = {"country": "US", "address": "1 Main Street\nSpringfield", "email": "ap@partner.example"}
    customers = [Customer(name=f"Customer {n}", **given) for n in range(CONTRACTS)]
    insert_rows(Customer, customers)
    partners = [Partner(name=f"Partner {n}", customer=customer) for n, customer in enumerate(customers)]
    insert_rows(Partner, partners)
    agreed = {"seller": seller, "currency": "USD", "status": "active", "start_date": dt.date(2000, 1, 1)}
    contracts = [
        Contract(partner=partner, reference=f"C-{n}", **agreed, **MODELS[n % len(MODELS)])
        for n, partner in enumerate(partners)
    ]
    insert_rows(Contract, contracts)
    _issued()  # the first month is not measured: books are never empty, and PostgreSQL knows how large they are
    with ground.administrator(name=connection.settings_dict["NAME"]) as owner:
        owner.execute("ANALYZE")  # the site's own role may not: its triggers would keep plans made for empty tables


def _approved() -> BillingRun:
    """Count a month's usage, and preview and approve it."""
    month = Period.month(2010, 1, UTC)
    for _ in range(next(_months)):
        month = month.next_month()
    day = month.start + dt.timedelta(days=9)
    partners = Partner.objects.order_by("pk").values_list("pk", flat=True)
    usage = [_used(key, meter, day) for key in partners for meter in ("deed", "request")]
    insert_rows(ApiUsage, usage)
    run = build_run(period=month, now=NOW, by="bench")
    return approve_run(run=run, now=NOW, by="bench")


def _used(partner: int, meter: str, day: dt.date) -> ApiUsage:
    counts = {"requests": 1_000 + partner * 7 % 997, "quantity": 50 + partner % 211}
    return ApiUsage(partner_id=partner, event_type=meter, day=day, endpoint="/v2/deeds", **counts)


def _issued() -> float:
    run, clock = _approved(), CpuClock()
    with clock.running():
        issue_run(run=run, on=NOW.date(), now=NOW, by="bench")
    if run.entries.billed().count() != CONTRACTS:
        msg = "Not every contract was billed."
        raise AssertionError(msg)
    _spent.append(clock.seconds)
    return clock.seconds


def _one_by_one() -> float:
    run, clock = _approved(), CpuClock()
    month = Period.month(run.period_start.year, run.period_start.month, UTC)
    entries = run.entries.with_parties().order_by("pk")[:ONE_BY_ONE]
    with clock.running():
        for entry in entries:
            _bill_one(run, entry, month)
    return clock.seconds * CONTRACTS / ONE_BY_ONE


@transaction.atomic
def _bill_one(run: BillingRun, entry: BillingRunEntry, month: Period) -> None:
    """Do what a plain loop does: rate, draft, issue, keep the month, note the outcome."""
    contract = entry.contract
    usage = usage_of(contracts=[contract], start=month.start, end=month.end)
    found = preview(contract=contract, month=month, usage=usage[contract.pk])
    draft = draft_invoice(
        customer=contract.partner.customer,
        seller=contract.seller,
        currency=contract.currency,
        lines=found.new_lines(),
        by="bench",
        billing_period_start=run.period_start,
        billing_period_end=run.period_end,
        contract_reference=contract.reference,
    )
    invoice = issue_invoice(invoice=draft, on=NOW.date(), now=NOW, by="bench")
    BilledPeriod.objects.create(
        contract=contract,
        period_start=run.period_start,
        period_end=run.period_end,
        invoice=invoice,
        run=run,
        terms=found.terms_as_json(),
        usage=found.usage_as_json(),
    )
    entry.state, entry.invoice = "billed", invoice
    entry.save()


def _copied() -> float:
    """Write the rows of the latest run once more, into tables that check nothing but their own columns."""
    run, clock = BillingRun.objects.exclude(finished_at=None).latest("pk"), CpuClock()
    invoices = f"SELECT invoice_id FROM partners_billedperiod WHERE run_id = {run.pk}"  # noqa: S608 - a number of ours
    where = {"invoices": f"id IN ({invoices})", "invoice_lines": f"invoice_id IN ({invoices})"}
    rows = {table: _read(table, where.get(table, f"run_id = {run.pk}")) for table in TABLES}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TEMPORARY TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
        with clock.running():
            for table in TABLES:
                with cursor.copy(f"COPY bare_{table} FROM STDIN") as copy:
                    copy.write(rows[table])
        for table in TABLES:
            cursor.execute(f"DROP TABLE bare_{table}")
    return clock.seconds


def _read(table: str, where: str) -> bytes:
    read = io.BytesIO()
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT * FROM {table} WHERE {where}) TO STDOUT") as copy:  # noqa: S608 - names of ours
        for part in copy:
            read.write(part)
    return read.getvalue()
