"""Owns what payments add to the pages of customers and invoices, which never hear of payments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import F, Sum
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, badge, link_to, list_url, may_see, money_cell
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import day_text
from invoices.admin.invoices import SEARCHED_IDS
from invoices.admin.panels import let_balance_show
from invoices.models import Customer, Invoice
from payments.admin import tones
from payments.models import Allocation, Credit, Payment, Subscription

SEARCHED_IDS.update(
    pi="payments__stripe_payment_intent_id", ch="payments__stripe_charge_id", py="payments__stripe_charge_id"
)


@let_balance_show("Unapplied cash")
def unapplied(customer: Customer, request: HttpRequest) -> dict[str, int]:
    """Money that came by bank and is not placed yet."""
    if not may_see(request, Payment):
        return {}
    left = Sum(F("amount_cents") - F("allocated_cents"))
    return dict(customer.payments.manual().unallocated().order_by().values_list("currency").annotate(sum=left))


@let_balance_show("Credits")
def usable_credits(customer: Customer, request: HttpRequest) -> dict[str, int]:
    if not may_see(request, Credit):
        return {}
    usable = customer.credits.usable(on=timezone.localdate())
    return dict(usable.order_by().values_list("currency").annotate(sum=Sum("remaining_cents")))


@register(Customer)
def payments(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Payment):
        return
    newest = customer.payments.order_by("-created_at", "-pk")[:MOST_ROWS]
    url = list_url(Payment, customer__id__exact=customer.pk)
    yield Panel(
        "Payments", ("Payment", "Status", "Created"), [_payment(row) for row in newest], amounts=("Amount",), url=url
    )


@register(Customer)
def credits_of(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Credit):
        return
    rows = [
        (
            link_to(row, row.reason),
            row.get_kind_display(),
            day_text(row.expires_at),
            *_amounts(row, "amount_cents", "remaining_cents"),
        )
        for row in customer.credits.order_by("-created_at", "-pk")[:MOST_ROWS]
    ]
    url = list_url(Credit, customer__id__exact=customer.pk)
    yield Panel("Credits", ("Reason", "Kind", "Expires"), rows, amounts=("Granted", "Remaining"), url=url)


@register(Customer)
def subscriptions(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Subscription):
        return
    rows = [
        (
            link_to(row, row.plan or row.stripe_subscription_id),
            badge(row.status.replace("_", " "), tones.SUBSCRIPTION.get(row.status, "")),
            row.get_billing_cycle_display(),
            *_amounts(row, "mrr_cents"),
        )
        for row in customer.subscriptions.order_by("-created_at", "-pk")[:MOST_ROWS]
    ]
    yield Panel("Subscriptions", ("Plan", "Status", "Billed"), rows, amounts=("MRR",))


@register(Invoice)
def settled_by(invoice: Invoice, request: HttpRequest) -> Iterator[Panel]:
    """What was placed on the invoice, and Stripe's attempts to collect it."""
    if not may_see(request, Payment):
        return
    placed = (
        Allocation.objects.filter(invoice=invoice).select_related("payment", "credit").order_by("allocated_at", "pk")
    )
    rows = [
        (
            link_to(row, f"No. {row.pk}"),
            link_to(row.payment or row.credit),
            day_text(row.allocated_at),
            row.allocated_by,
            *_amounts(row, "amount_cents"),
        )
        for row in placed
    ]
    yield Panel("Placed on this invoice", ("Placed", "From", "On", "By"), rows, amounts=("Amount",))
    tried = [_payment(row) for row in invoice.payments.order_by("-created_at", "-pk")[:MOST_ROWS]]
    yield Panel("Payments", ("Payment", "Status", "Created"), tried, amounts=("Amount",))


def _payment(payment: Payment) -> tuple[Any, ...]:
    name = payment.reference or payment.payment_method or str(payment)
    state = badge(payment.get_status_display(), tones.PAYMENT.get(payment.status, ""))
    return (
        link_to(payment, name),
        state,
        day_text(payment.created_at),
        *_amounts(payment, "amount_cents"),
    )


def _amounts(row: Any, *columns: str) -> tuple[Any, ...]:
    return tuple(money_cell(getattr(row, column), row.currency) for column in columns)
