"""Owns what this floor tells on the timeline of a customer: money in and out, disputes, credits, MRR."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models.functions import Coalesce
from django.http import HttpRequest

from billing_site.kit.admin import may_see
from billing_site.kit.admin.timeline import MOST_TOLD, Happening, tells
from invoices.models import Customer
from payments.admin import tones
from payments.enums import PaymentStatus
from payments.models import Credit, Dispute, MrrMovement, Payment, Refund

_TRIED = {
    PaymentStatus.PENDING: ("Payment pending", "info"),
    PaymentStatus.FAILED: ("Payment failed", "danger"),
}


@tells(Customer)
def payments(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    if not may_see(request, Payment):
        return
    rows = customer.payments.exclude(status=PaymentStatus.CANCELED).but_of_stripes_invoices()
    for row in rows.order_by(Coalesce("received_at", "created_at").desc(), "-pk")[:MOST_TOLD]:
        what, tone = _TRIED.get(PaymentStatus(row.status), ("Payment", "success"))
        yield Happening(
            at=row.received_at or row.created_at,
            what=what,
            tone=tone,
            row=row,
            named=row.reference or row.payment_method,
            about=row.failure_message,
            cents=row.amount_cents,
            currency=row.currency,
        )


@tells(Customer)
def refunds(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    if not may_see(request, Refund):
        return
    rows = Refund.objects.filter(payment__customer=customer).order_by("-created_at", "-pk")
    for row in rows[:MOST_TOLD]:
        is_failed = row.status == "failed"
        yield Happening(
            at=row.created_at,
            what="Refund failed" if is_failed else "Refunded",
            tone="danger" if is_failed else "warning",
            row=row,
            about=row.failure_reason or row.reason.replace("_", " "),
            cents=-row.amount_cents,
            currency=row.currency,
        )


@tells(Customer)
def disputes(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    if not may_see(request, Dispute):
        return
    rows = Dispute.objects.filter(payment__customer=customer).order_by("-created_at", "-pk")
    for row in rows[:MOST_TOLD]:
        about = f"{row.reason}, {row.status}".replace("_", " ").removeprefix(", ")
        yield Happening(
            at=row.created_at,
            what="Disputed",
            tone="danger",
            row=row,
            about=about,
            cents=-row.amount_cents,
            currency=row.currency,
        )


@tells(Customer)
def credits_granted(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    if not may_see(request, Credit):
        return
    for row in customer.credits.order_by("-created_at", "-pk")[:MOST_TOLD]:
        yield Happening(
            at=row.created_at,
            what="Credit",
            row=row,
            named=row.get_kind_display(),
            about=row.reason,
            cents=row.amount_cents,
            currency=row.currency,
        )


@tells(Customer)
def recurring(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    """How the value of its subscriptions moved."""
    if not may_see(request, MrrMovement):
        return
    rows = MrrMovement.objects.filter(customer=customer).select_related("subscription")
    for row in rows.order_by("-occurred_at", "-pk")[:MOST_TOLD]:
        plan = row.subscription.plan or str(row.subscription)
        yield Happening(
            at=row.occurred_at,
            what=f"MRR {row.kind}",
            tone=tones.MRR.get(row.kind, ""),
            row=row.subscription,
            named=plan,
            cents=row.change_cents,
            currency=row.currency,
        )
