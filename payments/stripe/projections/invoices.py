"""Owns the projection of invoices, their lines and payments, and of credit notes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from payments.stripe.facts import (
    CreditNoteFacts,
    CreditNoteLineFacts,
    InvoiceFacts,
    InvoiceLineFacts,
    InvoiceLinesFacts,
    InvoicePaymentFacts,
)
from payments.stripe.projections.seen import Seen, address_of
from payments.stripe.shapes import (
    Shape,
    discount_cents,
    line_parent,
    line_price,
    metadata_of,
    quantity_of,
    subscription_of_invoice,
    tax_cents,
    tax_percent_of,
    unit_price_of_line,
)


def invoice(shape: Shape, seen: Seen) -> tuple[InvoiceFacts | InvoiceLinesFacts, ...]:
    """Return the invoice with the payments that came along and, if they are all told, its lines."""
    facts = _invoice(shape, seen)
    return (facts, _lines_of(facts)) if facts.lines_are_complete else (facts,)


def _lines_of(facts: InvoiceFacts) -> InvoiceLinesFacts:
    return InvoiceLinesFacts(
        stripe_id=f"{facts.stripe_id}/lines",
        livemode=facts.livemode,
        api_version=facts.api_version,
        order=facts.order,
        created_at=facts.created_at,
        invoice_id=facts.stripe_id,
        lines=facts.lines,
    )


def _invoice(shape: Shape, seen: Seen) -> InvoiceFacts:
    currency, status = shape.currency(), _status(shape)
    lines = tuple(invoice_line(line, currency) for line in shape.children("lines"))
    payments = tuple(facts for one in shape.children("payments") for facts in invoice_payment(one, seen))
    moments, starts_at, ends_at = shape.child("status_transitions"), *_period(shape, lines)
    paid = shape.cents("amount_paid", currency, default=0)
    due = shape.cents("amount_due", currency)
    return InvoiceFacts(
        # What is credited before the payment is no amount of the order: it falls again when the note is voided.
        **seen.shared(shape, kind="invoice", state=status, amounts=(paid, _credited(shape, currency)[1])),
        number=shape.text("number", ""),
        status=status,
        customer_id=shape.ref("customer"),
        customer_name=shape.text("customer_name", ""),
        customer_email=shape.text("customer_email", ""),
        customer_address=address_of(shape.child("customer_address")),
        subscription_id=subscription_of_invoice(shape),
        payment_intent_id=shape.ref("payment_intent") or _only(payments, "payment_intent_id"),
        charge_id=shape.ref("charge") or _only(payments, "charge_id"),
        currency=currency,
        subtotal_cents=shape.cents("subtotal", currency),
        discount_cents=discount_cents(shape, currency, "total_discount_amounts"),
        tax_cents=_tax(shape, currency),
        inclusive_tax_cents=tax_cents(shape, currency, "total_taxes", "total_tax_amounts", inclusive_only=True),
        shipping_cents=shape.cents("amount_shipping", currency, default=0),
        total_cents=shape.cents("total", currency),
        amount_paid_cents=paid,
        amount_due_cents=due,
        amount_remaining_cents=shape.cents("amount_remaining", currency, default=due - paid),
        starting_balance_cents=shape.cents("starting_balance", currency, default=0),
        credited_before_payment_cents=_credited(shape, currency)[0],
        credited_after_payment_cents=_credited(shape, currency)[1],
        period_starts_at=starts_at,
        period_ends_at=ends_at,
        finalized_at=(moments.at("finalized_at") if moments else None) or shape.at("finalized_at"),
        due_at=shape.at("due_date"),
        paid_at=moments.at("paid_at") if moments else None,
        voided_at=moments.at("voided_at") if moments else None,
        marked_uncollectible_at=moments.at("marked_uncollectible_at") if moments else None,
        attempt_count=shape.whole("attempt_count", 0),
        billing_reason=shape.text("billing_reason", ""),
        collection_method=shape.text("collection_method", ""),
        description=shape.text("description", ""),
        hosted_url=shape.text("hosted_invoice_url", ""),
        pdf_url=shape.text("invoice_pdf", ""),
        lines=lines,
        lines_are_complete=shape.says("lines") and not shape.has_more("lines"),
        invoice_payments=payments,
        subscription_metadata=_subscription_metadata(shape),
    )


def invoice_payment(shape: Shape, seen: Seen) -> tuple[InvoicePaymentFacts, ...]:
    """Return the tie between an invoice and a payment intent or charge."""
    currency, status = shape.currency(), shape.text("status")
    paid = shape.cents("amount_paid", currency, default=0)
    moments = shape.child("status_transitions")
    return (
        InvoicePaymentFacts(
            **seen.shared(shape, kind="invoice_payment", state=status, amounts=(paid,)),
            invoice_id=shape.ref("invoice"),
            payment_intent_id=shape.ref("payment", "payment_intent"),
            charge_id=shape.ref("payment", "charge"),
            status=status,
            currency=currency,
            amount_requested_cents=shape.cents("amount_requested", currency),
            amount_paid_cents=paid,
            is_default=shape.flag("is_default"),
            paid_at=moments.at("paid_at") if moments else None,
        ),
    )


def credit_note(shape: Shape, seen: Seen) -> tuple[CreditNoteFacts, ...]:
    """Return the credit note with its lines and the refunds it made."""
    currency, status = shape.currency(), shape.text("status")
    refunds = [part.ref("refund") for part in shape.children("refunds")] or [shape.ref("refund")]
    before, after = _around_payment(shape, currency)
    refunded, credited = _given_back(shape, currency, after or 0)
    return (
        CreditNoteFacts(
            **seen.shared(shape, kind="credit_note", state=status),
            number=shape.text("number", ""),
            status=status,
            kind=shape.text("type", ""),
            reason=shape.text("reason", ""),
            memo=shape.text("memo", ""),
            customer_id=shape.ref("customer"),
            invoice_id=shape.ref("invoice"),
            currency=currency,
            subtotal_cents=shape.cents("subtotal", currency),
            discount_cents=discount_cents(shape, currency, "discount_amounts"),
            tax_cents=tax_cents(shape, currency, "total_taxes", "tax_amounts"),
            inclusive_tax_cents=tax_cents(shape, currency, "total_taxes", "tax_amounts", inclusive_only=True),
            total_cents=shape.cents("total", currency),
            amount_cents=shape.cents("amount", currency),
            out_of_band_cents=shape.cents("out_of_band_amount", currency, default=0),
            before_payment_cents=before,
            after_payment_cents=after,
            refunded_cents=refunded,
            credited_cents=credited,
            refund_ids=tuple(filter(None, refunds)),
            customer_balance_transaction_id=shape.ref("customer_balance_transaction"),
            issued_at=shape.at("effective_at") or shape.at("created"),
            voided_at=shape.at("voided_at"),
            pdf_url=shape.text("pdf", ""),
            lines=tuple(_credit_line(line, currency) for line in shape.children("lines")),
            lines_are_complete=not shape.has_more("lines"),
        ),
    )


def _around_payment(note: Shape, currency: str) -> tuple[int | None, int | None]:
    """Return what a note takes off before and after payment; old API versions tell only which of both it is."""
    if note.says("pre_payment_amount") or note.says("post_payment_amount"):
        return note.cents_if_said("pre_payment_amount", currency), note.cents_if_said("post_payment_amount", currency)
    total = note.cents("total", currency)
    return {"pre_payment": (total, 0), "post_payment": (0, total)}.get(note.text("type", ""), (None, None))


def _given_back(note: Shape, currency: str, after: int) -> tuple[int, int]:
    """Return what was refunded, and what became balance of the customer."""
    parts = note.children("refunds")
    elsewhere = note.cents("out_of_band_amount", currency, default=0)
    if parts:
        refunded = sum(part.cents("amount_refunded", currency, default=0) for part in parts)
    else:
        refunded = after - elsewhere if note.ref("refund") else 0
    return refunded, after - elsewhere - refunded if note.ref("customer_balance_transaction") else 0


def invoice_line(line: Shape, invoice_currency: str) -> InvoiceLineFacts:
    """Return a line; its currency is the invoice's unless it says otherwise."""
    currency, parent, price = line.currency(default=invoice_currency), line_parent(line), line_price(line)
    period = line.child("period")
    return InvoiceLineFacts(
        stripe_id=line.text("id"),
        description=line.text("description", ""),
        amount_cents=line.cents("amount", currency),
        currency=currency,
        quantity=quantity_of(line),
        unit_price=unit_price_of_line(line, currency),
        discount_cents=discount_cents(line, currency, "discount_amounts"),
        tax_cents=tax_cents(line, currency, "taxes", "tax_amounts"),
        inclusive_tax_cents=tax_cents(line, currency, "taxes", "tax_amounts", inclusive_only=True),
        tax_percent=tax_percent_of(line),
        is_proration=parent.flag("proration"),
        service_starts_at=period.at("start") if period else None,
        service_ends_at=period.at("end") if period else None,
        price_id=price.price_id,
        product_id=price.product_id,
        subscription_id=parent.ref("subscription"),
        subscription_item_id=parent.ref("subscription_item"),
        invoice_item_id=parent.ref("invoice_item"),
        metadata=metadata_of(line),
    )


