"""Owns the ties between invoices and payments that API versions before basil put on the invoice and on the charge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from payments.querysets import RECEIVED
from payments.stripe.facts import AnyFacts, InvoiceFacts, InvoicePaymentFacts, OrderKey, PaymentFacts


def ties_of(facts: AnyFacts) -> Iterator[InvoicePaymentFacts]:
    """Yield the ties that facts carry: those an invoice brings along, or the one both of its ends named once."""
    if isinstance(facts, InvoiceFacts) and facts.invoice_payments:
        yield from facts.invoice_payments
    elif isinstance(facts, InvoiceFacts) and (facts.payment_intent_id or facts.charge_id):
        yield _of_invoice(facts)
    elif isinstance(facts, PaymentFacts) and facts.invoice_id:
        yield _of_payment(facts)


def _of_invoice(facts: InvoiceFacts) -> InvoicePaymentFacts:
    paid = facts.status == "paid"
    return _tie(
        facts,
        invoice_id=facts.stripe_id,
        status="paid" if paid else "open",
        amount_requested_cents=facts.amount_due_cents,
        amount_paid_cents=facts.amount_paid_cents,
        paid_at=facts.paid_at if paid else None,
    )


def _of_payment(facts: PaymentFacts) -> InvoicePaymentFacts:
    paid = facts.status in RECEIVED
    return _tie(
        facts,
        invoice_id=facts.invoice_id,
        status="paid" if paid else "open",
        amount_requested_cents=facts.amount_cents,
        amount_paid_cents=facts.received_cents,
        paid_at=facts.created_at if paid else None,
    )


def _tie(
    facts: InvoiceFacts | PaymentFacts,
    *,
    invoice_id: str,
    status: str,
    amount_requested_cents: int,
    amount_paid_cents: int,
    paid_at: dt.datetime | None,
) -> InvoicePaymentFacts:
    return InvoicePaymentFacts(
        stripe_id=f"{invoice_id}/{facts.payment_intent_id or facts.charge_id}",
        livemode=facts.livemode,
        api_version=facts.api_version,
        # Both ends tell the same tie: once paid, it is newer than the same second's open one.
        order=OrderKey(facts.order.created, int(status == "paid"), (amount_paid_cents,)),
        created_at=facts.created_at,
        invoice_id=invoice_id,
        payment_intent_id=facts.payment_intent_id,
        charge_id=facts.charge_id,
        status=status,
        currency=facts.currency,
        amount_requested_cents=amount_requested_cents,
        amount_paid_cents=amount_paid_cents,
        is_default=True,
        paid_at=paid_at,
    )
