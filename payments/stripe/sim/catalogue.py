"""Who buys and what is sold: the account, products, prices, coupons, tax rates, customers and their cards."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from payments.stripe.sim.amounts import json_number
from payments.stripe.sim.ledger import At, Ledger, Ref, id_of
from payments.stripe.sim.schema import Obj

ACCOUNT_ID = "acct_1SimSimSimSimSim"
ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
CARD_NUMBERS = {"visa": "4242", "mastercard": "4444", "amex": "8431", "jcb": "0505"}


class Catalogue(Ledger):
    """The account, what it sells, and to whom."""

    def __init__(self, *, country: str = "US", default_currency: str = "usd", name: str = "Sim", **rest: Any) -> None:
        super().__init__(**rest)
        self.tiers: dict[str, list[Obj]] = {}
        self._make(
            "account",
            id=ACCOUNT_ID,
            type="standard",
            country=country,
            default_currency=default_currency,
            created=self.now(),
            charges_enabled=True,
            payouts_enabled=True,
            details_submitted=True,
            email="billing@example.com",
            metadata={},
            business_profile=None,
            settings=_settings(name),
        )

    @property
    def account(self) -> Obj:
        """The account whose key is used."""
        return self.get("account", ACCOUNT_ID)

    def product(self, name: str, *, at: At = None, **fields: Any) -> Obj:
        """Start selling something."""
        at = self.now(at)
        made = self._make("product", name=name, active=True, created=at, updated=at, **fields)
        self._tell("product.created", made, at)
        return made

    def price(
        self,
        unit_amount: int | None,
        currency: str = "usd",
        *,
        product: Ref = "Subscription",
        interval: str | None = "month",
        interval_count: int = 1,
        usage_type: str = "licensed",
        tiers: Sequence[Obj] = (),
        at: At = None,
        **fields: Any,
    ) -> Obj:
        """Put a price on a product, given as one, by its id, or by a name; `interval=None` is a price paid once."""
        at = self.now(at)
        recurring = interval and {
            "interval": interval,
            "interval_count": interval_count,
            "meter": None,
            "usage_type": usage_type,
        }
        fields = {"unit_amount_decimal": None if unit_amount is None else str(unit_amount), **fields}
        made = self._make(
            "price",
            active=True,
            created=at,
            currency=currency,
            product=self._product_id(product, at),
            recurring=recurring,
            tax_behavior="unspecified",
            type="recurring" if recurring else "one_time",
            unit_amount=unit_amount,
            billing_scheme="tiered" if tiers else "per_unit",
            **fields,
        )
        self.tiers[made["id"]] = list(tiers)
        self._tell("price.created", made, at)
        return made

    def _product_id(self, product: Ref, at: int) -> str:
        named = id_of(product)
        return named if self.store.find(named) else str(self.product(named, at=at)["id"])

    def coupon(
        self,
        *,
        percent_off: Decimal | None = None,
        amount_off: int | None = None,
        currency: str | None = None,
        duration: str = "forever",
        at: At = None,
        **fields: Any,
    ) -> Obj:
        """Offer a discount, in percent or as an amount; duration is forever, once or repeating."""
        at = self.now(at)
        fields = {"id": self.store.new_id("")[1:9].upper(), **fields}
        made = self._make(
            "coupon",
            created=at,
            percent_off=json_number(percent_off),
            amount_off=amount_off,
            currency=currency if amount_off else None,
            duration=duration,
            metadata={},
            valid=True,
            **fields,
        )
        self._tell("coupon.created", made, at)
        return made

    def tax_rate(self, percentage: Decimal, name: str = "VAT", *, at: At = None, **fields: Any) -> Obj:
        """Define a tax; `inclusive=True` when prices contain it."""
        at = self.now(at)
        rate = json_number(percentage)
        fields = {"metadata": {}, "rate_type": "percentage", **fields}
        made = self._make(
            "tax_rate", active=True, created=at, display_name=name, percentage=rate, effective_percentage=rate, **fields
        )
        self._tell("tax_rate.created", made, at)
        return made

    def customer(
        self,
        name: str | None = None,
        *,
        email: str | None = None,
        country: str | None = "US",
        card: str | None = "visa",
        at: At = None,
        **fields: Any,
    ) -> Obj:
        """Welcome a customer, with a card of a brand unless `card=None`."""
        at = self.now(at)
        fields = {"metadata": {}, "balance": 0, "address": {**ADDRESS, "country": country}, **fields}
        made = self._make(
            "customer",
            name=name,
            email=email,
            created=at,
            invoice_prefix=self.store.new_id("")[1:9].upper(),
            next_invoice_sequence=1,
            invoice_settings=_invoice_settings(None),
            delinquent=False,
            preferred_locales=[],
            tax_exempt="none",
            **fields,
        )
        self._tell("customer.created", made, at)
        return self.add_card(made, brand=card, at=at) if card else made

    def add_card(self, customer: Ref, *, brand: str = "visa", last4: str | None = None, at: At = None) -> Obj:
        """Give a customer a card to be charged from now on; return the customer."""
        at = self.now(at)
        method = self.payment_method(brand=brand, last4=last4, at=at)
        return self.attach(method, customer, at=at)

    def payment_method(self, *, brand: str = "visa", last4: str | None = None, at: At = None) -> Obj:
        """Return a new card that belongs to nobody yet."""
        card = {
            **_card(brand, last4),
            "checks": None,
            "display_brand": brand,
            "generated_from": None,
            "networks": {"available": [brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
        }
        return self._make("payment_method", created=self.now(at), type="card", card=card, metadata={})

    def attach(self, method: Ref, customer: Ref, *, at: At = None) -> Obj:
        """Attach a card to a customer as the default; return the customer."""
        at = self.now(at)
        customer_id = self.get("customer", customer)["id"]
        self._change_and_tell("payment_method.attached", "payment_method", method, at, customer=customer_id)
        settings = _invoice_settings(id_of(method))
        return self._change_and_tell("customer.updated", "customer", customer_id, at, invoice_settings=settings)

    def change_customer(self, customer: Ref, *, at: At = None, **fields: Any) -> Obj:
        """Change a customer's name, address, metadata and the like."""
        return self._change_and_tell("customer.updated", "customer", customer, self.now(at), **fields)

    def delete_customer(self, customer: Ref, *, at: At = None) -> Obj:
        """Forget a customer; the event still shows who it was."""
        before = self.get("customer", customer)
        gone = self.store.delete("customer", before["id"])
        self._tell("customer.deleted", before, self.now(at))
        return gone

    def webhook_endpoint(
        self,
        url: str,
        secret: str | None = None,
        *,
        enabled_events: Sequence[str] = ("*",),
        at: At = None,
        **fields: Any,
    ) -> Obj:
        """Register where events are posted to; only this answer shows the secret that signs them."""
        at, events = self.now(at), list(enabled_events)
        made = self._make("webhook_endpoint", url=url, enabled_events=events, created=at, status="enabled", **fields)
        self.secrets[made["id"]] = secret or self.store.new_id("whsec")
        return {**made, "secret": self.secrets[made["id"]]}


