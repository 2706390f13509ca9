"""A company that never sleeps: one thing after another happens, at random but the same way for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from threading import Event

from payments.stripe.sim.company import Sim
from payments.stripe.sim.schema import Obj

NAMES = ("Acorn", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper", "Larch", "Maple")
TRADES = ("Analytics", "Bakery", "Consulting", "Logistics", "Media", "Realty", "Studio", "Title")
PRICES = {"usd": (2_900, 9_900, 29_900), "eur": (2_700, 8_900), "gbp": (2_400, 7_900), "jpy": (4_500, 14_800)}


class Life:
    """Makes one business event happen at a time."""

    def __init__(self, sim: Sim, *, seed: int = 1) -> None:
        self.sim = sim
        self._random = Random(seed)  # noqa: S311 - a repeatable dice, no secret

    def happen(self) -> str:
        """Let one thing happen now; return a sentence about it."""
        with self.sim.store.lock:
            acts = (
                self._welcome,
                self._welcome,
                self._renew,
                self._renew,
                self._buy,
                self._refund,
                self._decline,
                self._dispute,
            )
            return self._random.choice(acts)()

    def run(self, every: float, stop: Event, *, told: Callable[[str], object]) -> None:
        """Let something happen every so many seconds until told to stop."""
        while not stop.wait(every):
            told(self.happen())

    def _price(self) -> Obj:
        """Pick one of the plans there are; where a currency has none, it gets its own."""
        currency = self._random.choice(list(PRICES))
        known = [
            row for row in self.sim.store.newest_first("price") if row["recurring"] and row["currency"] == currency
        ]
        return self._random.choice(known or self._plans(currency))

    def _plans(self, currency: str) -> list[Obj]:
        return [self.sim.price(amount, currency, product=f"Plan {currency.upper()}") for amount in PRICES[currency]]

    def _welcome(self) -> str:
        name = f"{self._random.choice(NAMES)} {self._random.choice(TRADES)}"
        email = f"billing@{name.lower().replace(' ', '-')}.example"
        buyer = self.sim.customer(name, email=email, card=self._random.choice(("visa", "mastercard")))
        self.sim.subscribe(buyer, self._price())
        return f"{name} subscribed"

    def _active(self) -> Obj | None:
        rows = [
            row for row in self.sim.store.newest_first("subscription") if _is_monthly(row) and row["status"] == "active"
        ]
        return self._random.choice(rows) if rows else None

    def _renew(self) -> str:
        chosen = self._active()
        if chosen is None:
            return self._welcome()
        self.sim.renew(chosen, at=self.sim.now())
        return f"{self._name(chosen)} renewed"

    def _decline(self) -> str:
        chosen = self._active()
        if chosen is None:
            return self._welcome()
        self.sim.fail_payment(chosen, at=self.sim.now(), decline="insufficient_funds")
        return f"{self._name(chosen)} could not pay"

    def _buy(self) -> str:
        currency = self._random.choice(list(PRICES))
        price = self.sim.price(self._random.choice(PRICES[currency]), currency, product="Report", interval=None)
        self.sim.checkout(price, client_reference_id=f"user-{self._random.randrange(1, 500)}")
        return "a visitor bought a report"

    def _paid(self) -> Obj | None:
        rows = self.sim.store.newest_first("charge")[:50]
        whole = [row for row in rows if row["paid"] and not row["amount_refunded"] and not row["disputed"]]
        return self._random.choice(whole) if whole else None

    def _refund(self) -> str:
        chosen = self._paid()
        if chosen is None:
            return self._welcome()
        made = self.sim.refund(
            chosen, self._random.choice((None, chosen["amount"] // 2)), reason="requested_by_customer"
        )
        return f"{self._name(chosen)} got {made['amount']} {made['currency']} (smallest unit) back"

    def _dispute(self) -> str:
        chosen = self._paid()
        if chosen is None or self._random.random() < 0.5:  # noqa: PLR2004 - a coin
            return self._welcome()
        self.sim.dispute(chosen)
        return f"{self._name(chosen)} disputed a payment"

    def _name(self, row: Obj) -> str:
        return str(self.sim.get("customer", row["customer"])["name"]) if row["customer"] else "a visitor"


def _is_monthly(subscription: Obj) -> bool:
    return bool(subscription["items"]["data"][0]["price"]["recurring"]["interval"] == "month")
