"""Owns what this floor tells on the timeline of a customer: invoices, credit notes, and how they were sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

from django.db.models import DateTimeField, Q
from django.db.models.functions import Cast, Coalesce, Greatest
from django.http import HttpRequest

from billing_site.kit.admin import may_see
from billing_site.kit.admin.timeline import MOST_TOLD, Happening, start_of, tells
from invoices.admin.columns import number
from invoices.enums import DeliveryState
from invoices.models import CreditNote, Customer, Delivery, Invoice

_STATES = {
    DeliveryState.SENT: ("Sent", "success"),
    DeliveryState.MARKED: ("Sent", "success"),
    DeliveryState.FAILED: ("Not sent", "danger"),
    DeliveryState.UNKNOWN: ("Sending unclear", "warning"),
}


@tells(Customer)
def invoices(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    """When invoices were issued, paid, voided and written off; the latest of these chooses which are read."""
    if not may_see(request, Invoice):
        return
    issued = Coalesce("issued_at", Cast("issue_date", DateTimeField()))
    latest = customer.invoices.issued().annotate(latest_at=Greatest(issued, "paid_at", "voided_at"))
    for row in latest.order_by("-latest_at", "-pk")[:MOST_TOLD]:
        yield from _of_invoice(row)


@tells(Customer)
def credit_notes(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    if not may_see(request, CreditNote):
        return
    rows = CreditNote.objects.issued().filter(invoice__customer=customer)
    for row in rows.order_by("-issue_date", "-pk")[:MOST_TOLD]:
        is_of_that_day = row.created_at.date() == row.issue_date
        yield Happening(
            at=row.created_at if is_of_that_day else start_of(row.issue_date),
            what="Credited",
            tone="warning",
            row=row,
            about=row.reason,
            cents=-row.total_cents,
            currency=row.currency,
        )


@tells(Customer)
def deliveries(customer: Customer, request: HttpRequest) -> Iterator[Happening]:
    if not may_see(request, Delivery):
        return
    of_customer = Q(invoice__customer=customer) | Q(credit_note__invoice__customer=customer)
    rows = Delivery.objects.filter(of_customer, state__in=_STATES).select_related("invoice", "credit_note")
    for row in rows.defer("body_text", "body_html").order_by("-requested_at")[:MOST_TOLD]:
        what, tone = _STATES[DeliveryState(row.state)]
        about = row.recipient or row.get_channel_display()
        yield Happening(
            at=row.sent_at or row.requested_at, what=what, tone=tone, row=row, named=str(row.paper), about=about
        )


def _of_invoice(row: Invoice) -> Iterator[Happening]:
    given: dict[str, Any] = {"row": row, "named": number(row), "currency": row.currency}
    if row.issued_at or row.issue_date:
        at = row.issued_at or start_of(cast("dt.date", row.issue_date))
        yield Happening(at=at, what="Issued", tone="info", cents=row.total_cents, **given)
    if row.paid_at and row.amount_due_cents == 0:
        yield Happening(at=row.paid_at, what="Paid", tone="success", cents=row.amount_paid_cents, **given)
    if row.voided_at:
        yield Happening(at=row.voided_at, what="Voided", about=row.metadata.get("void_reason", ""), **given)
    if row.metadata.get("written_off_at"):
        at, why = dt.datetime.fromisoformat(row.metadata["written_off_at"]), row.metadata.get("write_off_reason", "")
        yield Happening(at=at, what="Written off", tone="warning", about=why, cents=-row.written_off_cents, **given)