def card_details(card: Obj) -> Obj:
    """Return a card as a charge describes it."""
    kept = {key: card[key] for key in ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")}
    empty = ("amount_authorized", "authorization_code", "checks", "installments", "mandate", "network_token", "wallet")
    return {**dict.fromkeys((*empty, "network_transaction_id", "three_d_secure")), **kept, "network": card["brand"]}


def _card(brand: str, last4: str | None) -> Obj:
    last4 = last4 or CARD_NUMBERS.get(brand, "4242")
    dates = {"exp_month": 8, "exp_year": 2031}
    return {
        "brand": brand,
        "country": "US",
        "fingerprint": f"sim{brand}{last4}",
        "funding": "credit",
        "last4": last4,
        "wallet": None,
        **dates,
    }


def _invoice_settings(method_id: str | None) -> Obj:
    return {"custom_fields": None, "default_payment_method": method_id, "footer": None, "rendering_options": None}


def _settings(name: str) -> Obj:
    statement = dict.fromkeys(f"statement_descriptor{end}" for end in ("", "_kana", "_kanji"))
    prefix = dict.fromkeys(f"statement_descriptor_prefix{end}" for end in ("", "_kana", "_kanji"))
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": prefix,
        "dashboard": {"display_name": name, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": None},
        "payments": statement,
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }
