"""What stands on an invoice: lines with their discounts and taxes, and the totals they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from payments.stripe.sim.amounts import rounded, shared_out
from payments.stripe.sim.schema import Obj


@dataclass(frozen=True)
class Item:
    """One thing to pay for."""

    description: str
    amount: int
    start: int
    end: int
    parent: Obj
    quantity: int = 1
    price: Obj | None = None
    unit_amount_decimal: str | None = None


def pricing(item: Item) -> Obj:
    """Return where an amount comes from, as a line and an invoice item say it."""
    shown: Obj = {"type": "price_details", "unit_amount_decimal": item.unit_amount_decimal or str(item.amount)}
    if item.price:
        shown["price_details"] = {"price": item.price["id"], "product": item.price["product"]}
    return shown


def subscription_parent(subscription_id: str, item_id: str) -> Obj:
    """Return the parent of a line that a subscription's item bills."""
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription_id,
        "subscription_item": item_id,
    }
    return {"invoice_item_details": None, "subscription_item_details": details, "type": "subscription_item_details"}


def invoice_item_parent(item_id: str) -> Obj:
    """Return the parent of a line that was put on the invoice by hand."""
    details = {
        "invoice_item": item_id,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": None,
    }
    return {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}


def subscription_details(subscription: Obj) -> Obj:
    """Return the parent of a subscription's invoice."""
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def period_cost(price: Obj, quantity: int, tiers: Sequence[Obj] = ()) -> int:
    """Return what a price costs for one period, in the smallest unit; a price itself does not show its tiers."""
    if tiers:
        return _tiered_cost(tiers, quantity, graduated=price["tiers_mode"] == "graduated")
    return rounded(Decimal(price["unit_amount_decimal"] or 0) * quantity)


def _tiered_cost(tiers: Sequence[Obj], quantity: int, *, graduated: bool) -> int:
    """Graduated: each unit at its own tier; volume: all units at the tier the last one falls in."""
    cost, below = Decimal(0), 0
    for tier in tiers:
        top = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
        if graduated or top == quantity:
            units = top - below if graduated else quantity
            cost += units * Decimal(tier["unit_amount_decimal"] or 0) + (tier["flat_amount"] or 0)
        if top == quantity:
            break
        below = top
    return rounded(cost)


def discounts_of(amounts: Sequence[int], discounts: Iterable[Obj], coupons: Iterable[Obj]) -> list[list[Obj]]:
    """Return the discount amounts of each line; later discounts see what earlier ones left."""
    left, found = list(amounts), [list[Obj]() for _ in amounts]
    for discount, coupon in zip(discounts, coupons, strict=True):
        for place, part in enumerate(_taken_off(left, coupon)):
            found[place].append({"amount": part, "discount": discount["id"]})
            left[place] -= part
    return found


def _taken_off(left: Sequence[int], coupon: Obj) -> list[int]:
    if coupon["amount_off"] is not None:
        return shared_out(min(coupon["amount_off"], sum(left)), left)
    return [rounded(part * Decimal(str(coupon["percent_off"])) / 100) for part in left]


def tax_of(net: int, rate: Obj) -> Obj:
    """Return the tax on an amount, on top of it or inside it."""
    share = Decimal(str(rate["percentage"])) / 100
    tax = rounded(net - net / (1 + share)) if rate["inclusive"] else rounded(net * share)
    return {
        "amount": tax,
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "standard_rated" if tax else "zero_rated",
        "taxable_amount": net - tax if rate["inclusive"] else net,
        "type": "tax_rate_details",
    }


def totals(lines: Sequence[Obj]) -> Obj:
    """Return an invoice's totals: each the sum of its lines' parts."""
    subtotal = sum(line["amount"] for line in lines)
    discounted = [part for line in lines for part in line["discount_amounts"]]
    taxes = [tax for line in lines for tax in line["taxes"]]
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    exclusive = sum(tax["amount"] for tax in taxes) - inclusive
    total = subtotal - sum(part["amount"] for part in discounted) + exclusive
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_excluding_tax": total - inclusive - exclusive,
        "total_discount_amounts": _by_discount(discounted),
        "total_taxes": _by_rate(taxes),
        "amount_due": max(total, 0),
        "amount_remaining": max(total, 0),
    }


def _by_discount(parts: list[Obj]) -> list[Obj]:
    names = dict.fromkeys(part["discount"] for part in parts)
    return [{"amount": sum(p["amount"] for p in parts if p["discount"] == name), "discount": name} for name in names]


def _by_rate(taxes: list[Obj]) -> list[Obj]:
    def rate_of(tax: Obj) -> str:
        return str(tax["tax_rate_details"]["tax_rate"])

    groups = [list(group) for _, group in groupby(sorted(taxes, key=rate_of), key=rate_of)]
    return [
        {
            **group[0],
            "amount": sum(tax["amount"] for tax in group),
            "taxable_amount": sum(tax["taxable_amount"] for tax in group),
        }
        for group in groups
    ]
