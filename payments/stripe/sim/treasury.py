"""Stripe's own ledger: balance transactions with their fees, and payouts to the bank."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from payments.stripe.sim.amounts import CardFees, FeePolicy, Settlement, json_number
from payments.stripe.sim.catalogue import Catalogue
from payments.stripe.sim.ledger import At
from payments.stripe.sim.schema import Obj

DAY = 86_400
SETTLING_DAYS = 2
BANK_ACCOUNT = "ba_1SimSimSimSimSim"

CATEGORIES = {"stripe_fee": "fee", "payout": "payout", "charge": "charge", "refund": "refund"}
"""Reporting categories that follow from the type; an adjustment names its own."""


class Treasury(Catalogue):
    """Where money moves: every movement is a balance transaction, until a payout takes them to the bank."""

    def __init__(
        self,
        *,
        fee_policy: FeePolicy = CardFees(),  # noqa: B008 - frozen
        settles: Mapping[str, Settlement] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.fee_policy = fee_policy
        self.settles = dict(settles or {})
        self.paid_out: dict[str, str] = {}

    def settlement(self, currency: str, rate: Decimal | None = None) -> Settlement:
        """Return where a currency settles, at another rate of exchange when one is given."""
        usual = self.settles.get(currency, Settlement(currency))
        return usual if rate is None else Settlement(usual.currency, rate)

    def _book(
        self,
        type_: str,
        source: Obj,
        *,
        at: int,
        sign: int = 1,
        fee: int | None = 0,
        rate: Decimal | None = None,
        category: str | None = None,
        amount: int | None = None,
    ) -> Obj:
        """Write the balance transaction of a source object: its amount settled, less the fee (None: by the policy)."""
        settlement = self.settlement(source["currency"], rate)
        settled = settlement.settled(source["amount"] if amount is None else amount, source["currency"])
        fee = self.fee_policy(settled, settlement.currency) if fee is None else fee
        return self._make(
            "balance_transaction",
            amount=sign * settled,
            currency=settlement.currency,
            exchange_rate=json_number(settlement.rate),
            fee=fee,
            fee_details=[_stripe_fee(fee, settlement.currency)] if fee else [],
            net=sign * settled - fee,
            type=type_,
            reporting_category=category or CATEGORIES[type_],
            source=source["id"],
            description=source.get("description"),
            created=at,
            available_on=at + SETTLING_DAYS * DAY,
            status="pending",
        )

    def account_fee(self, amount: int, currency: str = "usd", *, description: str = "Billing", at: At = None) -> Obj:
        """Let Stripe charge the account for a service; no event tells of it. Return the balance transaction."""
        at = self.now(at)
        return self._make(
            "balance_transaction",
            amount=-amount,
            currency=currency,
            net=-amount,
            type="stripe_fee",
            reporting_category="fee",
            description=description,
            created=at,
            available_on=at,
            status="available",
        )

    def balance(self) -> Obj:
        """Return what the account holds: available, and still settling."""
        now = self.now()
        rows = [row for row in self.store.newest_first("balance_transaction") if row["id"] not in self.paid_out]
        due = [row for row in rows if row["available_on"] <= now]
        later = [row for row in rows if row["available_on"] > now]
        return self._draft("balance", available=_per_currency(due), pending=_per_currency(later))

    def payout(self, *, at: At = None, currency: str | None = None) -> list[Obj]:
        """Send what is available to the bank: one payout per currency with a positive balance, the source last."""
        at = self.now(at)
        waiting = self._available(at)
        currencies = sorted({row["currency"] for row in waiting if currency in (None, row["currency"])})
        heaps = [[row for row in waiting if row["currency"] == code] for code in currencies]
        return [self._pay_out(heap, at) for heap in heaps if sum(row["net"] for row in heap) > 0]

    def _available(self, at: int) -> list[Obj]:
        rows = self.store.newest_first("balance_transaction")
        return [row for row in rows if row["available_on"] <= at and row["id"] not in self.paid_out]

    def _pay_out(self, rows: list[Obj], at: int) -> Obj:
        made = self._make(
            "payout",
            amount=sum(row["net"] for row in rows),
            currency=rows[0]["currency"],
            arrival_date=at + DAY,
            automatic=True,
            created=at,
            description="STRIPE PAYOUT",
            destination=BANK_ACCOUNT,
            metadata={},
            method="standard",
            reconciliation_status="in_progress",
            source_type="card",
            status="in_transit",
        )
        movement = self._book_payout(made, at)
        for row in [*rows, movement]:
            self.paid_out[row["id"]] = made["id"]
            self._change("balance_transaction", row, status="available")
        made, _ = self._change("payout", made, balance_transaction=movement["id"])
        self._tell("payout.created", made, at)
        self._change_and_tell("payout.paid", "payout", made, at, status="paid")
        return self._change_and_tell(
            "payout.reconciliation_completed", "payout", made, at, reconciliation_status="completed"
        )

    def _book_payout(self, payout: Obj, at: int) -> Obj:
        """A payout leaves in the currency it is held in: no exchange, no fee."""
        return self._make(
            "balance_transaction",
            amount=-payout["amount"],
            net=-payout["amount"],
            currency=payout["currency"],
            type="payout",
            reporting_category="payout",
            source=payout["id"],
            description=payout["description"],
            created=at,
            available_on=at,
            status="available",
        )


def _stripe_fee(fee: int, currency: str) -> Obj:
    return {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }


def _per_currency(rows: list[Obj]) -> list[Obj]:
    codes = sorted({row["currency"] for row in rows})
    return [{"amount": sum(r["net"] for r in rows if r["currency"] == code), "currency": code} for code in codes]
