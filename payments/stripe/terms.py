"""Owns the terms a subscription's worth is counted from: kept whole, and completed by what other versions tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from payments.stripe.recurring import Coupon, RecurringItem, RecurringPrice, Tier, mrr_by_item


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Items and coupons of one version of a subscription. A coupon or the tiers of a price may be missing."""

    items: tuple[RecurringItem, ...] = ()
    coupons: tuple[Coupon, ...] = ()

    def worth_cents(self, *, at: int, currency: str) -> int:
        """Return the minor units per month at a Unix time, of the items in this currency."""
        worth = mrr_by_item(self.items, self.coupons, at=at)
        return sum(cents for item, cents in zip(self.items, worth, strict=True) if item.price.currency == currency)

    def ends(self) -> tuple[int, ...]:
        """Return the Unix times at which a coupon ends, in order."""
        return tuple(sorted({coupon.ends_at for coupon in self.every_coupon() if coupon.ends_at is not None}))

    def every_coupon(self) -> Iterator[Coupon]:
        """Return the coupons of the subscription, then those of its items."""
        yield from self.coupons
        for item in self.items:
            yield from item.coupons

    def discount(self) -> str:
        """Name the coupons whose terms are known."""
        return ", ".join(dict.fromkeys(coupon.name for coupon in self.every_coupon() if coupon.name))


def completed(versions: Iterable[Terms]) -> list[Terms]:
    """Fill in what some versions name only by id from those that tell it: neither ever changes at Stripe."""
    versions = list(versions)
    coupons: dict[str, Coupon] = {}
    tiered: dict[str, RecurringPrice] = {}
    for terms in versions:
        for coupon in terms.every_coupon():
            if coupon.discount_id and _tells_more(coupon, coupons.get(coupon.discount_id)):
                coupons[coupon.discount_id] = coupon
        tiered |= {item.price.price_id: item.price for item in terms.items if item.price.tiers}
    return [_filled(terms, coupons, tiered) for terms in versions]


def as_json(terms: Terms) -> dict[str, Any]:
    """Return the terms as JSON that PostgreSQL gives back unchanged."""
    told: dict[str, Any] = json.loads(json.dumps(asdict(terms), default=_plain))
    return told


def from_json(told: Mapping[str, Any]) -> Terms:
    """Return the terms that `as_json` wrote."""
    return Terms(
        items=tuple(_item(item) for item in told["items"]), coupons=tuple(_coupon(one) for one in told["coupons"])
    )


def _tells_more(coupon: Coupon, known: Coupon | None) -> bool:
    """Prefer a coupon with its terms, and of these one that says what it is limited to."""
    return bool(coupon.duration) and (known is None or bool(coupon.product_ids) or not known.product_ids)


def _filled(terms: Terms, coupons: Mapping[str, Coupon], tiered: Mapping[str, RecurringPrice]) -> Terms:
    def known(some: Sequence[Coupon]) -> tuple[Coupon, ...]:
        return tuple(coupons.get(coupon.discount_id, coupon) for coupon in some)

    items = tuple(
        replace(item, coupons=known(item.coupons), price=tiered.get(item.price.price_id, item.price))
        for item in terms.items
    )
    return Terms(items=items, coupons=known(terms.coupons))


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else str(value)


def _item(told: Mapping[str, Any]) -> RecurringItem:
    return RecurringItem(
        price=_price(told["price"]),
        quantity=told["quantity"],
        product_id=told["product_id"],
        coupons=tuple(_coupon(one) for one in told["coupons"]),
        inclusive_tax_percent=Decimal(told["inclusive_tax_percent"]),
    )


def _price(told: Mapping[str, Any]) -> RecurringPrice:
    tiers = tuple(
        Tier(up_to=tier["up_to"], unit_amount=Decimal(tier["unit_amount"]), flat_amount=Decimal(tier["flat_amount"]))
        for tier in told["tiers"]
    )
    return RecurringPrice(**{**told, "unit_amount": Decimal(told["unit_amount"]), "tiers": tiers})


def _coupon(told: Mapping[str, Any]) -> Coupon:
    percent = None if told["percent_off"] is None else Decimal(told["percent_off"])
    return Coupon(**{**told, "percent_off": percent, "product_ids": frozenset(told["product_ids"])})
