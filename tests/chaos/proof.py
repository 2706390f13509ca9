"""What must be true after the storm: each check yields a sentence for everything that is wrong."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum

from invoices.models import Document, Invoice, NumberSeries
from partners.enums import EntryState, RunStatus
from partners.models import ApiUsage, BilledPeriod, BillingRun, BillingRunEntry, UsageEvent
from tests.chaos.by_hand import total_by_hand
from tests.chaos.company import Agreement, by_contract, by_partner, counted_days
from tests.payments.storm import broken_invariants


def duplicates(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    billed = Counter(BilledPeriod.objects.values_list("contract__reference", "period_start"))
    asked = Counter(Invoice.objects.native().issued().values_list("contract_reference", "billing_period_start"))
    for counts, what in ((billed, "billed"), (asked, "invoiced")):
        yield from (f"{key[0]} {key[1]:%Y-%m} is {what} {n} times" for key, n in counts.items() if n > 1)


def missing(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    billed = set(BilledPeriod.objects.values_list("contract_id", "period_start"))
    for one in company:
        for month in months:
            if (one.contract.pk, month) not in billed:
                yield f"{one.contract.reference} is not billed for {month:%Y-%m}"


def wrong_totals(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    agreed = by_contract(company)
    for period in BilledPeriod.objects.select_related("invoice", "contract"):
        one = agreed[period.contract_id]
        right = total_by_hand(one.terms, period.period_start, one.used(period.period_start))
        found = period.invoice.total_cents if period.invoice else 0
        if found != right or bool(period.invoice) != bool(right):
            yield f"{period} comes to {found}, by hand to {right} {one.terms['currency']}"


def gaps_in_numbers(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    for series in NumberSeries.objects.select_related("seller"):
        issued = Invoice.objects.native().issued().filter(seller=series.seller, issue_date__year=series.year)
        numbers = sorted(int(number.rpartition("-")[2]) for number in issued.values_list("invoice_number", flat=True))
        if numbers != list(range(1, series.last_number + 1)):
            yield f"{series} has {len(numbers)} numbers up to {series.last_number}"


def files(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    """Each issued invoice has one document, each document its file, and each file the bytes it was kept with."""
    printed = Counter(Document.objects.values_list("invoice_id", flat=True))
    for pk, number in Invoice.objects.native().issued().values_list("pk", "invoice_number"):
        if printed[pk] != 1:
            yield f"{number} has {printed[pk]} documents"
    for name, sha256, size in Document.objects.values_list("file_name", "sha256", "size_bytes"):
        path = _storage() / name
        if not path.is_file():
            yield f"{name} is gone"
        elif (content := path.read_bytes()) and (hashlib.sha256(content).hexdigest(), len(content)) != (sha256, size):
            yield f"{name} is not the file that was kept"


def work_left(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    for entry in BillingRunEntry.objects.exclude(state__in=(EntryState.BILLED, EntryState.EMPTY)).exclude(
        run__status=RunStatus.CANCELED
    ):
        yield f"{entry} is {entry.state}: {entry.reason}"
    yield from (f"the run of {run} is {run.status}" for run in BillingRun.objects.unfinished())
    yield from (f"draft {draft.pk} is left" for draft in Invoice.objects.drafts())


def usage(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    """Every acknowledged count is kept once, nothing else is, and the daily sums are what the counts add up to."""
    agreed = by_partner(company)
    sent = Counter((one.partner.pk, count.key, count.quantity) for one in company for count in one.counts)
    kept = Counter(UsageEvent.objects.values_list("partner_id", "idempotency_key", "quantity"))
    for key in sent.keys() | kept.keys():
        if sent[key] != kept[key] or kept[key] > 1:
            yield f"{agreed[key[0]].name} {key[1]}: sent {sent[key]} times, kept {kept[key]}"
    yield from _unlike_days(counted_days(company))


def _unlike_days(right: dict[tuple[Any, ...], tuple[int, Decimal]]) -> Iterator[str]:
    rows = ApiUsage.objects.values_list("partner_id", "day", "event_type", "endpoint")
    sums = rows.annotate(Sum("requests"), Sum("quantity"))
    found = {tuple(key): (requests, quantity) for *key, requests, quantity in sums}
    for key in right.keys() | found.keys():
        if found.get(key) != right.get(key):
            yield f"{key}: {found.get(key)} in the daily sums, {right.get(key)} counted"


def invariants(company: Sequence[Agreement], months: Sequence[dt.date]) -> Iterator[str]:
    yield from (f"{name}: {detail}" for name, detail in broken_invariants())


CHECKS = {
    "duplicates": duplicates,
    "missing": missing,
    "gaps in numbers": gaps_in_numbers,
    "wrong totals": wrong_totals,
    "files missing, damaged or twice": files,
    "entries, runs and drafts left over": work_left,
    "usage lost or counted twice": usage,
    "broken invariants of the books": invariants,
}


def files_nobody_names() -> int:
    """Count what a kill between a file and its row leaves behind: bytes, and no harm."""
    return sum(path.is_file() for path in _storage().rglob("*")) - Document.objects.count()


def _storage() -> Path:
    return Path(settings.STORAGES["default"]["OPTIONS"]["location"])