def _credit_line(line: Shape, currency: str) -> CreditNoteLineFacts:
    return CreditNoteLineFacts(
        stripe_id=line.text("id"),
        description=line.text("description", ""),
        amount_cents=line.cents("amount", currency),
        discount_cents=line.cents("discount_amount", currency, default=0),
        tax_cents=tax_cents(line, currency, "taxes", "tax_amounts"),
        inclusive_tax_cents=tax_cents(line, currency, "taxes", "tax_amounts", inclusive_only=True),
        tax_percent=tax_percent_of(line),
        quantity=quantity_of(line),
        invoice_line_id=line.ref("invoice_line_item"),
    )


def _status(shape: Shape) -> str:
    if shape.says("status"):
        return shape.text("status")
    # Before 2018-11-08 three flags told it.
    if shape.flag("paid"):
        return "paid"
    if shape.flag("forgiven"):
        return "uncollectible"
    if shape.flag("closed"):
        return "void"
    return "open" if shape.flag("attempted") else "draft"


def _subscription_metadata(shape: Shape) -> dict[str, str]:
    details = shape.child("parent", "subscription_details") or shape.child("subscription_details")
    return metadata_of(details) if details else {}


def _tax(shape: Shape, currency: str) -> int:
    if shape.says("total_taxes") or shape.children("total_tax_amounts"):
        return tax_cents(shape, currency, "total_taxes", "total_tax_amounts")
    return shape.cents("tax", currency, default=0)


def _credited(shape: Shape, currency: str) -> tuple[int, int]:
    before = shape.cents("pre_payment_credit_notes_amount", currency, default=0)
    return before, shape.cents("post_payment_credit_notes_amount", currency, default=0)


def _period(shape: Shape, lines: Sequence[InvoiceLineFacts]) -> tuple[datetime | None, datetime | None]:
    """Return the service period: that of the lines, as an invoice's own looks back at the time before it."""
    serving = [line for line in lines if not line.is_proration] or list(lines)
    starts = [line.service_starts_at for line in serving if line.service_starts_at]
    ends = [line.service_ends_at for line in serving if line.service_ends_at]
    return (
        min(starts) if starts else shape.at("period_start"),
        max(ends) if ends else shape.at("period_end"),
    )


def _only(payments: Sequence[InvoicePaymentFacts], name: str) -> str:
    ids = {getattr(payment, name) for payment in payments} - {""}
    return ids.pop() if len(ids) == 1 else ""
