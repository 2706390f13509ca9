"""Owns the frozen facts that Stripe's objects are turned into: all a row needs, amounts in our minor units.

Of the facts about one row the greatest `order` wins. Text that is "" and values that are None are not said by this
object: whoever writes the row keeps what it has.
"""

from __future__ import annotations

from payments.stripe.facts.base import (
    AddressFacts,
    Facts,
    OrderKey,
)
from payments.stripe.facts.documents import (
    CheckoutFacts,
    CreditNoteFacts,
    CreditNoteLineFacts,
    CustomerFacts,
    InvoiceFacts,
    InvoiceLineFacts,
    InvoiceLinesFacts,
    InvoicePaymentFacts,
    SubscriptionFacts,
    SubscriptionItemFacts,
)
from payments.stripe.facts.movements import (
    BalanceTransactionFacts,
    DisputeFacts,
    FeeDetailFacts,
    PaymentFacts,
    PayoutContentsFacts,
    PayoutFacts,
    RefundFacts,
)

AnyFacts = (
    CustomerFacts
    | InvoiceFacts
    | InvoiceLinesFacts
    | InvoicePaymentFacts
    | PaymentFacts
    | RefundFacts
    | DisputeFacts
    | BalanceTransactionFacts
    | SubscriptionFacts
    | PayoutFacts
    | PayoutContentsFacts
    | CreditNoteFacts
    | CheckoutFacts
)

__all__ = [
    "AddressFacts",
    "AnyFacts",
    "BalanceTransactionFacts",
    "CheckoutFacts",
    "CreditNoteFacts",
    "CreditNoteLineFacts",
    "CustomerFacts",
    "DisputeFacts",
    "Facts",
    "FeeDetailFacts",
    "InvoiceFacts",
    "InvoiceLineFacts",
    "InvoiceLinesFacts",
    "InvoicePaymentFacts",
    "OrderKey",
    "PaymentFacts",
    "PayoutContentsFacts",
    "PayoutFacts",
    "RefundFacts",
    "SubscriptionFacts",
    "SubscriptionItemFacts",
]
