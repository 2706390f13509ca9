"""Owns the projection of customers and finished checkouts."""

from __future__ import annotations

from payments.stripe.facts import CheckoutFacts, CustomerFacts
from payments.stripe.projections.seen import Seen, address_of
from payments.stripe.shapes import Shape


def customer(shape: Shape, seen: Seen) -> tuple[CustomerFacts, ...]:
    """Return the customer; deleted ones say so by their event or by the stub that is left of them."""
    is_deleted = seen.event_type == "customer.deleted" or shape.flag("deleted")
    currency = shape.currency(default="")
    balance_key = "balance" if shape.says("balance") else "account_balance"
    return (
        CustomerFacts(
            **seen.shared(shape, kind="customer", state="deleted" if is_deleted else "present"),
            name=shape.text("name", ""),
            email=shape.text("email", ""),
            phone=shape.text("phone", ""),
            address=address_of(shape.child("address")),
            currency=currency,
            balance_cents=shape.cents(balance_key, currency, default=0),
            is_delinquent=shape.flag("delinquent"),
            tax_exempt=shape.text("tax_exempt", ""),
            locales=shape.bare_ids("preferred_locales"),
            is_deleted=is_deleted,
        ),
    )


def checkout(shape: Shape, seen: Seen) -> tuple[CheckoutFacts, ...]:
    """Return the checkout session; one in setup mode has no currency and no amounts."""
    status, currency = shape.text("status", "complete"), shape.currency(default="")
    payment_status = shape.text("payment_status", "")
    who = shape.child("customer_details")
    return (
        CheckoutFacts(
            **seen.shared(shape, kind="checkout", state=status, amounts=(int(payment_status == "paid"),)),
            mode=shape.text("mode", ""),
            status=status,
            payment_status=payment_status,
            client_reference_id=shape.text("client_reference_id", ""),
            customer_id=shape.ref("customer"),
            customer_name=who.text("name", "") if who else "",
            customer_email=(who.text("email", "") if who else "") or shape.text("customer_email", ""),
            payment_intent_id=shape.ref("payment_intent"),
            subscription_id=shape.ref("subscription"),
            invoice_id=shape.ref("invoice"),
            currency=currency,
            subtotal_cents=shape.cents_if_said("amount_subtotal", currency),
            total_cents=shape.cents_if_said("amount_total", currency),
        ),
    )
