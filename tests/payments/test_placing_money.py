"""Placing money: once, up to its amount, in its own currency; the rest stays visible."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from billing_site.kit.errors import Refused
from invoices.enums import InvoiceStatus
from payments.enums import CreditKind
from payments.models import Allocation, Credit, Payment
from payments.services import (
    AlreadyReversed,
    CreditLapsed,
    NotEnoughLeft,
    OtherCurrency,
    OtherCustomer,
    allocate_payment,
    grant_credit,
    record_manual_payment,
    reverse_allocation,
    use_credit,
)
from tests.books import NOW, a_customer, an_invoice

pytestmark = pytest.mark.django_db


def _received(cents, *, currency="EUR", invoice=None, customer=None):
    return record_manual_payment(
        customer=customer or (invoice.customer if invoice else a_customer()), amount_cents=cents, currency=currency,
        received_at=NOW, method="bank transfer", reference="statement 7", now=NOW, by="ada", invoice=invoice,
    )  # fmt: skip


def _credit(customer, cents=100_00, **fields):
    given = {"kind": CreditKind.GOODWILL, "amount_cents": cents, "currency": "EUR", "reason": "late", "by": "ada"}
    return grant_credit(customer=customer, **(given | fields))


def test_a_payment_settles_its_invoice():
    invoice = an_invoice("100.00")
    _received(100_00, invoice=invoice)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.amount_due_cents, invoice.paid_at) == (InvoiceStatus.PAID, 0, NOW)


def test_what_an_invoice_does_not_need_stays_unapplied():
    payment = _received(130_00, invoice=an_invoice("100.00"))
    assert payment.unallocated_cents == 30_00
    assert list(Payment.objects.unallocated()) == [payment]


def test_a_payment_without_an_invoice_is_usable_later():
    invoice, payment = an_invoice("100.00"), _received(40_00)
    allocate_payment(payment=payment, invoice=invoice, amount_cents=40_00, now=NOW, by="ada")
    invoice.refresh_from_db()
    assert invoice.amount_due_cents == 60_00


def test_euros_do_not_pay_dollars():
    with pytest.raises(OtherCurrency, match="which is in USD"):
        allocate_payment(
            payment=_received(1), invoice=an_invoice("1.00", currency="USD"), amount_cents=1, now=NOW, by="ada"
        )


def test_a_payment_is_placed_once():
    payment = _received(50_00)
    allocate_payment(payment=payment, invoice=an_invoice("100.00"), amount_cents=50_00, now=NOW, by="ada")
    with pytest.raises(NotEnoughLeft, match=r"at most €0\.00"):
        allocate_payment(payment=payment, invoice=an_invoice("100.00"), amount_cents=1, now=NOW, by="ada")


def test_a_reversal_is_a_row_of_its_own_and_happens_once():
    invoice = an_invoice("100.00")
    allocation = _received(100_00, invoice=invoice).allocations.get()
    reversal = reverse_allocation(allocation=allocation, now=NOW, by="ada")
    assert reversal.amount_cents == -100_00
    for again in (allocation, reversal):
        with pytest.raises(AlreadyReversed):
            reverse_allocation(allocation=again, now=NOW, by="ada")


def test_allocations_are_only_added():
    allocation = _received(1_00, invoice=an_invoice("1.00")).allocations.get()
    with pytest.raises(IntegrityError, match="added, never changed"), transaction.atomic():
        Allocation.objects.filter(pk=allocation.pk).update(amount_cents=2)


def test_a_recorded_amount_does_not_change():
    payment = _received(1_00)
    with pytest.raises(IntegrityError, match="cannot be changed"), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(amount_cents=2_00)


def test_a_payment_of_nothing_is_refused():
    with pytest.raises(Refused, match="enter the amount received"):
        _received(0)


def test_a_credit_pays_its_own_customer_only():
    with pytest.raises(OtherCustomer):
        use_credit(credit=_credit(a_customer()), invoice=an_invoice("1.00"), amount_cents=1, now=NOW, by="ada")


def test_a_lapsed_credit_pays_nothing():
    invoice = an_invoice("1.00")
    credit = _credit(invoice.customer, expires_at=NOW.date() - dt.timedelta(days=1))
    with pytest.raises(CreditLapsed, match="until 2026-10-31"):
        use_credit(credit=credit, invoice=invoice, amount_cents=1, now=NOW, by="ada")


@pytest.mark.django_db(transaction=True)
def test_fifty_concurrent_uses_never_overdraw_a_credit():
    customer = a_customer()
    invoice = an_invoice("1000.00", customer=customer)
    credit = _credit(customer, 100_00)

    def use(_: int) -> int:
        try:
            return use_credit(credit=credit, invoice=invoice, amount_cents=7_00, now=NOW, by="ada").amount_cents
        except NotEnoughLeft:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as people:
        used = sum(people.map(use, range(50)))
    credit = Credit.objects.get()
    assert (used, credit.remaining_cents) == (98_00, 2_00)
