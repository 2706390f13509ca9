"""All that can happen at Stripe, chosen by name and number: what hypothesis plays with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from payments.stripe.sim import Sim
from payments.stripe.sim.api import REFUSALS
from tests.payments.stripe_story import DAY, START


class Company:
    """A fake Stripe whose clock stands still until time passes, so that much happens within one second."""

    def __init__(self, seed: str) -> None:
        self.second = START
        self.sim = Sim(seed=seed, clock=lambda: self.second)
        self.prices = [
            self.sim.price(29_00, "usd", product="Team"),
            self.sim.price(300_00, "usd", product="Team", interval="year"),
            self.sim.price(5_000, "jpy", product="Team"),
        ]
        self._buyer(0)

    def happen(self, verb: str, which: int) -> bool:
        """Let something happen to one of the objects there are; False where Stripe refuses or there is none."""
        try:
            return bool(VERBS[verb](self, which))
        except REFUSALS:
            return False

    def pick(self, kind: str, which: int, **wanted: Any) -> dict[str, Any] | None:
        rows = self.sim.store.newest_first(kind)
        fitting = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        return fitting[which % len(fitting)] if fitting else None

    def _buyer(self, which: int) -> Any:
        names = {"metadata": {"user_id": f"user-{which}"}} if which % 2 else {}
        return self.sim.customer(f"Acorn {which}", email=f"billing-{which}@acorn.example", **names)

    def _subscribe(self, which: int) -> Any:
        buyer = self.pick("customer", which)
        terms = {"decline": "card_declined"} if which % 5 == 4 else {}
        return self.sim.subscribe(buyer, self.prices[which % len(self.prices)], quantity=1 + which % 3, **terms)

    def _renew(self, which: int) -> Any:
        terms = {"decline": "insufficient_funds"} if which % 3 == 2 else {}
        return self._with("subscription", which, lambda one: self.sim.renew(one, at=self.second, **terms))

    def _pay(self, which: int) -> Any:
        terms = {"decline": "expired_card"} if which % 4 == 3 else {}
        return self._with("invoice", which, lambda one: self.sim.pay(one, **terms), status="open")

    def _change_quantity(self, which: int) -> Any:
        price = self.prices[which % 2]
        wanted = lambda one: self.sim.change_plan(one, price, quantity=1 + which % 4)  # noqa: E731 - a verb of one line
        return self._with("subscription", which, wanted, currency="usd")

    def _change_of_mind(self, which: int) -> Any:
        """Cancel at the end of the period and take it back within the same second, or leave it at that."""
        return self._with("subscription", which, lambda one: self._toggle(one, times=1 + which % 3), status="active")

    def _toggle(self, one: Any, *, times: int) -> Any:
        for _ in range(times):
            one = self.sim.change_subscription(one, cancel_at_period_end=not one["cancel_at_period_end"])
        return one

    def _fall_due_and_recover(self, which: int) -> Any:
        """Past due and active again within one second: the two versions differ in nothing else."""
        return self._with("subscription", which, self._decline_and_pay, status="active")

    def _decline_and_pay(self, one: Any) -> Any:
        owed = self.sim.renew(one, at=self.second, decline="card_declined")
        return self.sim.pay(owed)

    def _cancel(self, which: int) -> Any:
        return self._with("subscription", which, self.sim.cancel, status="active")

    def _rename(self, which: int) -> Any:
        return self._with("customer", which, lambda one: self.sim.change_customer(one, name=f"Birch {which}"))

    def _charge(self, which: int) -> Any:
        terms: Any = [{}, {"settled": False}, {"decline": "incorrect_cvc"}][which % 3]
        return self.sim.charge(self.pick("customer", which), 1_000 + which, ("usd", "jpy")[which % 2], **terms)

    def _settle(self, which: int) -> Any:
        return self._with("charge", which, self.sim.settle, paid=True, balance_transaction=None)

    def _refund(self, which: int) -> Any:
        return self._with("charge", which, lambda one: self.sim.refund(one, 100 + which), paid=True)

    def _fail_refund(self, which: int) -> Any:
        return self._with("refund", which, self.sim.fail_refund, status="succeeded")

    def _dispute(self, which: int) -> Any:
        return self._with("charge", which, self.sim.dispute, paid=True, disputed=False)

    def _close_dispute(self, which: int) -> Any:
        closed = lambda one: self.sim.close_dispute(one, won=bool(which % 2))  # noqa: E731 - a verb of one line
        return self._with("dispute", which, closed, status="needs_response")

    def _bill(self, which: int) -> Any:
        return self._with("customer", which, lambda one: self.sim.invoice(one, [("Service", 2_000 + which)]))

    def _void(self, which: int) -> Any:
        return self._with("invoice", which, self.sim.void, status="open")

    def _give_up(self, which: int) -> Any:
        return self._with("invoice", which, self.sim.mark_uncollectible, status="open")

    def _credit(self, which: int) -> Any:
        status = ("open", "paid")[which % 2]
        return self._with("invoice", which, lambda one: self.sim.credit_note(one, 50 + which), status=status)

    def _void_credit(self, which: int) -> Any:
        return self._with("credit_note", which, self.sim.void_credit_note, status="issued")

    def _checkout(self, which: int) -> Any:
        price = self.sim.price(19_00, "eur", product="Report", interval=None)
        return self.sim.checkout(price, client_reference_id=f"user-{which}")

    def _payout(self, which: int) -> Any:
        self.second += 3 * DAY + which
        return self.sim.payout()

    def _with(self, kind: str, which: int, act: Callable[[Any], Any], **wanted: Any) -> Any:
        chosen = self.pick(kind, which, **wanted)
        return chosen and act(chosen)


SALES: Final[dict[str, Callable[[Company, int], Any]]] = {
    "a customer comes": Company._buyer,
    "a customer changes name": Company._rename,
    "a subscription begins": Company._subscribe,
    "a visitor buys": Company._checkout,
}
SUBSCRIPTIONS: Final[dict[str, Callable[[Company, int], Any]]] = {
    "a subscription renews": Company._renew,
    "a subscription changes": Company._change_quantity,
    "a customer changes their mind": Company._change_of_mind,
    "a subscription falls due and recovers": Company._fall_due_and_recover,
    "a subscription ends": Company._cancel,
}
DOCUMENTS: Final[dict[str, Callable[[Company, int], Any]]] = {
    "an invoice is sent": Company._bill,
    "an invoice is paid": Company._pay,
    "an invoice is void": Company._void,
    "an invoice is given up": Company._give_up,
    "an invoice is credited": Company._credit,
    "a credit note is void": Company._void_credit,
}
MONEY: Final[dict[str, Callable[[Company, int], Any]]] = {
    "a card is charged": Company._charge,
    "a charge settles": Company._settle,
    "a charge is refunded": Company._refund,
    "a refund fails": Company._fail_refund,
    "a charge is disputed": Company._dispute,
    "a dispute is closed": Company._close_dispute,
    "a payout leaves": Company._payout,
}
VERBS: Final = SALES | SUBSCRIPTIONS | DOCUMENTS | MONEY
