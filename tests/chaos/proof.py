"""What must be true after the storm: each check yields a sentence for everything that is wrong."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Sum

from invoices.enums import DocumentKind, LineKind
from invoices.models import CreditNote, Document, Invoice, InvoiceLine, NumberSeries
from partners.enums import EntryState, RunStatus
from partners.models import ApiUsage, BilledPeriod, BillingRun, BillingRunEntry, RequestCount, UsageEvent
from tests.chaos.by_hand import net_by_hand, with_tax
from tests.chaos.company import Agreement, by_contract, counted_days
from tests.payments.storm import broken_invariants

_NOTHING = (0, 0)
_OWN_LINES = InvoiceLine.objects.exclude(kind=LineKind.CORRECTION)


def duplicates(company: Sequence[Agreement]) -> Iterator[str]:
    billed = Counter(BilledPeriod.objects.values_list("contract__reference", "period_start"))
    own = Invoice.objects.native().issued().exclude(~Exists(_OWN_LINES.filter(invoice=OuterRef("pk"))))
    asked = Counter(own.values_list("contract_reference", "billing_period_start"))
    for counts, what in ((billed, "billed"), (asked, "invoiced")):
        yield from (f"{key[0]} {key[1]:%Y-%m} is {what} {n} times" for key, n in counts.items() if n > 1)


def missing(company: Sequence[Agreement]) -> Iterator[str]:
    billed = set(BilledPeriod.objects.values_list("contract_id", "period_start"))
    for one in company:
        for month in one.used_in_time:
            if (one.contract.pk, month) not in billed:
                yield f"{one.contract.reference} is not billed for {month:%Y-%m}"


def wrong_totals(company: Sequence[Agreement]) -> Iterator[str]:
    """A month's lines come to what they do by hand, and an invoice to its lines and the tax on them."""
    agreed = by_contract(company)
    net = F("amount_cents") - F("discount_cents")
    own, all_lines = (
        dict(lines.values_list("invoice").annotate(net=Sum(net))) for lines in (_OWN_LINES, InvoiceLine.objects.all())
    )
    for period in BilledPeriod.objects.select_related("contract"):
        one, month = agreed[period.contract_id], period.period_start
        right, found = net_by_hand(one.terms, month, one.used_in_time[month]), own.get(period.invoice_id, 0)
        if found != right:
            yield f"{period} comes to {found} before tax, by hand to {right} {one.terms['currency']}"
    terms = {one.contract.reference: one.terms for one in company}
    for invoice in Invoice.objects.native().issued():
        if invoice.total_cents != with_tax(terms[invoice.contract_reference], Decimal(all_lines[invoice.pk])):
            yield f"{invoice} comes to {invoice.total_cents}, its lines to {all_lines[invoice.pk]} before tax"


def unsettled(company: Sequence[Agreement]) -> Iterator[str]:
    """What came late of a month is asked for on a later invoice, or given back, as if it had been on time."""
    late = {one.contract.reference: sum(map(one.net_late, one.used_in_time)) for one in company}
    asked = InvoiceLine.objects.filter(kind=LineKind.CORRECTION).values_list("invoice__contract_reference")
    given = CreditNote.objects.values_list("invoice__contract_reference")
    settled = Counter(dict(asked.annotate(Sum("amount_cents"))))
    settled.subtract(dict(given.annotate(Sum("subtotal_cents"))))
    yield from _unlike(late, settled, "settled")


def gaps_in_numbers(company: Sequence[Agreement]) -> Iterator[str]:
    for series in NumberSeries.objects.select_related("seller"):
        if series.kind == DocumentKind.INVOICE:
            papers = (
                Invoice.objects.native().issued().filter(seller=series.seller).values_list("invoice_number", flat=True)
            )
        else:
            papers = CreditNote.objects.filter(invoice__seller=series.seller).values_list("number", flat=True)
        numbers = sorted(int(number.rpartition("-")[2]) for number in papers)
        if numbers != list(range(1, series.last_number + 1)):
            yield f"{series} has {len(numbers)} numbers up to {series.last_number}"


def files(company: Sequence[Agreement]) -> Iterator[str]:
    """Each paper has one document, each document its file, and each file the bytes it was kept with."""
    printed = Counter(Document.objects.values_list("invoice", "credit_note"))
    papers = [(pk, None) for pk in Invoice.objects.native().issued().values_list("pk", flat=True)]
    papers += [(None, pk) for pk in CreditNote.objects.values_list("pk", flat=True)]
    yield from (
        f"invoice {one[0]} or note {one[1]} has {printed[one]} documents" for one in papers if printed[one] != 1
    )
    for name, sha256, size in Document.objects.values_list("file_name", "sha256", "size_bytes"):
        path = _storage() / name
        if not path.is_file():
            yield f"{name} is gone"
        elif (hashlib.sha256(content := path.read_bytes()).hexdigest(), len(content)) != (sha256, size):
            yield f"{name} is not the file that was kept"


def work_left(company: Sequence[Agreement]) -> Iterator[str]:
    for entry in BillingRunEntry.objects.filter(state__in=(EntryState.PREVIEWED, EntryState.HELD)).exclude(
        run__status=RunStatus.CANCELED
    ):
        yield f"{entry} is {entry.state}: {entry.reason}"
    yield from (f"the run of {run} is {run.status}" for run in BillingRun.objects.unfinished())
    yield from (f"draft {draft.pk} is left" for draft in Invoice.objects.drafts())


def usage(company: Sequence[Agreement]) -> Iterator[str]:
    """Every acknowledged count is kept once, nothing else is, and the daily sums are what the counts add up to."""
    sent = Counter((one.partner.pk, count.key, count.quantity) for one in company for count in one.counts)
    kept = Counter(UsageEvent.objects.values_list("partner_id", "idempotency_key", "quantity"))
    yield from _unlike(sent, kept, "events kept")
    batches = Counter((one.partner.pk, batch.key, batch.requests) for one in company for batch in one.batches)
    counted = RequestCount.objects.values_list("batch__partner_id", "batch__idempotency_key", "requests")
    yield from _unlike(batches, Counter(counted), "batches kept")
    rows = ApiUsage.objects.values_list("partner_id", "day", "event_type", "endpoint")
    sums = rows.annotate(Sum("requests"), Sum("quantity"))
    days = {tuple(key): (requests, quantity) for *key, requests, quantity in sums}
    yield from _unlike(counted_days(company), days, "in the daily sums")


def _unlike(right: Mapping[Any, Any], found: Mapping[Any, Any], what: str) -> Iterator[str]:
    """Tell what differs; nothing and zero are the same."""
    for key in right.keys() | found.keys():
        if (right.get(key) or _NOTHING) != (found.get(key) or _NOTHING):
            yield f"{key}: {found.get(key)} {what}, not {right.get(key)}"


def invariants(company: Sequence[Agreement]) -> Iterator[str]:
    yield from (f"{name}: {detail}" for name, detail in broken_invariants())


CHECKS = {
    "duplicates": duplicates,
    "missing": missing,
    "gaps in numbers": gaps_in_numbers,
    "wrong totals": wrong_totals,
    "late usage not settled": unsettled,
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
