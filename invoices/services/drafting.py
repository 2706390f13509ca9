"""Drafts: made, changed and added up until they are issued."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, cast

from django.db import transaction

from billing_site.kit.errors import Refused
from billing_site.kit.making import Maker
from billing_site.kit.money import Money
from billing_site.kit.writing import insert_rows, next_ids, update_rows
from invoices.enums import InvoiceStatus, LineKind, Origin
from invoices.models import Customer, Invoice, InvoiceLine, Seller
from invoices.totals import (
    DiscountTooLarge,
    InvoiceTotals,
    LineDraft,
    Rounding,
    TaxGroup,
    total_invoice,
    usual_category,
)

_MOST_CENTS = 2**63 - 1  # as a column holds, and the next two before their point
_MOST_UNITS, _MOST_PRICE = 10**18, 10**12
_new_invoice, _new_line = Maker(Invoice), Maker(InvoiceLine)
WORKED_OUT = ("amount_cents", "discount_cents", "tax_cents")


class TaxedLine(Protocol):
    """A row that is taxed: of an invoice, of a credit note, or of one to be written."""

    @property
    def tax_category(self) -> str: ...
    @property
    def tax_rate(self) -> Decimal: ...


class PricedLine(Protocol):
    """A row with a quantity at a price."""

    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit_price(self) -> Decimal: ...


class NotADraft(Refused):
    """Only a draft can be changed; correct an issued invoice with a credit note."""


class CannotBeAsked(Refused):
    """An invoice asks for nothing or more, in amounts the books can hold, and no discount exceeds its price."""


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """A line to draft: `unit_price` in major units per `package_size`, periods half-open."""

    description: str
    quantity: Decimal = Decimal(1)
    unit_price: Decimal = Decimal(0)
    kind: str = LineKind.ITEM
    detail: str = ""
    meter: str = ""
    unit_label: str = ""
    package_size: int = 1
    tax_rate: Decimal = Decimal(0)
    tax_category: str = ""
    discount_given_cents: int = 0
    discount_rate: Decimal = Decimal(0)
    service_period_start: dt.date | None = None
    service_period_end: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvoice:
    """An invoice to draft; `fields` are further columns of it, such as its period.

    `totals` are what its lines come to, from whoever had to know that before; otherwise they are worked out.
    """

    customer: Customer
    seller: Seller
    currency: str
    lines: Sequence[NewLine]
    totals: InvoiceTotals | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice that is not issued, with its lines."""

    invoice: Invoice
    lines: list[InvoiceLine]


@transaction.atomic
def draft_invoice(
    *, customer: Customer, seller: Seller, currency: str, lines: Sequence[NewLine], by: str, **fields: Any
) -> Invoice:
    """Make a draft with its lines and totals. `fields` are further columns of the invoice, such as its period."""
    new = NewInvoice(customer=customer, seller=seller, currency=currency, lines=lines, fields=fields)
    (draft,) = begin_invoices(invoices=[new], by=by)
    insert_rows(Invoice, [draft.invoice])
    return draft.invoice


@transaction.atomic
def begin_invoices(*, invoices: Sequence[NewInvoice], by: str) -> list[Draft]:
    """Add invoices up, give them their ids and write their lines; the statements do not grow with the invoices.

    The invoices themselves are written later in the transaction, issued by `issue_begun`; without that PostgreSQL
    refuses the lines.
    """
    keys = next_ids(Invoice, len(invoices))
    made = [_added_up(new, key, by) for new, key in zip(invoices, keys, strict=True)]
    insert_rows(InvoiceLine, [line for draft in made for line in draft.lines])
    return made


