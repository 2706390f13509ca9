"""Owns the projection of subscriptions: items, prices and coupons into what they are worth per month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from payments.stripe.facts import SubscriptionFacts, SubscriptionItemFacts
from payments.stripe.projections.seen import Seen
from payments.stripe.recurring import (
    Coupon,
    RecurringItem,
    RecurringPrice,
    Tier,
    billing_cycle,
    is_counted,
    mrr_by_item,
)
from payments.stripe.shapes import Shape, coupons_unexpanded, discounts_of, in_major, in_minor
from payments.stripe.terms import Terms


def subscription(shape: Shape, seen: Seen) -> tuple[SubscriptionFacts, ...]:
    """Return the subscription with its monthly worth at the moment it was seen."""
    status, is_paused = shape.text("status"), shape.says("pause_collection")
    shapes = _items(shape)
    terms = Terms(items=tuple(_recurring(item, shape) for item in shapes), coupons=_coupons(shape))
    counted = is_counted(status, paused=is_paused)
    worth = mrr_by_item(terms.items, terms.coupons, at=seen.at) if counted else (0,) * len(shapes)
    items = tuple(_item(*parts) for parts in zip(shapes, terms.items, worth, strict=True))
    currency = shape.currency(default=items[0].currency if items else "")
    starts_at, ends_at = _period(shape, items)
    return (
        SubscriptionFacts(
            **seen.shared(shape, kind="subscription", state=status),
            customer_id=shape.ref("customer"),
            status=status,
            plan=_plan(items),
            currency=currency,
            quantity=sum(item.quantity for item in items if not item.is_metered),
            items=items,
            mrr_cents=sum(item.mrr_cents for item in items if item.currency == currency),
            is_counted=counted,
            terms=terms,
            billing_cycle=billing_cycle(item.price for item in terms.items),
            to_expand=_to_expand(shape, shapes),
            is_paused=is_paused or status == "paused",
            started_at=shape.at("start_date") or shape.at("start"),
            period_starts_at=starts_at,
            period_ends_at=ends_at,
            trial_starts_at=shape.at("trial_start"),
            trial_ends_at=shape.at("trial_end"),
            cancel_at_period_end=shape.flag("cancel_at_period_end"),
            cancel_at=shape.at("cancel_at"),
            canceled_at=shape.at("canceled_at"),
            ended_at=shape.at("ended_at"),
            latest_invoice_id=shape.ref("latest_invoice"),
        ),
    )


def _items(shape: Shape) -> tuple[Shape, ...]:
    """Return the items; the oldest API versions sell one plan on the subscription itself."""
    items = shape.children("items")
    return items or ((shape,) if shape.child("plan") else ())


def _price(item: Shape) -> Shape:
    found = item.child("price") or item.child("plan")
    if found is None:
        raise item.wrong("price", "should be an object, as should plan on old API versions")
    return found


def _recurring(item: Shape, subscription: Shape) -> RecurringItem:
    price = _price(item)
    return RecurringItem(
        price=_recurring_price(price),
        quantity=item.whole("quantity", 0 if _is_metered(price) else 1),
        product_id=price.ref("product"),
        # An item that is the subscription itself has its coupons and taxes counted there.
        coupons=() if item is subscription else _coupons(item),
        inclusive_tax_percent=_inclusive_percent(item, subscription),
    )


def _recurring_price(price: Shape) -> RecurringPrice:
    currency, rhythm = price.currency(), price.child("recurring") or price
    interval, count = rhythm.text("interval", "month"), rhythm.whole("interval_count", 1)
    if interval not in {"day", "week", "month", "year"} or count < 1:
        raise rhythm.wrong("interval", f"of {count} {interval} is no billing interval")
    package = price.child("transform_quantity") or price.child("transform_usage")
    return RecurringPrice(
        currency=currency,
        price_id=price.text("id"),
        interval=interval,
        interval_count=count,
        metered=_is_metered(price),
        unit_amount=in_minor(_unit_amount(price) or Decimal(0), currency),
        tiers=tuple(_tier(tier, currency) for tier in price.children("tiers")),
        tiers_mode=price.text("tiers_mode", ""),
        package_size=max(package.whole("divide_by"), 1) if package else 1,
        package_rounding=package.text("round", "up") if package else "up",
    )


def _is_metered(price: Shape) -> bool:
    return (price.child("recurring") or price).text("usage_type", "licensed") == "metered"


def _unit_amount(price: Shape) -> Decimal | None:
    keys = ("unit_amount_decimal", "unit_amount", "amount_decimal", "amount")
    return next((price.number(key) for key in keys if price.says(key)), None)


def _tier(tier: Shape, currency: str) -> Tier:
    flat = tier.number("flat_amount_decimal") or tier.number("flat_amount") or Decimal(0)
    return Tier(
        up_to=tier.whole("up_to") if tier.says("up_to") else None,
        unit_amount=in_minor(_unit_amount(tier) or Decimal(0), currency),
        flat_amount=in_minor(flat, currency),
    )


def _coupons(shape: Shape) -> tuple[Coupon, ...]:
    named = tuple(Coupon(discount_id=discount_id) for discount_id in shape.bare_ids("discounts"))
    return (*named, *(_coupon(discount, coupon) for discount, coupon in discounts_of(shape)))


def _coupon(discount: Shape, coupon: Shape | None) -> Coupon:
    discount_id = discount.text("id", "")
    if coupon is None:
        return Coupon(discount_id=discount_id)
    currency, scope = coupon.currency(default=""), coupon.child("applies_to")
    return Coupon(
        duration=coupon.text("duration"),
        discount_id=discount_id,
        name=coupon.text("name", "") or coupon.text("id", ""),
        percent_off=coupon.number("percent_off"),
        amount_off_cents=coupon.cents_if_said("amount_off", currency),
        currency=currency,
        ends_at=discount.whole("end") if discount.says("end") else None,
        product_ids=frozenset(scope.bare_ids("products")) if scope else frozenset(),
    )


def _inclusive_percent(item: Shape, subscription: Shape) -> Decimal:
    """Return the percent of tax hidden in the price: the item's own rates, else the subscription's."""
    rates = item.children("tax_rates") or subscription.children("default_tax_rates")
    return sum((rate.number("percentage") or Decimal(0) for rate in rates if rate.flag("inclusive")), Decimal(0))


def _item(item: Shape, recurring: RecurringItem, mrr_cents: int) -> SubscriptionItemFacts:
    price, terms = _price(item), recurring.price
    amount = None if terms.tiers else _unit_amount(price)
    return SubscriptionItemFacts(
        stripe_id=item.text("id"),
        price_id=price.text("id"),
        product_id=recurring.product_id,
        nickname=price.text("nickname", ""),
        currency=terms.currency,
        quantity=recurring.quantity,
        is_metered=terms.metered,
        interval=terms.interval,
        interval_count=terms.interval_count,
        unit_price=None if amount is None else in_major(amount, terms.currency),
        mrr_cents=mrr_cents,
        period_starts_at=item.at("current_period_start"),
        period_ends_at=item.at("current_period_end"),
    )


def _plan(items: Sequence[SubscriptionItemFacts]) -> str:
    return ", ".join(item.nickname or item.price_id for item in items)


def _period(shape: Shape, items: Sequence[SubscriptionItemFacts]) -> tuple[datetime | None, datetime | None]:
    """Return the current period: the subscription's own, or since basil that of the item that renews first."""
    if shape.says("current_period_end"):
        return shape.at("current_period_start"), shape.at("current_period_end")
    ends = [(item.period_ends_at, item.period_starts_at) for item in items if item.period_ends_at]
    ends_at, starts_at = min(ends, key=lambda pair: pair[0], default=(None, None))
    return starts_at, ends_at


def _to_expand(shape: Shape, items: Sequence[Shape]) -> tuple[str, ...]:
    """Name what was left out by the paths to expand; `items` itself means that the whole list is to be fetched.

    Stripe expands four levels at most, which the coupons of an item exceed.
    """
    of_items = shape.has_more("items") or any(coupons_unexpanded(item) for item in items if item is not shape)
    wanted = {
        "items": of_items,
        "discounts.source.coupon.applies_to": coupons_unexpanded(shape) or _may_be_limited(shape, items),
        "items.data.price.tiers": any(_lacks_tiers(_price(item)) for item in items) and not of_items,
    }
    return tuple(path for path, is_wanted in wanted.items() if is_wanted)


def _may_be_limited(shape: Shape, items: Sequence[Shape]) -> bool:
    """Tell whether a coupon may hold for some items only: to which products it is tied is told on request."""
    of_several = len({_price(item).ref("product") for item in items}) > 1
    return of_several and any(coupon and "applies_to" not in coupon.fields for _, coupon in discounts_of(shape))


def _lacks_tiers(price: Shape) -> bool:
    return price.text("billing_scheme", "") == "tiered" and not price.children("tiers") and not _is_metered(price)
