"""Owns the nightly proof of totals: ours are worked out again from their lines, Stripe's compared with theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from billing_site.kit.money import Money
from invoices.models import Invoice, InvoiceLine
from invoices.services.drafting import totals_of

BATCH = 1_000
_SUMS = ("subtotal_cents", "discount_cents", "tax_cents", "total_cents")
_OF_LINE = ("amount_cents", "discount_cents", "tax_cents")
_ASKED = (
    *("invoice_id", "position", "quantity", "unit_price", "package_size", "tax_rate", "tax_category"),
    *("discount_given_cents", "discount_rate", *_OF_LINE),
)
_TERMS = (
    *("invoice_number", "currency", "rounding", "tax_inclusive"),
    *("document_discount_cents", "document_discount_rate"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored amount that is not what its lines come to."""

    invoice: str
    says: str

    def __str__(self) -> str:
        return f"{self.invoice}: {self.says}"


@dataclass(frozen=True, slots=True)
class Recount:
    """What was added up again, and what differs."""

    ours: int
    of_ours: tuple[Difference, ...]
    of_stripes: tuple[Difference, ...]


def recount() -> Recount:
    """Add every invoice up again, a thousand at a time; nothing is written."""
    counted, differing = 0, []
    for batch in _batches():
        counted += len(batch)
        differing += [invoice for invoice, lines in _with_lines(batch) if _differences(invoice, lines)]
    return Recount(counted, tuple(_confirmed(differing)), tuple(_of_stripes()))


def _batches() -> Iterator[list[int]]:
    last, ids = 0, Invoice.objects.native().order_by("pk").values_list("pk", flat=True)
    while batch := list(ids.filter(pk__gt=last)[:BATCH]):
        yield batch
        last = batch[-1]


def _with_lines(ids: Sequence[int]) -> Iterator[tuple[Invoice, list[InvoiceLine]]]:
    lines: dict[int, list[InvoiceLine]] = {pk: [] for pk in ids}
    for line in InvoiceLine.objects.filter(invoice__in=ids).order_by("invoice_id", "position").only(*_ASKED):
        lines[line.invoice_id].append(line)
    for invoice in Invoice.objects.filter(pk__in=ids).only(*_TERMS, *_SUMS):
        yield invoice, lines[invoice.pk]


def _confirmed(invoices: Sequence[Invoice]) -> Iterator[Difference]:
    """Look again where nobody can change anything: a draft may have been typed on between two reads."""
    for invoice in invoices:
        with transaction.atomic():
            again = Invoice.objects.select_for_update().filter(pk=invoice.pk).first()
            if again:
                yield from _differences(again, list(again.lines.order_by("position")))


def _differences(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[Difference]:
    totals = totals_of(invoice, lines)
    sums = [(name, getattr(invoice, name), getattr(totals, name)) for name in _SUMS]
    of_lines = [
        (f"{name} of line {line.position}", getattr(line, name), getattr(worked_out, name))
        for line, worked_out in zip(lines, totals.lines, strict=True)
        for name in _OF_LINE
    ]
    return [_difference(str(invoice), invoice.currency, *found) for found in sums + of_lines if found[1] != found[2]]


def _of_stripes() -> Iterator[Difference]:
    for row in Invoice.objects.stripes_unlike_their_lines():
        for name in ("subtotal_cents", "discount_cents"):
            said, summed = row[name], row[f"lines_{name}"]
            if said != summed:
                yield _difference(row["stripe_invoice_id"], row["currency"], name, said, summed)


def _difference(invoice: str, currency: str, name: str, said: int, summed: int) -> Difference:
    what = name.replace("_cents", "")
    return Difference(invoice, f"{what} is {Money(said, currency)}, its lines come to {Money(summed, currency)}")
