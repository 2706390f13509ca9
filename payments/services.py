"""The only writer of money we take and place ourselves. What Stripe says is written by `payments.stripe.booking`."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F

from billing_site.kit.errors import Refused
from billing_site.kit.money import Money
from invoices.models import CreditNote, Customer, Invoice
from invoices.services import settle_invoice
from payments.enums import CreditKind, PaymentOrigin, PaymentStatus
from payments.models import Allocation, Credit, Payment
from payments.querysets import RECEIVED


class NotYetMoney(Refused):
    """Only a payment that was received can be placed on an invoice."""


class OtherCurrency(Refused):
    """Money pays invoices of its own currency only."""


class NotEnoughLeft(Refused):
    """A payment or credit can be placed once, up to its amount."""


class OtherCustomer(Refused):
    """A credit belongs to one customer."""


class CreditLapsed(Refused):
    """A credit cannot be used after its last day."""


class AlreadyReversed(Refused):
    """An allocation is reversed once, and a reversal never."""


@transaction.atomic
def record_manual_payment(
    *,
    customer: Customer,
    amount_cents: int,
    currency: str,
    received_at: dt.datetime,
    method: str,
    reference: str,
    now: dt.datetime,
    by: str,
    invoice: Invoice | None = None,
) -> Payment:
    """Write down money received outside Stripe. What `invoice` does not need of it stays as unapplied cash."""
    if amount_cents <= 0:
        raise NotEnoughLeft("A payment is more than nothing; enter the amount received.")
    payment = Payment.objects.create(
        origin=PaymentOrigin.MANUAL,
        customer=customer,
        invoice=invoice,
        user_id=customer.user_id,
        amount_cents=amount_cents,
        net_amount_cents=amount_cents,
        stripe_fee_cents=0,
        currency=currency,
        status=PaymentStatus.SUCCEEDED,
        payment_method=method,
        reference=reference,
        received_at=received_at,
        created_at=now,
    )
    if invoice is not None:
        placed = min(amount_cents, _due(invoice))
        if placed:
            allocate_payment(payment=payment, invoice=invoice, amount_cents=placed, now=now, by=by)
            payment.refresh_from_db()
    return payment


@transaction.atomic
def allocate_payment(*, payment: Payment, invoice: Invoice, amount_cents: int, now: dt.datetime, by: str) -> Allocation:
    """Place part of a payment on an invoice. Raises NotYetMoney, OtherCurrency, NotEnoughLeft, MoreThanIsDue."""
    payment = Payment.objects.select_for_update().get(pk=payment.pk)
    if payment.status not in RECEIVED:
        raise NotYetMoney(
            f"Payment {payment} is {payment.get_status_display().lower()}; nothing can be placed from it."
        )
    _refuse_other_currency(payment.currency, invoice)
    _refuse_more_than(payment.unallocated_cents, amount_cents, payment.currency)
    Payment.objects.filter(pk=payment.pk).update(allocated_cents=F("allocated_cents") + amount_cents)
    settle_invoice(invoice=invoice, amount_cents=amount_cents, now=now)
    return Allocation.objects.create(
        invoice=invoice,
        payment=payment,
        amount_cents=amount_cents,
        currency=invoice.currency,
        allocated_at=now,
        allocated_by=by,
    )


@transaction.atomic
def grant_credit(
    *,
    customer: Customer,
    kind: str,
    amount_cents: int,
    currency: str,
    reason: str,
    by: str,
    expires_at: dt.date | None = None,
    source: str = "",
) -> Credit:
    """Give a customer a balance to use. `source` names what it came from; without one it is the person who gave it."""
    return Credit.objects.create(
        customer=customer,
        kind=kind,
        amount_cents=amount_cents,
        remaining_cents=amount_cents,
        currency=currency,
        reason=reason,
        expires_at=expires_at,
        source=source or f"granted by {by}",
    )


@transaction.atomic
def keep_rest_of_credit_note(*, note: CreditNote, by: str) -> Credit | None:
    """Grant what a credit note leaves beyond the amount due; None when it leaves nothing to keep."""
    if not note.to_credit_cents:
        return None
    return grant_credit(
        customer=note.invoice.customer,
        kind=CreditKind.REFUND,
        amount_cents=note.to_credit_cents,
        currency=note.currency,
        reason=f"Credit note {note.number}",
        by=by,
        source=note.number,
    )


@transaction.atomic
def use_credit(*, credit: Credit, invoice: Invoice, amount_cents: int, now: dt.datetime, by: str) -> Allocation:
    """Place part of a credit on an invoice of its customer. Raises CreditLapsed, OtherCustomer, NotEnoughLeft."""
    credit = Credit.objects.select_for_update().get(pk=credit.pk)
    if credit.customer_id != invoice.customer_id:
        raise OtherCustomer(f"This credit belongs to {credit.customer}, the invoice to {invoice.customer}.")
    if credit.expires_at and credit.expires_at < now.date():
        raise CreditLapsed(f"This credit could be used until {credit.expires_at:%Y-%m-%d}.")
    _refuse_other_currency(credit.currency, invoice)
    _refuse_more_than(credit.remaining_cents, amount_cents, credit.currency)
    Credit.objects.filter(pk=credit.pk).update(remaining_cents=F("remaining_cents") - amount_cents)
    settle_invoice(invoice=invoice, amount_cents=amount_cents, now=now)
    return Allocation.objects.create(
        invoice=invoice,
        credit=credit,
        amount_cents=amount_cents,
        currency=invoice.currency,
        allocated_at=now,
        allocated_by=by,
    )


@transaction.atomic
def reverse_allocation(*, allocation: Allocation, now: dt.datetime, by: str) -> Allocation:
    """Undo an allocation by adding its opposite; the invoice owes again, the money is free again."""
    allocation = Allocation.objects.select_for_update().get(pk=allocation.pk)
    if allocation.reverses_id or hasattr(allocation, "reversed_by"):
        raise AlreadyReversed("This allocation is reversed already, or is itself a reversal.")
    amount = allocation.amount_cents
    Payment.objects.filter(allocations=allocation).update(allocated_cents=F("allocated_cents") - amount)
    Credit.objects.filter(allocations=allocation).update(remaining_cents=F("remaining_cents") + amount)
    settle_invoice(invoice=allocation.invoice, amount_cents=-amount, now=now)
    return Allocation.objects.create(
        invoice=allocation.invoice,
        payment=allocation.payment,
        credit=allocation.credit,
        amount_cents=-amount,
        currency=allocation.currency,
        allocated_at=now,
        allocated_by=by,
        reverses=allocation,
    )


def _due(invoice: Invoice) -> int:
    return Invoice.objects.values_list("amount_due_cents", flat=True).get(pk=invoice.pk)


def _refuse_other_currency(currency: str, invoice: Invoice) -> None:
    if currency != invoice.currency:
        raise OtherCurrency(f"{currency} cannot pay invoice {invoice}, which is in {invoice.currency}.")


def _refuse_more_than(left_cents: int, amount_cents: int, currency: str) -> None:
    if not 0 < amount_cents <= left_cents:
        raise NotEnoughLeft(f"Place more than nothing and at most {Money(left_cents, currency).format()}.")
