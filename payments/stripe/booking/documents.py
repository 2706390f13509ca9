"""Owns the booking of customers, checkouts, invoices and credit notes: copied verbatim."""

from __future__ import annotations

from typing import Any

from invoices.enums import CreditNoteStatus, InvoiceStatus
from invoices.models import CreditNote, Customer, Invoice
from invoices.services import copy_stripe_credit_note, copy_stripe_customer, copy_stripe_invoice
from payments.models import InvoicePayment, Payment
from payments.stripe.booking.books import Books, NotYetKnown, day_of, fitted, told_at
from payments.stripe.booking.lines import book_credit_lines, book_first_lines
from payments.stripe.facts import (
    AddressFacts,
    CheckoutFacts,
    CreditNoteFacts,
    CustomerFacts,
    InvoiceFacts,
)


def book_customer(books: Books, facts: CustomerFacts) -> None:
    """Copy the customer: name, e-mail, address, country, currency and metadata are Stripe's, all else is the staff's.

    Whoever the product says the user is stays so; of a deleted customer the books keep all.
    """
    said = _customer_fields(facts)
    if facts.is_deleted:
        said["stripe_deleted_at"] = told_at(facts)
    if "name" not in said:
        books.customer_of(facts.stripe_id)
    customer = books.counted(copy_stripe_customer(stripe_customer_id=facts.stripe_id, **fitted(Customer, said)))
    _name_user_of_payments(books, customer)


def book_checkout(books: Books, facts: CheckoutFacts) -> None:
    """Tie the product's user to Stripe's customer and payment. Raises NotYetKnown before the payment."""
    if facts.customer_id:
        customer = books.customer_of(facts.customer_id, name=facts.customer_name, email=facts.customer_email)
        if facts.user_id and not customer.user_id:
            books.counted(
                copy_stripe_customer(
                    stripe_customer_id=facts.customer_id, **fitted(Customer, {"user_id": facts.user_id})
                )
            )
    if facts.user_id and facts.payment_intent_id:
        _name_user_of_payment(books, facts)


def book_invoice(books: Books, facts: InvoiceFacts) -> None:
    """Copy the invoice, then hang it on the payments that were waiting for it."""
    customer_id = books.customer_id_of(facts.customer_id, name=facts.customer_name, email=facts.customer_email)
    fields = fitted(Invoice, {"customer_id": customer_id, **_invoice_fields(facts)})
    invoice = books.counted(copy_stripe_invoice(stripe_invoice_id=facts.stripe_id, **fields))
    books.invoices[facts.stripe_id] = invoice
    if not facts.lines_are_complete:
        book_first_lines(books, invoice, facts)
    books.settle_later(Payment.objects.tied_by(InvoicePayment.objects.of_invoice(facts.stripe_id)))


def book_credit_note(books: Books, facts: CreditNoteFacts) -> None:
    """Copy the credit note and its lines. Raises NotYetKnown before its invoice."""
    invoice = Invoice.objects.filter(stripe_invoice_id=facts.invoice_id).first()
    if invoice is None:
        raise NotYetKnown(f"Credit note {facts.stripe_id} reduces invoice {facts.invoice_id}, which has not arrived.")
    fields = {
        "invoice_id": invoice.pk,
        "number": facts.number or facts.stripe_id,
        "status": CreditNoteStatus.VOID if facts.status == "void" else CreditNoteStatus.ISSUED,
        "currency": facts.currency,
        "subtotal_cents": facts.subtotal_cents,
        "tax_cents": facts.tax_cents,
        "total_cents": facts.total_cents,
        "reduces_due_cents": facts.before_payment_cents or 0,
        "to_credit_cents": facts.credited_cents,
        "to_refund_cents": facts.refunded_cents,
        "reason": facts.memo or facts.reason.replace("_", " "),
        "issue_date": day_of(facts.issued_at or told_at(facts)),
        "issued_by": "Stripe",
    }
    note = copy_stripe_credit_note(stripe_credit_note_id=facts.stripe_id, **fitted(CreditNote, fields))
    book_credit_lines(books, books.counted(note), facts)


def _customer_fields(facts: CustomerFacts) -> dict[str, Any]:
    """Return what is Stripe's to say; nothing of what is left of a deleted customer, which is only its id."""
    if facts.is_deleted and facts.created_at is None:
        return {}
    said = {"currency": facts.currency, "user_id": facts.user_id}
    return {
        "name": facts.name or facts.email or facts.stripe_id,
        "email": facts.email,
        "address": "\n".join(_address_lines(facts.address)),
        "country": facts.address.country,
        "metadata": dict(facts.metadata),
    } | {name: value for name, value in said.items() if value}


def _name_user_of_payments(books: Books, customer: Customer) -> None:
    if customer.user_id:
        books.settle_later(Payment.objects.filter(customer=customer, user_id=""))


def _name_user_of_payment(books: Books, facts: CheckoutFacts) -> None:
    payment = Payment.objects.naming(payment_intent_id=facts.payment_intent_id).first()
    if payment is None:
        raise NotYetKnown(f"Checkout {facts.stripe_id} names payment {facts.payment_intent_id}, which has not arrived.")
    if not payment.user_id:
        books.copy(Payment, key={"pk": payment.pk}, fields={"user_id": facts.user_id})


def _invoice_fields(facts: InvoiceFacts) -> dict[str, Any]:
    status = facts.status
    return {
        "user_id": facts.user_id,
        "invoice_number": facts.number or None,
        "status": status,
        "currency": facts.currency,
        "subtotal_cents": facts.subtotal_cents,
        "discount_cents": facts.discount_cents,
        "tax_cents": facts.tax_cents,
        "total_cents": facts.total_cents,
        "amount_paid_cents": facts.amount_paid_cents,
        "credited_cents": facts.credited_before_payment_cents,
        # Stripe goes on naming what a void invoice asked for; nobody owes it.
        "amount_due_cents": 0 if status == InvoiceStatus.VOID else facts.amount_remaining_cents,
        "tax_inclusive": bool(facts.inclusive_tax_cents),
        "billing_period_start": day_of(facts.period_starts_at),
        "billing_period_end": day_of(facts.period_ends_at),
        "issue_date": day_of(facts.finalized_at),
        "due_date": day_of(facts.due_at),
        "issued_at": facts.finalized_at,
        "paid_at": facts.paid_at,
        "voided_at": facts.voided_at,
        "bill_to": _bill_to(facts),
        "invoice_pdf_url": facts.pdf_url,
        "notes": facts.description,
        "metadata": dict(facts.metadata),
    }


def _bill_to(facts: InvoiceFacts) -> dict[str, Any]:
    return {
        "name": facts.customer_name,
        "address": _address_lines(facts.customer_address),
        "country": facts.customer_address.country,
        "email": facts.customer_email,
        "tax_id": "",
    }


def _address_lines(address: AddressFacts) -> list[str]:
    town = " ".join(filter(None, [address.postal_code, address.city]))
    return [line for line in (address.line1, address.line2, town, address.state) if line]
