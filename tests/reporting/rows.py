"""Rows as the books keep them once Stripe's events are applied, for tests of what they add up to."""

from __future__ import annotations

import datetime as dt
from itertools import count

from payments.enums import PaymentOrigin, PaymentStatus
from payments.models import BalanceTransaction, Dispute, Payment, Refund

_numbers = count(1)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def movement(source_id, amount, when, *, fee=0, category="charge", currency="EUR", **fields):
    """One line of Stripe's ledger."""
    return BalanceTransaction.objects.create(
        stripe_id=f"txn_{next(_numbers)}",
        type=fields.pop("type", category),
        reporting_category=category,
        source_id=source_id,
        amount_cents=amount,
        fee_cents=fee,
        net_cents=amount - fee,
        currency=currency,
        created_at=at(when),
        available_at=at(when),
        **fields,
    )


def payment(amount, when, *, fee=0, currency="EUR", settles=None, rate=None, **fields):
    """A card payment with its movement; `settles` is (amount, currency) where that is not its own."""
    charge_id = f"ch_{next(_numbers)}"
    settled, settled_in = settles or (amount, currency)
    moved = movement(charge_id, settled, when, fee=fee, currency=settled_in, exchange_rate=rate)
    known = {
        "origin": PaymentOrigin.STRIPE,
        "stripe_charge_id": charge_id,
        "stripe_balance_transaction_id": moved.stripe_id,
        "amount_cents": amount,
        "currency": currency,
        "status": PaymentStatus.SUCCEEDED,
        "stripe_fee_cents": fee,
        "net_amount_cents": settled - fee,
        "settlement_currency": settled_in,
        "settlement_amount_cents": settled,
        "exchange_rate": rate,
        "received_at": at(when),
        "created_at": at(when),
    }
    return Payment.objects.create(**(known | fields))


def cash(amount, when, *, currency="EUR", **fields):
    """A bank transfer a person entered."""
    return Payment.objects.create(
        amount_cents=amount,
        currency=currency,
        status=PaymentStatus.SUCCEEDED,
        received_at=at(when),
        created_at=at(when),
        **fields,
    )


def refund(paid, amount, when, *, settles=None, status="succeeded", fee=0):
    refund_id = f"re_{next(_numbers)}"
    settled, settled_in = settles or (amount, paid.settlement_currency)
    moved = movement(refund_id, -settled, when, category="refund", currency=settled_in, fee=fee)
    return Refund.objects.create(
        stripe_refund_id=refund_id,
        payment=paid,
        stripe_charge_id=paid.stripe_charge_id,
        stripe_balance_transaction_id=moved.stripe_id,
        amount_cents=amount,
        currency=paid.currency,
        status=status,
        created_at=at(when),
    )


def dispute(paid, when, *, fee=0):
    dispute_id = f"du_{next(_numbers)}"
    movement(
        dispute_id, -paid.amount_cents, when, category="dispute", type="adjustment", fee=fee, currency=paid.currency
    )
    return Dispute.objects.create(
        stripe_dispute_id=dispute_id,
        payment=paid,
        stripe_charge_id=paid.stripe_charge_id,
        amount_cents=paid.amount_cents,
        currency=paid.currency,
        status="needs_response",
        funds_withdrawn_at=at(when),
        created_at=at(when),
    )


def win(disputed, when):
    movement(
        disputed.stripe_dispute_id,
        disputed.amount_cents,
        when,
        category="dispute_reversal",
        type="adjustment",
        currency=disputed.currency,
    )
    disputed.status, disputed.funds_reinstated_at = "won", at(when)
    disputed.save()
