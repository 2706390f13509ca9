"""The shipped payloads as an account that stayed on API version 2020-08-27 is sent them."""

from __future__ import annotations

import copy
from typing import Any

Obj = dict[str, Any]

OLD = "2020-08-27"
BORN_LATER = {
    # these objects, states and facts came with later versions, and look the same on every one of them
    "customer.subscription.paused",
    "invoice_payment.paid",
    "payout.reconciliation_completed",
    "refund.created",
    "refund.failed",
    "refund.updated",
}


def as_of_2020(event: Obj) -> Obj:
    """Return the same event in the old shape."""
    old = copy.deepcopy(event) | {"api_version": OLD}
    obj = old["data"]["object"]
    _RESHAPED.get(obj["object"], lambda _: None)(obj)
    return old


def _invoice(obj: Obj) -> None:
    parent = (obj.pop("parent", None) or {}).get("subscription_details") or {}
    obj["subscription"] = parent.get("subscription")
    obj["subscription_details"] = {"metadata": parent.get("metadata")} if parent else None
    ties = (obj.pop("payments", None) or {}).get("data", [])
    obj["payment_intent"] = ties[0]["payment"].get("payment_intent") if ties else None
    obj["charge"] = None
    taxes = obj.pop("total_taxes", None) or []
    obj["total_tax_amounts"], obj["tax"] = _tax_amounts(taxes), sum(tax["amount"] for tax in taxes)
    obj["paid"] = obj["status"] == "paid"
    for line in obj["lines"]["data"]:
        _line(line, obj["currency"])


def _line(line: Obj, currency: str) -> None:
    parent = line.pop("parent", None) or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    line |= {key: details.get(key) for key in ("subscription", "subscription_item", "invoice_item", "proration")}
    pricing = line.pop("pricing", None) or {}
    if pricing:
        named = pricing["price_details"]
        line["price"] = {"id": named["price"], "object": "price", "product": named["product"], "currency": currency}
        line["price"]["unit_amount_decimal"] = pricing["unit_amount_decimal"]
    line["tax_amounts"] = _tax_amounts(line.pop("taxes", None) or [])


def _tax_amounts(taxes: list[Obj]) -> list[Obj]:
    return [
        {"amount": tax["amount"], "inclusive": tax["tax_behavior"] == "inclusive", "tax_rate": "txr_1"} for tax in taxes
    ]


def _credit_note(obj: Obj) -> None:
    refunds = obj.pop("refunds", None) or []
    obj["refund"] = refunds[0]["refund"] if refunds else None
    obj["tax_amounts"] = _tax_amounts(obj.pop("total_taxes", None) or [])
    for gone in ("pre_payment_amount", "post_payment_amount"):
        obj.pop(gone, None)
    for line in obj["lines"]["data"]:
        line["tax_amounts"] = _tax_amounts(line.pop("taxes", None) or [])


def _subscription(obj: Obj) -> None:
    for item in obj["items"]["data"]:
        obj["current_period_start"] = item.pop("current_period_start")
        obj["current_period_end"] = item.pop("current_period_end")
        item["plan"] = _plan(item["price"])
    (discount,) = obj.pop("discounts") or [None]
    if isinstance(discount, dict):
        discount = {**discount, "coupon": discount["source"]["coupon"]}
        del discount["source"]
    obj["discount"] = discount


def _plan(price: Obj) -> Obj:
    told = {key: price[key] for key in ("id", "currency", "nickname", "product", "billing_scheme")}
    return told | price["recurring"] | {"object": "plan", "amount": price["unit_amount"]}


def _payment_intent(obj: Obj) -> None:
    charge = obj.pop("latest_charge", None)
    if isinstance(charge, str):
        charge = _charge_of(obj, charge)
    obj["charges"] = {"object": "list", "data": [charge] if charge else [], "has_more": False}


def _charge_of(intent: Obj, charge_id: str) -> Obj:
    """Make the charge that was sent along whole, as far as the intent knows it."""
    paid = intent["status"] == "succeeded"
    error = intent.get("last_payment_error") or {}
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_refunded": 0,
        "captured": paid,
        "currency": intent["currency"],
        "created": intent["created"],
        "failure_code": error.get("code"),
        "failure_message": error.get("message"),
        "payment_intent": intent["id"],
        "refunds": {"object": "list", "data": []},
        "status": "succeeded" if paid else "failed",
    }


def _charge(obj: Obj) -> None:
    obj.setdefault("refunds", {"object": "list", "data": [], "has_more": False})


_RESHAPED = {
    "charge": _charge,
    "credit_note": _credit_note,
    "invoice": _invoice,
    "payment_intent": _payment_intent,
    "subscription": _subscription,
}
