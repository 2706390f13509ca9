"""Copies of what Stripe says: verbatim, compared before written, never recomputed or renumbered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import transaction

from billing_site.kit.copying import copy_row
from invoices.enums import Origin
from invoices.models import CreditNote, CreditNoteLine, Customer, Invoice, InvoiceLine

Line = TypeVar("Line")


@transaction.atomic(savepoint=False)
def copy_stripe_customer(*, stripe_customer_id: str, **fields: Any) -> tuple[Customer, bool]:
    """Make our customer say what Stripe's says; return it, and whether anything was new."""
    return copy_row(Customer, key={"stripe_customer_id": stripe_customer_id}, fields=fields)


@transaction.atomic(savepoint=False)
def add_stripe_customer(*, stripe_customer_id: str, **fields: Any) -> Customer:
    """Add a customer of Stripe's that we do not have; the caller holds its lock and has looked."""
    return Customer.objects.create(stripe_customer_id=stripe_customer_id, **fields)


@transaction.atomic(savepoint=False)
def copy_stripe_invoice(
    *, stripe_invoice_id: str, lines: Sequence[Mapping[str, Any]] | None = None, **fields: Any
) -> tuple[Invoice, bool]:
    """Make our row, and its lines where given, say what Stripe's invoice says; return it, and whether it was new."""
    invoice, changed = copy_row(
        Invoice, key={"stripe_invoice_id": stripe_invoice_id}, fields={"origin": Origin.STRIPE, **fields}
    )
    written = 0 if lines is None else copy_stripe_lines(of=invoice, lines=lines)
    return invoice, changed or written > 0


@transaction.atomic(savepoint=False)
def copy_stripe_credit_note(*, stripe_credit_note_id: str, **fields: Any) -> tuple[CreditNote, bool]:
    """Make our row say what Stripe's credit note says; return it, and whether anything was new."""
    return copy_row(
        CreditNote, key={"stripe_credit_note_id": stripe_credit_note_id}, fields={"origin": Origin.STRIPE, **fields}
    )


@transaction.atomic(savepoint=False)
def copy_stripe_lines(*, of: Invoice | CreditNote, lines: Sequence[Mapping[str, Any]], are_all: bool = True) -> int:
    """Make the lines of a document say what Stripe says, each known by its `stripe_line_id`; return how many changed.

    Lines keep their rows, as credit notes refer to them. If these `are_all`, those that Stripe no longer names go.
    """
    kept: Any = of.lines  # of either model
    known = _numbered((row.stripe_line_id, row) for row in kept.order_by("pk"))
    wanted = _numbered((line["stripe_line_id"], line) for line in lines)
    new = [kept.model(**_owned_by(of), **line) for key, line in wanted.items() if key not in known]
    changed = [known[key] for key, line in wanted.items() if key in known and _says(known[key], line)]
    gone = [row.pk for key, row in known.items() if key not in wanted] if are_all else []
    if gone:
        kept.filter(pk__in=gone).delete()
    if changed:
        kept.bulk_update(changed, fields=[*lines[0]])
    if new:
        kept.bulk_create(new)
    return len(gone) + len(changed) + len(new)


def _says(row: InvoiceLine | CreditNoteLine, line: Mapping[str, Any]) -> bool:
    """Write the line into its row; tell whether that was new."""
    news = {name: value for name, value in line.items() if getattr(row, name) != value}
    for name, value in news.items():
        setattr(row, name, value)
    return bool(news)


def _numbered(pairs: Iterable[tuple[str, Line]]) -> dict[tuple[str, int], Line]:
    """Tell lines of one id apart: on the oldest API versions those of a subscription all have its id."""
    met: Counter[str] = Counter()
    found = {}
    for stripe_line_id, line in pairs:
        found[stripe_line_id, met[stripe_line_id]] = line
        met[stripe_line_id] += 1
    return found


def _owned_by(document: Invoice | CreditNote) -> dict[str, Invoice | CreditNote]:
    return {"invoice" if isinstance(document, Invoice) else "credit_note": document}