@transaction.atomic
def recalculate_draft(*, invoice: Invoice) -> Invoice:
    """Add the draft's lines up again, after any of them changed. Raises NotADraft, CannotBeAsked."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    refuse_unless_draft(invoice)
    rows = list(invoice.lines.order_by("position"))
    update_rows(InvoiceLine, write_totals(invoice, rows), WORKED_OUT)
    invoice.save()
    return invoice


@transaction.atomic
def duplicate_invoice(*, invoice: Invoice, by: str) -> Invoice:
    """Make a draft with the same customer, terms and lines, without dates and numbers. Raises NotADraft."""
    if invoice.origin == Origin.STRIPE:
        raise NotADraft("Stripe's invoices are copied from Stripe; duplicate them there.")
    if invoice.seller is None:
        raise NotADraft(f"{invoice} has no seller; choose one before duplicating it.")
    copied = [
        NewLine(**{name: getattr(line, name) for name in NewLine.__dataclass_fields__}) for line in invoice.lines.all()
    ]
    kept = (
        "payment_terms_days",
        "rounding",
        "tax_inclusive",
        "document_discount_cents",
        "document_discount_rate",
        "tax_note",
        "purchase_order",
        "language",
        "notes",
    )
    return draft_invoice(
        customer=invoice.customer,
        seller=invoice.seller,
        currency=invoice.currency,
        lines=copied,
        by=by,
        **{name: getattr(invoice, name) for name in kept},
    )


def _added_up(new: NewInvoice, key: int, by: str) -> Draft:
    given = {
        "payment_terms_days": new.seller.payment_terms_days,
        "language": new.customer.language,
        "user_id": new.customer.user_id,
    }
    invoice = _new_invoice(
        id=key,
        customer=new.customer,
        seller=new.seller,
        currency=new.currency,
        metadata={"drafted_by": by},
        **(given | dict(new.fields)),
    )
    lines = [_new_line(invoice_id=key, position=n, **vars(line)) for n, line in enumerate(new.lines, start=1)]
    _note_totals(invoice, lines, new.totals or asked_totals(invoice, lines))
    return Draft(invoice, lines)


def refuse_unless_draft(invoice: Invoice) -> None:
    if invoice.status != InvoiceStatus.DRAFT or invoice.origin != Origin.NATIVE:
        raise NotADraft(
            f"Invoice {invoice} is {invoice.get_status_display().lower()}, no draft; correct it with a credit note."
        )


def totals_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> InvoiceTotals:
    """Work out what these lines come to: the one computation of preview, draft, issue and nightly proof."""
    return total_invoice(
        [_asked(line) for line in lines],
        currency=invoice.currency,
        rounding=rounding_of(invoice),
        tax_inclusive=invoice.tax_inclusive,
        discount_cents=invoice.document_discount_cents,
        discount_rate=invoice.document_discount_rate,
    )


def asked_totals(invoice: Invoice, lines: Sequence[InvoiceLine]) -> InvoiceTotals:
    """Work the same out for a draft. Raises CannotBeAsked."""
    try:
        totals = totals_of(invoice, lines)
    except DiscountTooLarge as error:
        off, price = (Money(cents, invoice.currency).format() for cents in (error.discount_cents, error.whole_cents))
        raise CannotBeAsked(
            f"A discount of {off} on {price} cannot be given: it takes off at most the price, and never adds to it."
        ) from error
    refuse_beyond_the_books(lines, totals)
    if totals.total_cents < 0:
        total = Money(totals.total_cents, invoice.currency).format()
        raise CannotBeAsked(
            f"These lines come to {total} in all, and an invoice asks for nothing or more: put them on a larger one,"
            " or give the money back with a credit note."
        )
    return totals


def refuse_beyond_the_books(lines: Iterable[PricedLine], totals: InvoiceTotals) -> None:
    """Raise CannotBeAsked where a line, or all of them together, is larger than the columns of an invoice."""
    is_too_much = sum(abs(line.amount_cents) + abs(line.tax_cents) for line in totals.lines) > _MOST_CENTS
    if is_too_much or any(abs(line.quantity) >= _MOST_UNITS or abs(line.unit_price) >= _MOST_PRICE for line in lines):
        raise CannotBeAsked("These amounts are larger than the books can hold: check quantities and prices.")


def group_of(line: TaxedLine) -> TaxGroup:
    """Say with which lines this one is taxed."""
    return TaxGroup(line.tax_category or usual_category(line.tax_rate), line.tax_rate.normalize())


def rounding_of(invoice: Invoice) -> Rounding:
    return cast("Rounding", invoice.rounding)  # a CHECK keeps it to the two words


def _asked(line: InvoiceLine) -> LineDraft:
    return LineDraft(
        quantity=line.quantity,
        unit_price=line.unit_price,
        package_size=line.package_size,
        tax_rate=line.tax_rate,
        discount_cents=line.discount_given_cents,
        discount_rate=line.discount_rate,
        tax_category=line.tax_category,
    )


def write_totals(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[InvoiceLine]:
    """Work the totals out and note them on the rows, unsaved; return the lines that say something new."""
    return _note_totals(invoice, lines, asked_totals(invoice, lines))


def _note_totals(invoice: Invoice, lines: Sequence[InvoiceLine], totals: InvoiceTotals) -> list[InvoiceLine]:
    changed = []
    for row, line in zip(lines, totals.lines, strict=True):
        said = row.amount_cents, row.discount_cents, row.tax_cents
        row.amount_cents, row.discount_cents, row.tax_cents = line.amount_cents, line.discount_cents, line.tax_cents
        if said != (row.amount_cents, row.discount_cents, row.tax_cents):
            changed.append(row)
    invoice.subtotal_cents, invoice.discount_cents = totals.subtotal_cents, totals.discount_cents
    invoice.tax_cents, invoice.total_cents = totals.tax_cents, totals.total_cents
    invoice.amount_due_cents = totals.total_cents
    return changed
