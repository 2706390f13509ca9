"""The one writer of what Stripe says: facts become rows, the newest of each object wins, nothing is recomputed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from django.db import transaction

from payments.stripe.booking.books import Books, NotYetKnown
from payments.stripe.booking.documents import (
    book_checkout,
    book_credit_note,
    book_customer,
    book_invoice,
)
from payments.stripe.booking.movements import book_balance_transaction, book_dispute, book_payout, book_refund
from payments.stripe.booking.payments import book_invoice_payment, book_payment
from payments.stripe.booking.subscriptions import book_subscription
from payments.stripe.facts import (
    AnyFacts,
    BalanceTransactionFacts,
    CheckoutFacts,
    CreditNoteFacts,
    CustomerFacts,
    DisputeFacts,
    Facts,
    InvoiceFacts,
    InvoicePaymentFacts,
    PaymentFacts,
    PayoutFacts,
    RefundFacts,
    SubscriptionFacts,
)
from payments.stripe.versions import Versions, lock_objects

__all__ = ["NotYetKnown", "book"]

_Booking = Callable[..., None]

# Whole snapshots: an older one says nothing that a newer one does not.
_SNAPSHOTS: Final[Mapping[type[Facts], _Booking]] = MappingProxyType(
    {
        CustomerFacts: book_customer,
        InvoiceFacts: book_invoice,
        InvoicePaymentFacts: book_invoice_payment,
        RefundFacts: book_refund,
        BalanceTransactionFacts: book_balance_transaction,
        PayoutFacts: book_payout,
        CreditNoteFacts: book_credit_note,
        CheckoutFacts: book_checkout,
    }
)
# Told by several objects, or kept in every version: an older one may still say what nobody has said yet.
_PIECES: Final[Mapping[type[Facts], _Booking]] = MappingProxyType(
    {PaymentFacts: book_payment, DisputeFacts: book_dispute, SubscriptionFacts: book_subscription}
)
_NAMING_OTHERS: Final = ("customer_id", "invoice_id", "payment_intent_id", "charge_id", "source_id")


@transaction.atomic
def book(facts: Sequence[AnyFacts]) -> Counter[str]:
    """Make our rows say these facts; return how many rows of each table changed. Raises NotYetKnown."""
    told = [one for whole in facts for one in _with_parts(whole)]
    lock_objects({stripe_id for one in told for stripe_id in _named_by(one)})
    versions, books = Versions.of({one.stripe_id for one in told}), Books()
    for one in told:
        _book_one(books, one, is_newest=versions.is_newest(one))
    versions.keep()
    return books.changed


def _book_one(books: Books, facts: Any, *, is_newest: bool) -> None:
    kind = type(facts)
    if kind in _PIECES:
        _PIECES[kind](books, facts, is_newest=is_newest)
    elif is_newest:
        _SNAPSHOTS[kind](books, facts)


def _with_parts(facts: AnyFacts) -> Iterator[AnyFacts]:
    yield facts
    if isinstance(facts, InvoiceFacts):
        yield from facts.invoice_payments


def _named_by(facts: AnyFacts) -> set[str]:
    """Return the ids of every object whose row may be touched, so that two ends of a link are never booked at once."""
    return {facts.stripe_id, *(getattr(facts, name, "") for name in _NAMING_OTHERS)} - {""}
