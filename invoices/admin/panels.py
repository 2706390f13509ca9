"""Owns what this floor shows under its own pages: a customer's balance and invoices, an invoice's credit notes."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, F, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, badge, link_to, list_url, may_see, money_cell
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import day_text
from invoices.admin.columns import number, status_badge
from invoices.models import CreditNote, Customer, Invoice


@register(Customer)
def balance(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    """What the customer owes, per currency."""
    if not may_see(request, Invoice):
        return
    today = timezone.localdate()
    sums = (
        customer.invoices.issued()
        .order_by("currency")
        .values_list("currency")
        .annotate(
            asked=Sum("total_cents"),
            paid=Sum("amount_paid_cents"),
            due=Sum("amount_due_cents", filter=Q(status="open")),
            late=Sum("amount_due_cents", filter=Q(status="open", due_date__lt=today)),
            count=Count("pk"),
        )
    )
    rows = [
        (currency, count, *(money_cell(cents or 0, currency) for cents in (asked, paid, due, late)))
        for currency, asked, paid, due, late, count in sums
    ]
    yield Panel(
        "Balance",
        ("Currency",),
        rows,
        amounts=("Invoices", "Invoiced", "Paid", "Outstanding", "Overdue"),
        none="Nothing was invoiced yet.",
        is_wide=True,
    )


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
