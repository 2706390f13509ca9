"""Subscriptions: begun, renewed, changed, left unpaid, cancelled."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

from payments.stripe.sim.charging import Terms
from payments.stripe.sim.invoicing import Invoicing, NotPossible
from payments.stripe.sim.ledger import At, Ref, id_of, listed
from payments.stripe.sim.lines import Item, period_cost, subscription_details, subscription_parent
from payments.stripe.sim.schema import Obj

DAY = 86_400
MONTHS = {"month": 1, "year": 12}


class Subscribing(Invoicing):
    """Asking again and again."""

    def subscribe(
        self,
        customer: Ref,
        price: Ref | Sequence[Ref],
        *,
        at: At = None,
        quantity: int = 1,
        coupon: Ref | None = None,
        tax_rates: Sequence[Ref] = (),
        trial_days: int = 0,
        days_until_due: int | None = None,
        metadata: dict[str, str] | None = None,
        **terms: Unpack[Terms],
    ) -> Obj:
        """Begin a subscription and collect its first invoice, which a trial makes zero; return the subscription."""
        at = self.now(at)
        prices = [self.get("price", ref) for ref in ([price] if isinstance(price, (str, dict)) else price)]
        trial_end = at + trial_days * DAY if trial_days else None
        made = self._begin(self.get("customer", customer), prices, quantity, at, trial_end, metadata or {})
        made, _ = self._change(
            "subscription",
            made,
            collection_method="charge_automatically" if days_until_due is None else "send_invoice",
            days_until_due=days_until_due,
            default_tax_rates=[self.get("tax_rate", rate) for rate in tax_rates],
            discounts=[self._discount(coupon, made, at)["id"]] if coupon else [],
            status="incomplete" if terms.get("decline") else made["status"],
        )
        self._tell("customer.subscription.created", made, at)
        self._bill(made, at, "subscription_create", **terms)
        return self.get("subscription", made)

    def _begin(
        self, customer: Obj, prices: Sequence[Obj], quantity: int, at: int, trial_end: int | None, metadata: Obj
    ) -> Obj:
        subscription_id = self.store.new_id("sub")
        anchor = trial_end or at
        items = [self._item(subscription_id, price, quantity, at, trial_end) for price in prices]
        return self._make(
            "subscription",
            id=subscription_id,
            billing_cycle_anchor=anchor,
            created=at,
            currency=prices[0]["currency"],
            customer=customer["id"],
            default_payment_method=customer["invoice_settings"]["default_payment_method"],
            items=listed(f"/v1/subscription_items?subscription={subscription_id}", items),
            metadata=metadata,
            start_date=at,
            status="trialing" if trial_end else "active",
            trial_end=trial_end,
            trial_start=at if trial_end else None,
        )

    def _item(self, subscription_id: str, price: Obj, quantity: int, at: int, trial_end: int | None = None) -> Obj:
        return self._make(
            "subscription_item",
            created=at,
            current_period_start=at,
            current_period_end=trial_end or period_end(price["recurring"], at, at),
            price=price,
            quantity=quantity,
            subscription=subscription_id,
            tax_rates=[],
        )

    def _discount(self, coupon: Ref, subscription: Obj, at: int) -> Obj:
        offer = self.get("coupon", coupon)
        months = offer["duration_in_months"]
        return self._make(
            "discount",
            customer=subscription["customer"],
            start=at,
            end=add_months(at, months, at) if months else None,
            source={"coupon": offer["id"], "type": "coupon"},
            subscription=subscription["id"],
        )

    def renew(self, subscription: Ref, *, at: At = None, **terms: Unpack[Terms]) -> Obj:
        """Begin the next period and bill it; return the invoice. Without `at`, the moment the old period ends."""
        old = self.get("subscription", subscription)
        if old["status"] == "canceled":
            raise NotPossible(f"Subscription {old['id']} is canceled and renews no more.")
        at = old["items"]["data"][0]["current_period_end"] if at is None else self.now(at)
        items = [self._moved_on(item, old["billing_cycle_anchor"]) for item in old["items"]["data"]]
        status = "active" if old["status"] == "trialing" else old["status"]
        moved = self._change_and_tell(
            "customer.subscription.updated",
            "subscription",
            old,
            at,
            items={**old["items"], "data": items},
            discounts=self._discounts_on(old, at),
            status=status,
        )
        return self._bill(moved, at, "subscription_cycle", **terms)

    def _moved_on(self, item: Obj, anchor: int) -> Obj:
        start = item["current_period_end"]
        end = period_end(item["price"]["recurring"], start, anchor)
        return self._change("subscription_item", item, current_period_start=start, current_period_end=end)[0]

    def _discounts_on(self, subscription: Obj, at: int) -> list[str]:
        """Return the discounts that still hold: a coupon for once is used up by the first invoice."""
        rows = [self.get("discount", discount) for discount in subscription["discounts"]]
        coupons = [self.get("coupon", row["source"]["coupon"]) for row in rows]
        pairs = zip(rows, coupons, strict=True)
        return [row["id"] for row, offer in pairs if offer["duration"] != "once" and (row["end"] or at + 1) > at]

    def _bill(self, subscription: Obj, at: int, reason: str, **terms: Unpack[Terms]) -> Obj:
        """Invoice the current period of every item and collect; return the invoice."""
        in_trial = subscription["status"] == "trialing"
        first = subscription["items"]["data"][0]
        draft = self._draft_invoice(
            subscription["customer"],
            subscription["currency"],
            [self._billed(subscription, item, free=in_trial) for item in subscription["items"]["data"]],
            at,
            rates=subscription["default_tax_rates"],
            discounts=[self.get("discount", discount) for discount in subscription["discounts"]],
            due=subscription["days_until_due"],
            billing_reason=reason,
            parent=subscription_details(subscription),
            period_start=first["current_period_start"],
            period_end=first["current_period_end"],
        )
        self._change("subscription", subscription, latest_invoice=draft["id"])
        opened = self.finalize(draft, at=at)
        by_card = opened["collection_method"] == "charge_automatically"
        return self.pay(opened, at=at, **terms) if opened["status"] == "open" and by_card else opened

    def _billed(self, subscription: Obj, item: Obj, *, free: bool) -> Item:
        price, quantity = item["price"], item["quantity"]
        costs_nothing = free or price["recurring"]["usage_type"] == "metered"
        return Item(
            description=f"{'Trial period for' if free else f'{quantity} x'} {price['nickname'] or 'Subscription'}",
            amount=0 if costs_nothing else period_cost(price, quantity, self.tiers[price["id"]]),
            start=item["current_period_start"],
            end=item["current_period_end"],
            parent=subscription_parent(subscription["id"], item["id"]),
            quantity=quantity,
            price=price,
            unit_amount_decimal=price["unit_amount_decimal"],
        )

    def pay(self, invoice: Ref, *, at: At = None, **terms: Unpack[Terms]) -> Obj:
        """Try to collect an open invoice; its subscription falls past due, or becomes active again."""
        at = self.now(at)
        answered = super().pay(invoice, at=at, **terms)
        parent = answered["parent"] and answered["parent"]["subscription_details"]
        if parent:
            self._follow(self.get("subscription", parent["subscription"]), at, paid=answered["status"] == "paid")
        return answered

    def _follow(self, subscription: Obj, at: int, *, paid: bool) -> None:
        moves = {("past_due", True): "active", ("incomplete", True): "active", ("active", False): "past_due"}
        status = moves.get((subscription["status"], paid))
        if status:
            self._change_and_tell("customer.subscription.updated", "subscription", subscription, at, status=status)

    def fail_payment(self, owed: Ref, *, at: At = None, decline: str = "card_declined") -> Obj:
        """Decline the renewal of a subscription, or another try at an open invoice; return the invoice."""
        act = self.renew if id_of(owed).startswith("sub_") else self.pay
        return act(owed, at=at, decline=decline)

    def change_plan(self, subscription: Ref, price: Ref, *, quantity: int = 1, at: At = None) -> Obj:
        """Move the first item to another price from now on; the next invoice shows it (nothing is prorated)."""
        at, old = self.now(at), self.get("subscription", subscription)
        wanted = self.get("price", price)
        changes = {"price": wanted, "quantity": quantity}
        item, _ = self._change("subscription_item", old["items"]["data"][0], **changes)
        items = {**old["items"], "data": [item, *old["items"]["data"][1:]]}
        return self._change_and_tell("customer.subscription.updated", "subscription", old, at, items=items)

    def change_subscription(self, subscription: Ref, *, at: At = None, **fields: Any) -> Obj:
        """Change what needs no billing: metadata, description, collection, the wish to cancel."""
        return self._change_and_tell(
            "customer.subscription.updated", "subscription", subscription, self.now(at), **fields
        )

    def cancel(
        self, subscription: Ref, *, at: At = None, at_period_end: bool = False, reason: str | None = None
    ) -> Obj:
        """End a subscription now, or let it end with its period; return it."""
        at, old = self.now(at), self.get("subscription", subscription)
        why = {"comment": None, "feedback": None, "reason": reason or "cancellation_requested"}
        fields: Obj = {"canceled_at": at, "cancellation_details": why}
        if at_period_end:
            ends = max(item["current_period_end"] for item in old["items"]["data"])
            return self.change_subscription(old, at=at, cancel_at_period_end=True, cancel_at=ends, **fields)
        ended, _ = self._change("subscription", old, status="canceled", ended_at=at, **fields)
        self._tell("customer.subscription.deleted", ended, at)
        return ended


def period_end(recurring: Obj, start: int, anchor: int) -> int:
    """Return when a period ends: days and weeks are counted, months and years keep the anchor's day where they can."""
    count = int(recurring["interval_count"])
    if recurring["interval"] in MONTHS:
        return add_months(start, count * MONTHS[recurring["interval"]], anchor)
    return start + count * DAY * (7 if recurring["interval"] == "week" else 1)


def add_months(start: int, months: int, anchor: int) -> int:
    """Return the instant some months later, on the anchor's day of the month or the last one there is (UTC)."""
    begun, wished = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(anchor, UTC).day
    year, month = divmod(begun.year * 12 + begun.month - 1 + months, 12)
    day = min(wished, calendar.monthrange(year, month + 1)[1])
    moved = begun.replace(year=year, month=month + 1, day=1) + timedelta(days=day - 1)
    return int(moved.timestamp())
