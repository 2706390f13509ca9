"""Owns the facts of money that moves: payments, refunds, disputes, balance transactions, payouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from payments.stripe.facts.base import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts(Facts):
    """A payment, keyed by its intent or else its charge; told by either (`source`), which know different things.

    Fee and net are in the settlement currency, and None until the balance transaction is known. The failure goes with
    the status: any other status than `failed` has none, so it is to be blanked then.
    """

    source: str
    payment_intent_id: str
    charge_id: str
    customer_id: str
    invoice_id: str
    status: str
    currency: str
    amount_cents: int
    received_cents: int
    refund_amount_cents: int | None
    refunded_at: datetime | None
    refund_reason: str
    payment_method: str
    card_brand: str
    card_last4: str
    failure_code: str
    failure_message: str
    decline_code: str
    is_disputed: bool | None
    description: str
    balance_transaction_id: str
    stripe_fee_cents: int | None
    net_amount_cents: int | None
    settlement_currency: str
    settlement_amount_cents: int | None
    exchange_rate: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFacts(Facts):
    """Money given back on a charge."""

    payment_intent_id: str
    charge_id: str
    status: str
    currency: str
    amount_cents: int
    reason: str
    failure_reason: str
    balance_transaction_id: str
    failure_balance_transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeFacts(Facts):
    """Money forced back, and perhaps won again; funds and fee are in the settlement currency."""

    payment_intent_id: str
    charge_id: str
    status: str
    reason: str
    currency: str
    amount_cents: int
    is_charge_refundable: bool
    evidence_due_at: datetime | None
    balance_transaction_ids: tuple[str, ...]
    settlement_currency: str
    withdrawn_cents: int
    reinstated_cents: int
    fee_cents: int
    funds_withdrawn_at: datetime | None
    funds_reinstated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeDetailFacts:
    """One part of a fee."""

    kind: str
    amount_cents: int
    currency: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceTransactionFacts(Facts):
    """A movement of Stripe's own ledger: amount - fee = net, in the settlement currency."""

    source_id: str
    kind: str
    reporting_category: str
    status: str
    currency: str
    amount_cents: int
    fee_cents: int
    net_cents: int
    exchange_rate: Decimal | None
    available_at: datetime | None
    description: str
    fee_details: tuple[FeeDetailFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutFacts(Facts):
    """A transfer to the bank; below zero it was taken from the bank."""

    status: str
    currency: str
    amount_cents: int
    arrival_date: date | None
    is_automatic: bool
    method: str
    kind: str
    destination_id: str
    trace_id: str
    description: str
    statement_descriptor: str
    reconciliation_status: str
    balance_transaction_id: str
    failure_balance_transaction_id: str
    failure_code: str
    failure_message: str
    original_payout_id: str
    reversed_by_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutContentsFacts(Facts):
    """All movements that one payout took to the bank. The `stripe_id` is that of the payout followed by `/contents`."""

    payout_id: str
    movements: tuple[BalanceTransactionFacts, ...]
