"""Fourteen months of subscriptions, told to the fake Stripe: who joined, paid, did not pay, left."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

from billing_site.demo.cast import Role
from billing_site.demo.dates import MONTHS_OF_HISTORY, Dates
from payments.stripe.handled import handles
from payments.stripe.sim import Settlement, Sim

Obj = dict[str, Any]

NOT_ASKED_FOR = frozenset(
    {"invoice.created", "invoice.updated", "invoice.payment_succeeded", "payment_intent.succeeded"}
)
"""What the webhook endpoint of the story leaves out because other events say the same; that halves the wait."""
EVERYTHING_FOR = dt.timedelta(days=2)
"""So long before the end it was told to leave out nothing, not even what the books do not act on."""

_ACCOUNT_FEES_CENTS = 4_200
_PAYOUT_DAY = 6


@dataclass
class StripeStory:
    """What Stripe knows, and how we hear of it, by event id.

    `unheard` events reach us in no way, `only_listed` ones no webhook brings, `late` ones come so many seconds later.
    `recharged` are fees by charge id that Stripe thought again about.
    """

    sim: Sim
    everything_from: dt.datetime
    unheard: set[str] = field(default_factory=set)
    only_listed: set[str] = field(default_factory=set)
    late: dict[str, int] = field(default_factory=dict)
    recharged: dict[str, int] = field(default_factory=dict)

    def heard(self) -> list[tuple[dt.datetime, Obj]]:
        """Return the events that webhooks brought, each with when it came, in that order."""
        told = [event for event in self.sim.events() if self._is_brought(event)]
        return sorted(((self._comes_at(event), event) for event in told), key=lambda one: one[0])

    def _comes_at(self, event: Obj) -> dt.datetime:
        return dt.datetime.fromtimestamp(event["created"] + 2 + self.late.get(event["id"], 0), dt.UTC)

    def _is_brought(self, event: Obj) -> bool:
        if event["id"] in self.unheard | self.only_listed:
            return False
        is_asked_for = handles(event["type"]) and event["type"] not in NOT_ASKED_FOR
        return is_asked_for or event["created"] >= self.everything_from.timestamp()


def tell(dates: Dates, subscriptions: Role, *, customers: int | None = None) -> StripeStory:
    """Let everything happen up to the day of `dates`, to the first `customers` subscribers (all of them without it)."""
    stage = _Stage(dates, subscriptions)
    for row in subscriptions["subscribers"][:customers]:
        _Life(stage, row).run()
    for order in subscriptions["orders"]:
        stage.order(order)
    for visitor in subscriptions["visitors"]:
        stage.sell(visitor)
    stage.settle_accounts()
    stage.sim.clock = lambda: int(dates.ends_at.timestamp()) - 1  # whoever asks, asks at the end of the story
    return stage.story


class _Stage:
    """What all subscribers share: the account, its prices, its rates of exchange."""

    def __init__(self, dates: Dates, subscriptions: Role) -> None:
        self.dates, self.opened_at = dates, dates.at(dates.month(MONTHS_OF_HISTORY).start, 0)
        settles = {code: Settlement("usd", Decimal(rate)) for code, rate in subscriptions["settled_in_usd"].items()}
        self.sim = Sim(seed=f"parcelbase-{dates.as_of}", clock=self._opening, name="Parcelbase", settles=settles)
        self.story = StripeStory(self.sim, everything_from=dates.ends_at - EVERYTHING_FOR)
        self.customers: dict[str, Obj] = {}
        self.taxes = {code: self._tax(percent) for code, percent in subscriptions["tax_percent"].items()}
        self.coupons = {code: self._coupon(code, terms) for code, terms in subscriptions["coupons"].items()}
        self._plans: Mapping[str, Mapping[str, Mapping[str, int]]] = subscriptions["plans"]
        self._products = {plan: self.sim.product(f"Parcelbase {plan}", at=self.opened_at) for plan in self._plans}
        self._prices: dict[tuple[str, str, str], Obj] = {}

    def _opening(self) -> int:
        return int(self.opened_at.timestamp())

    def _tax(self, percent: str) -> Obj:
        return self.sim.tax_rate(Decimal(percent), at=self.opened_at)

    def _coupon(self, code: str, terms: Mapping[str, str]) -> Obj:
        off, duration = Decimal(terms["percent_off"]), terms["duration"]
        return self.sim.coupon(percent_off=off, duration=duration, at=self.opened_at, id=code, name=code)

    def price(self, plan: str, every: str, currency: str) -> Obj:
        key = (plan, every, currency)
        if key not in self._prices:
            amount, nickname = self._plans[plan][every][currency], f"{plan}, {every}ly"
            self._prices[key] = self.sim.price(
                amount, currency, product=self._products[plan], interval=every, at=self.opened_at, nickname=nickname
            )
        return self._prices[key]

    def exchange(self, currency: str, at: dt.datetime) -> Obj:
        """Return the rate of a month, for currencies that are not settled in themselves."""
        usual = self.sim.settlement(currency).rate
        return {} if usual is None else {"exchange_rate": usual + Decimal(at.month % 5 - 2) / 10_000}

    def order(self, order: Role) -> None:
        """Let a customer buy something once; what we never hear of is remembered as such."""
        buyer = self.customers.get(order["by"])
        if buyer is None:
            return
        known, at = self.sim.events()[-1], self.dates.days_ago(order["days_ago"], 10, len(order["what"]))
        terms = {"decline": order["decline"]} if "decline" in order else self.exchange(buyer["currency"], at)
        charge = self.sim.charge(
            buyer["id"], order["amount"], buyer["currency"], at=at, description=order["what"], **terms
        )
        told = {event["id"] for event in self.sim.events(since=known)}
        if order.get("never_heard"):
            self.story.unheard |= told
        if order.get("only_listed"):
            self.story.only_listed |= told
        if "fee_changed_by" in order:
            self.story.recharged[charge["id"]] = order["fee_changed_by"]

    def sell(self, visitor: Role) -> None:
        """Let a stranger buy something once; the checkout may be heard of long before its payment."""
        at, known = self.dates.days_ago(visitor["days_ago"], 10), self.sim.events()[-1]
        price = self.sim.price(
            visitor["amount"], visitor["currency"], product=visitor["buys"], interval=None, at=self.opened_at
        )
        self.sim.checkout(price, email=visitor["email"], client_reference_id=visitor["user_id"], at=at)
        delay = visitor.get("payment_hours_late", 0) * 3600
        of_payment = (
            event for event in self.sim.events(since=known) if event["type"].startswith(("charge", "payment"))
        )
        self.story.late |= {event["id"]: delay for event in of_payment if delay}

    def settle_accounts(self) -> None:
        """Month by month: what Stripe takes for its own services, and what it sends to the bank."""
        for ago in range(MONTHS_OF_HISTORY - 1, -1, -1):
            day = self.dates.day(ago, _PAYOUT_DAY)
            if self.dates.is_past(day):
                self.sim.account_fee(_ACCOUNT_FEES_CENTS, description="Stripe Billing", at=self.dates.at(day, 2))
                self.sim.payout(at=self.dates.at(day, 4))


class _Life:
    """One subscriber: an agenda of what will happen, renewals in between."""

    def __init__(self, stage: _Stage, row: Role) -> None:
        self.stage, self.sim, self.dates, self.row = stage, stage.sim, stage.dates, row
        self._agenda: list[tuple[dt.datetime, int, Role]] = []
        self._declined_months = {
            self.dates.month(act["ago"]).label(): act for act in self._acts() if act["does"] == "decline"
        }

    def run(self) -> None:
        joins_at = self._at(self.dates.named(self.row["joined"]))
        if joins_at >= self.dates.ends_at:
            return
        self._join(joins_at)
        for act in self._acts():
            if act["does"] != "decline":
                self._note(self._at(self.dates.named(act)), act)
        while (upcoming := self._next()) is not None:
            self._play(*upcoming)

    def _acts(self) -> list[Role]:
        return list(self.row.get("then", ()))

    def _note(self, at: dt.datetime, act: Role) -> None:
        heappush(self._agenda, (at, len(self._agenda), act))

    def _at(self, day: dt.date) -> dt.datetime:
        """Spread people over the day, everyone at their own minute."""
        minutes = sum(self.row["name"].encode()) % 600
        return self.dates.at(day, 8 + minutes // 60, minutes % 60)

    def _next(self) -> tuple[dt.datetime, Role] | None:
        """Take what comes first, an entry of the agenda or the renewal; None when it lies beyond the story."""
        renews_at = self._renews_at()
        if self._agenda and (renews_at is None or self._agenda[0][0] <= renews_at):
            at, _, act = heappop(self._agenda)
        elif renews_at is not None:
            at, act = renews_at, {"does": "renew"}
        else:
            return None
        return (at, act) if at < self.dates.ends_at else None

    def _renews_at(self) -> dt.datetime | None:
        subscription = self.sim.get("subscription", self.subscription)
        if subscription["status"] == "canceled":
            return None
        return dt.datetime.fromtimestamp(subscription["items"]["data"][0]["current_period_end"], dt.UTC)

    def _play(self, at: dt.datetime, act: Role) -> None:
        match act["does"]:
            case "renew":
                self._renew(at)
            case "pay":
                self.sim.pay(act["invoice"], at=at, **self._exchange(at))
            case "change_plan":
                self.sim.change_plan(self.subscription, self._price(act["to"]), at=at)
            case "waver":
                self._waver(at, act)
            case "cancel":
                self.sim.cancel(self.subscription, at=at)
            case "leave":
                self.sim.cancel(self.subscription, at=at, at_period_end=True)
            case "refund":
                self._refund(at, act)
            case "dispute":
                self._dispute(at, act)
            case "lose":
                self.sim.close_dispute(act["dispute"], won=False, at=at)

    # --- Acts ----------------------------------------------------------------------------------------------------

    def _join(self, at: dt.datetime) -> None:
        row, slug = self.row, self.row["name"].split()[0].lower()
        self.currency, self.every = row["currency"], row.get("every", "month")
        self.customer = self.sim.customer(
            row["name"],
            email=f"billing@{slug.encode('ascii', 'ignore').decode()}.example",
            country=row["country"],
            card=row["card"],
            at=at,
            metadata={"user_id": f"usr_{1000 + sum(row['name'].encode()) % 9000}"},
        )
        self.stage.customers[row["name"]] = {**self.customer, "currency": self.currency}
        self.subscription = self._checkout(at) if row.get("through") == "checkout" else self._subscribe(at)

    def _subscribe(self, at: dt.datetime) -> str:
        coupon, tax = self.row.get("coupon"), self.stage.taxes.get(self.currency)
        made = self.sim.subscribe(
            self.customer["id"],
            self._price(self.row["plan"]),
            at=at,
            coupon=self.stage.coupons[coupon] if coupon else None,
            tax_rates=[tax] if tax else (),
            trial_days=self.row.get("trial_days", 0),
            metadata=dict(self.customer["metadata"]),
            **self._exchange(at),
        )
        return str(made["id"])

    def _checkout(self, at: dt.datetime) -> str:
        user, price = self.customer["metadata"]["user_id"], self._price(self.row["plan"])
        session = self.sim.checkout(
            price, customer=self.customer["id"], email=self.customer["email"], client_reference_id=user, at=at,
            **self._exchange(at),
        )  # fmt: skip
        return str(session["subscription"])

    def _renew(self, at: dt.datetime) -> None:
        if self.sim.get("subscription", self.subscription)["cancel_at_period_end"]:
            self.sim.cancel(self.subscription, at=at)
            return
        act = self._declined_months.get(f"{at.astimezone(self.dates.zone):%Y-%m}")
        if act is None:
            self.sim.renew(self.subscription, at=at, **self._exchange(at))
            return
        invoice = self.sim.fail_payment(self.subscription, at=at, decline=act["why"])
        if "paid_after" in act:
            self._note(at + dt.timedelta(days=act["paid_after"]), {"does": "pay", "invoice": invoice["id"]})

    def _waver(self, at: dt.datetime, act: Role) -> None:
        """Change the plan and change it back within the same second: Stripe's clock cannot tell which came last."""
        for plan in (act["to"], self.row["plan"]):
            self.sim.change_plan(self.subscription, self._price(plan), at=at)

    def _refund(self, at: dt.datetime, act: Role) -> None:
        charge = self._last_charge()
        amount = act.get("amount") or int(charge["amount"] * Fraction(act["share"]))
        self.sim.refund(charge, amount, at=at, reason=act["reason"], **self._exchange(at))

    def _dispute(self, at: dt.datetime, act: Role) -> None:
        made = self.sim.dispute(self._last_charge(), at=at, reason=act["why"])
        if "lost_after" in act:
            self._note(at + dt.timedelta(days=act["lost_after"]), {"does": "lose", "dispute": made["id"]})

    def _last_charge(self) -> Obj:
        charges = self.sim.store.newest_first("charge")
        return next(row for row in charges if row["customer"] == self.customer["id"] and row["paid"])

    def _price(self, plan: str) -> Obj:
        return self.stage.price(plan, self.every, self.currency)

    def _exchange(self, at: dt.datetime) -> Obj:
        return self.stage.exchange(self.currency, at)
