"""Owns the facts of what we sell on paper: customers, subscriptions, checkouts, invoices, credit notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from payments.stripe.facts.base import AddressFacts, Facts
from payments.stripe.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFacts(Facts):
    """Who is billed. `balance_cents` below zero is money the customer has with Stripe."""

    name: str
    email: str
    phone: str
    address: AddressFacts
    currency: str
    balance_cents: int
    is_delinquent: bool
    tax_exempt: str
    locales: tuple[str, ...]
    is_deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutFacts(Facts):
    """A finished checkout: the tie between the product's user and Stripe's customer, payment and subscription."""

    mode: str
    status: str
    payment_status: str
    client_reference_id: str
    customer_id: str
    customer_name: str
    customer_email: str
    payment_intent_id: str
    subscription_id: str
    invoice_id: str
    currency: str
    subtotal_cents: int | None
    total_cents: int | None

    @property
    def user_id(self) -> str:
        """The product's own id of the user: its reference on the session, else the metadata."""
        return self.client_reference_id or self.metadata.get("user_id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionItemFacts:
    """One item; `unit_price` is in major units and None for tiered prices."""

    stripe_id: str
    price_id: str
    product_id: str
    nickname: str
    currency: str
    quantity: int
    is_metered: bool
    interval: str
    interval_count: int
    unit_price: Decimal | None
    mrr_cents: int
    period_starts_at: datetime | None
    period_ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFacts(Facts):
    """A subscription. `to_expand` names what was sent as bare ids and must be fetched before `mrr_cents` is whole.

    `is_counted` says whether it is MRR at all, `terms` what it would be worth then.
    """

    customer_id: str
    status: str
    plan: str
    currency: str
    quantity: int
    items: tuple[SubscriptionItemFacts, ...]
    mrr_cents: int
    is_counted: bool
    terms: Terms
    billing_cycle: str
    to_expand: tuple[str, ...]
    is_paused: bool
    started_at: datetime | None
    period_starts_at: datetime | None
    period_ends_at: datetime | None
    trial_starts_at: datetime | None
    trial_ends_at: datetime | None
    cancel_at_period_end: bool
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    latest_invoice_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLineFacts:
    """A line of an invoice; its service period is half-open."""

    stripe_id: str
    description: str
    amount_cents: int
    currency: str
    quantity: Decimal
    unit_price: Decimal | None
    discount_cents: int
    tax_cents: int
    inclusive_tax_cents: int
    tax_percent: Decimal | None
    is_proration: bool
    service_starts_at: datetime | None
    service_ends_at: datetime | None
    price_id: str
    product_id: str
    subscription_id: str
    subscription_item_id: str
    invoice_item_id: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLinesFacts(Facts):
    """All lines of one invoice, told with it or fetched; too long an invoice is told with its first lines only.

    The `stripe_id` is that of the invoice followed by `/lines`: lines have an order of their own.
    """

    invoice_id: str
    lines: tuple[InvoiceLineFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePaymentFacts(Facts):
    """The tie between an invoice and what pays it."""

    invoice_id: str
    payment_intent_id: str
    charge_id: str
    status: str
    currency: str
    amount_requested_cents: int
    amount_paid_cents: int
    is_default: bool
    paid_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFacts(Facts):
    """An invoice of Stripe's, its numbers verbatim. The period is that of its lines, else its own."""

    number: str
    status: str
    customer_id: str
    customer_name: str
    customer_email: str
    customer_address: AddressFacts
    subscription_id: str
    payment_intent_id: str
    charge_id: str
    currency: str
    subtotal_cents: int
    discount_cents: int
    tax_cents: int
    inclusive_tax_cents: int
    shipping_cents: int
    total_cents: int
    amount_paid_cents: int
    amount_due_cents: int
    amount_remaining_cents: int
    starting_balance_cents: int
    credited_before_payment_cents: int
    credited_after_payment_cents: int
    period_starts_at: datetime | None
    period_ends_at: datetime | None
    finalized_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    marked_uncollectible_at: datetime | None
    attempt_count: int
    billing_reason: str
    collection_method: str
    description: str
    hosted_url: str
    pdf_url: str
    lines: tuple[InvoiceLineFacts, ...]
    lines_are_complete: bool
    invoice_payments: tuple[InvoicePaymentFacts, ...]
    subscription_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def user_id(self) -> str:
        """The product's own id of the user: from the invoice's metadata, else from its subscription's."""
        return self.metadata.get("user_id", "") or self.subscription_metadata.get("user_id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteLineFacts:
    """A line of a credit note."""

    stripe_id: str
    description: str
    amount_cents: int
    discount_cents: int
    tax_cents: int
    inclusive_tax_cents: int
    tax_percent: Decimal | None
    quantity: Decimal
    invoice_line_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteFacts(Facts):
    """A document that reduces an invoice: before payment less is due, after it money goes back.

    What comes after payment is `refunded_cents` to where it came from, `credited_cents` to the customer's balance at
    Stripe, and `out_of_band_cents` by other ways.
    """

    number: str
    status: str
    kind: str
    reason: str
    memo: str
    customer_id: str
    invoice_id: str
    currency: str
    subtotal_cents: int
    discount_cents: int
    tax_cents: int
    inclusive_tax_cents: int
    total_cents: int
    amount_cents: int
    out_of_band_cents: int
    before_payment_cents: int | None
    after_payment_cents: int | None
    refunded_cents: int
    credited_cents: int
    refund_ids: tuple[str, ...]
    customer_balance_transaction_id: str
    issued_at: datetime | None
    voided_at: datetime | None
    pdf_url: str
    lines: tuple[CreditNoteLineFacts, ...]
    lines_are_complete: bool
