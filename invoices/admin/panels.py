"""Owns what this floor shows under its own pages: a customer's balance and invoices, an invoice's credit notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from django.db.models import F, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, badge, link_to, list_url, may_see, money_cell
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import day_text
from invoices.admin.columns import number, status_badge
from invoices.enums import InvoiceStatus
from invoices.models import CreditNote, Customer, Invoice

Holder = Callable[[Customer, HttpRequest], Mapping[str, int]]

_held: dict[str, Holder] = {}


def let_balance_show(title: str) -> Callable[[Holder], Holder]:
    """Add a column to the balance of customers: what a higher floor holds for one, by currency; a decorator."""

    def add(holder: Holder) -> Holder:
        _held[title] = holder
        return holder

    return add


@register(Customer)
def balance(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    """What the customer owes, and what is held for it, per currency."""
    if not may_see(request, Invoice):
        return
    sums = _asked_for(customer)
    held = {title: holder(customer, request) for title, holder in _held.items()}
    currencies = [*sums, *sorted({currency for amounts in held.values() for currency in amounts} - sums.keys())]
    rows = [
        (currency, *(money_cell(cents, currency) for cents in sums.get(currency, (0, 0, 0, 0))),
         *(money_cell(amounts.get(currency, 0), currency) for amounts in held.values()))
        for currency in currencies
    ]  # fmt: skip
    yield Panel(
        "Balance",
        ("Currency",),
        rows,
        amounts=("Invoiced", "Paid", "Outstanding", "Overdue", *held),
        none="Nothing was invoiced yet.",
        is_wide=True,
    )


def _asked_for(customer: Customer) -> dict[str, tuple[int, ...]]:
    """Add up per currency what was invoiced, paid, is due and is late."""
    today = timezone.localdate()
    issued = customer.invoices.issued().exclude(status=InvoiceStatus.VOID)
    sums = issued.order_by("currency").values_list("currency").annotate(
        asked=Sum("total_cents"),
        paid=Sum("amount_paid_cents"),
        due=Sum("amount_due_cents", filter=Q(status="open")),
        late=Sum("amount_due_cents", filter=Q(status="open", due_date__lt=today)),
    )  # fmt: skip
    return {currency: tuple(int(cents or 0) for cents in amounts) for currency, *amounts in sums}


@register(Customer)
def latest_invoices(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Invoice):
        return
    newest = customer.invoices.order_by(F("issue_date").desc(nulls_first=True), "-pk")[:MOST_ROWS]
    rows = [
        (
            link_to(invoice, number(invoice)),
            status_badge(invoice),
            day_text(invoice.issue_date),
            money_cell(invoice.total_cents, invoice.currency),
            money_cell(invoice.amount_due_cents, invoice.currency),
        )
        for invoice in newest
    ]
    yield Panel(
        "Invoices",
        ("Number", "Status", "Issued"),
        rows,
        amounts=("Total", "Due"),
        url=list_url(Invoice, customer__id__exact=customer.pk) if rows else "",
    )


@register(Invoice)
def credit_notes(invoice: Invoice, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, CreditNote):
        return
    rows = [
        (
            link_to(note),
            badge(note.get_status_display(), "success" if note.status == "issued" else ""),
            day_text(note.issue_date),
            note.reason,
            money_cell(note.total_cents, note.currency),
        )
        for note in invoice.credit_notes.order_by("-issue_date", "-pk")
    ]
    yield Panel("Credit notes", ("Number", "Status", "Issued", "Reason"), rows, amounts=("Total",))
