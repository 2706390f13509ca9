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
from payments.stripe.booking.lines import book_invoice_lines
from payments.stripe.booking.movements import (
    book_balance_transactions,
    book_dispute,
    book_payout_contents,
    book_payouts,
    book_refunds,
)
from payments.stripe.booking.payments import book_invoice_payments, book_payment
from payments.stripe.booking.subscriptions import book_subscription
from payments.stripe.booking.ties import ties_of
from payments.stripe.facts import (
    AnyFacts,
    BalanceTransactionFacts,
    CheckoutFacts,
    CreditNoteFacts,
    CustomerFacts,
    DisputeFacts,
    Facts,
    InvoiceFacts,
    InvoiceLinesFacts,
    InvoicePaymentFacts,
    PaymentFacts,
    PayoutContentsFacts,
    PayoutFacts,
    RefundFacts,
    SubscriptionFacts,
)
from payments.stripe.versions import Versions, lock_objects

__all__ = ["NotYetKnown", "book", "book_locked", "objects_of"]

_Booking = Callable[..., None]

# Whole snapshots: an older one says nothing that a newer one does not.
_SNAPSHOTS: Final[Mapping[type[Facts], _Booking]] = MappingProxyType(
    {
        CustomerFacts: book_customer,
        InvoiceFacts: book_invoice,
        InvoiceLinesFacts: book_invoice_lines,
        CreditNoteFacts: book_credit_note,
        CheckoutFacts: book_checkout,
        PayoutContentsFacts: book_payout_contents,
    }
)
# Whole snapshots of which many come at once: one statement for all.
_SNAPSHOTS_TOGETHER: Final[Mapping[type[Facts], _Booking]] = MappingProxyType(
    {
        BalanceTransactionFacts: book_balance_transactions,
        InvoicePaymentFacts: book_invoice_payments,
        PayoutFacts: book_payouts,
        RefundFacts: book_refunds,
    }
)
# Told by several objects, or kept in every version: an older one may still say what nobody has said yet.
_PIECES: Final[Mapping[type[Facts], _Booking]] = MappingProxyType(
    {PaymentFacts: book_payment, DisputeFacts: book_dispute, SubscriptionFacts: book_subscription}
)
_NAMING_OTHERS: Final = ("customer_id", "invoice_id", "payment_intent_id", "charge_id", "source_id", "payout_id")


@transaction.atomic
def book(facts: Sequence[AnyFacts]) -> Counter[str]:
    """Make our rows say these facts; return how many rows of each table changed. Raises NotYetKnown."""
    lock_objects(objects_of(facts))
    return book_locked(facts)


def book_locked(facts: Sequence[AnyFacts]) -> Counter[str]:
    """Do the same in the caller's transaction, which holds the locks of `objects_of` and ends when this raises."""
    return _book([part for whole in facts for part in _with_parts(whole)])


def objects_of(facts: Sequence[AnyFacts]) -> set[str]:
    """Return the ids of all objects whose rows may be touched: of both ends of every link, so that none is missed."""
    told = (part for whole in facts for part in _with_parts(whole))
    return {stripe_id for one in told for stripe_id in _named_by(one)}


def _book(told: Sequence[AnyFacts]) -> Counter[str]:
    versions = Versions.of({stripe_id for one in told for stripe_id in _named_by(one)})
    books = Books(versions.customers)
    together: dict[type[Facts], list[Facts]] = {}
    alone: list[tuple[AnyFacts, bool]] = []
    for one in told:
        is_newest = versions.is_newest(one)
        if is_newest and type(one) in _SNAPSHOTS_TOGETHER:
            together.setdefault(type(one), []).append(one)
        else:
            alone.append((one, is_newest))
    # Movements before the contents of a payout that name them.
    for kind, newest in together.items():
        _SNAPSHOTS_TOGETHER[kind](books, newest)
    for one, is_newest in alone:
        _book_one(books, one, is_newest=is_newest)
    versions.keep()
    books.settle()
    return books.changed


def _book_one(books: Books, facts: Any, *, is_newest: bool) -> None:
    kind = type(facts)
    if kind in _PIECES:
        _PIECES[kind](books, facts, is_newest=is_newest)
    elif is_newest:
        _SNAPSHOTS[kind](books, facts)


def _with_parts(facts: AnyFacts) -> Iterator[AnyFacts]:
    yield facts
    yield from ties_of(facts)
    if isinstance(facts, PayoutContentsFacts):
        yield from facts.movements


def _named_by(facts: AnyFacts) -> set[str]:
    return {facts.stripe_id, *(getattr(facts, name, "") for name in _NAMING_OTHERS)} - {""}
