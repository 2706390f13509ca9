"""Taking money: payment intents and their charges, accepted or declined, settled at once or later."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypedDict, Unpack

from payments.stripe.sim.catalogue import ADDRESS, card_details
from payments.stripe.sim.ledger import At, Ref, id_of
from payments.stripe.sim.schema import Obj
from payments.stripe.sim.treasury import Treasury

DECLINES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
DECLINED_AS = {"insufficient_funds": "card_declined"}
"""Decline codes that Stripe reports under a wider `code`."""


class Terms(TypedDict, total=False):
    """How an attempt to pay ends; without any, it succeeds and settles at once at the usual fee."""

    decline: str | None
    fee: int | None
    exchange_rate: Decimal | None
    settled: bool


class NotPayable(ValueError):
    """The payment intent is paid or given up."""


class Charging(Treasury):
    """Taking money from cards."""

    def charge(
        self,
        customer: Ref | None,
        amount: int,
        currency: str = "usd",
        *,
        at: At = None,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        **terms: Unpack[Terms],
    ) -> Obj:
        """Take a single payment; return its charge, which `decline=` makes a failed one."""
        at = self.now(at)
        intent = self._intent(amount, currency, customer, at, description=description, metadata=metadata or {})
        return self._attempt(intent, at, **terms)

    def begin_payment(
        self, amount: int, currency: str = "usd", *, customer: Ref | None = None, at: At = None, **fields: Any
    ) -> Obj:
        """Return a payment intent nobody has confirmed yet."""
        return self._intent(amount, currency, customer, self.now(at), **fields)

    def confirm_payment(
        self, intent: Ref, *, payment_method: Ref | None = None, at: At = None, **terms: Unpack[Terms]
    ) -> Obj:
        """Try to pay an intent, with another card when one is given; return the charge."""
        waiting = self.get("payment_intent", intent)
        if waiting["status"] != "requires_payment_method":
            raise NotPayable(f"This PaymentIntent is {waiting['status']} and cannot be confirmed.")
        if payment_method:
            waiting, _ = self._change("payment_intent", waiting, payment_method=id_of(payment_method))
        return self._attempt(waiting, self.now(at), **terms)

    def _intent(self, amount: int, currency: str, customer: Ref | None, at: int, **fields: Any) -> Obj:
        intent_id = self.store.new_id("pi")
        made = self._make(
            "payment_intent",
            id=intent_id,
            amount=amount,
            amount_capturable=0,
            amount_details={"tip": {}},
            amount_received=0,
            capture_method="automatic",
            client_secret=f"{intent_id}_secret_{intent_id[-12:]}",
            confirmation_method="automatic",
            created=at,
            currency=currency,
            customer=customer and id_of(customer),
            payment_method_types=["card"],
            **fields,
        )
        self._tell("payment_intent.created", made, at)
        return made

    def _attempt(self, intent: Obj, at: int, **terms: Unpack[Terms]) -> Obj:
        """Try to pay an intent; return the charge."""
        if decline := terms.get("decline"):
            return self._declined(intent, at, decline)
        made = self._succeeded(intent, at, terms)
        self._tell("charge.succeeded", made, at)
        self._change_and_tell(
            "payment_intent.succeeded",
            "payment_intent",
            intent,
            at,
            status="succeeded",
            amount_received=intent["amount"],
            latest_charge=made["id"],
            payment_method=made["payment_method"],
            last_payment_error=None,
        )
        return made

    def _succeeded(self, intent: Obj, at: int, terms: Terms) -> Obj:
        amount = intent["amount"]
        outcome = _outcome("approved_by_network", "authorized", "Payment complete.")
        made = self._charge(
            intent, at, status="succeeded", paid=True, captured=True, outcome=outcome, amount_captured=amount
        )
        if not terms.get("settled", True):
            return made
        movement = self._book("charge", made, at=at, fee=terms.get("fee"), rate=terms.get("exchange_rate"))
        return self._change("charge", made, balance_transaction=movement["id"])[0]

    def _declined(self, intent: Obj, at: int, decline: str) -> Obj:
        code, message = DECLINED_AS.get(decline, decline), DECLINES.get(decline, "Your card was declined.")
        outcome = _outcome("declined_by_network", "issuer_declined", message, reason=decline)
        made = self._charge(
            intent, at, status="failed", outcome=outcome, failure_code=code, failure_message=message, captured=False
        )
        self._tell("charge.failed", made, at)
        error = {"type": "card_error", "code": code, "decline_code": decline, "message": message, "charge": made["id"]}
        self._change_and_tell(
            "payment_intent.payment_failed",
            "payment_intent",
            intent,
            at,
            status="requires_payment_method",
            latest_charge=made["id"],
            last_payment_error=error,
        )
        return made

    def _charge(self, intent: Obj, at: int, **fields: Any) -> Obj:
        charge_id = self.store.new_id("ch")
        method = self._method_of(intent, at)
        return self._make(
            "charge",
            id=charge_id,
            amount=intent["amount"],
            billing_details=self._billing_details(intent["customer"]),
            calculated_statement_descriptor="SIM",
            created=at,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            fraud_details={},
            metadata=intent.get("metadata") or {},
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details={"card": card_details(method["card"]), "type": "card"},
            receipt_url=f"https://pay.stripe.example/receipts/{charge_id}",
            **fields,
        )

    def _method_of(self, intent: Obj, at: int) -> Obj:
        """Return the card that pays: the intent's, the customer's default, or one used only here."""
        customer = self.get("customer", intent["customer"]) if intent["customer"] else None
        default = customer and customer["invoice_settings"]["default_payment_method"]
        known = intent["payment_method"] or default
        return self.get("payment_method", known) if known else self.payment_method(at=at)

    def _billing_details(self, customer_id: str | None) -> Obj:
        payer: Obj = self.get("customer", customer_id) if customer_id else {}
        shown = {key: payer.get(key) for key in ("email", "name", "phone")}
        return {"address": payer.get("address") or dict(ADDRESS), "tax_id": None, **shown}

    def settle(
        self, charge: Ref, *, at: At = None, fee: int | None = None, exchange_rate: Decimal | None = None
    ) -> Obj:
        """Give a charge the balance transaction it was still missing; return the charge."""
        at, paid = self.now(at), self.get("charge", charge)
        movement = self._book("charge", paid, at=at, fee=fee, rate=exchange_rate)
        return self._change_and_tell("charge.updated", "charge", paid, at, balance_transaction=movement["id"])

    def cancel_intent(self, intent: Ref, *, at: At = None) -> Obj:
        """Give up on a payment that never happened."""
        at = self.now(at)
        return self._change_and_tell(
            "payment_intent.canceled", "payment_intent", intent, at, status="canceled", canceled_at=at
        )


def _outcome(network_status: str, type_: str, message: str, *, reason: str | None = None) -> Obj:
    empty = dict.fromkeys(("advice_code", "network_advice_code", "network_decline_code"))
    risk = {"risk_level": "normal", "risk_score": 17}
    return {
        **empty,
        **risk,
        "network_status": network_status,
        "reason": reason,
        "seller_message": message,
        "type": type_,
    }
