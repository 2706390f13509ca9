"""Our own Stripe payloads for the projection tests: the shipped fixtures, and small objects in old shapes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from payments.stripe.projections import facts_from_event, facts_from_object

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "stripe"
OLD = "2020-08-27"

CHARGE: dict[str, Any] = {
    "id": "ch_1",
    "object": "charge",
    "amount": 5000,
    "amount_refunded": 0,
    "captured": True,
    "created": 1_600_000_000,
    "currency": "usd",
    "customer": "cus_1",
    "invoice": "in_1",
    "payment_intent": "pi_1",
    "status": "succeeded",
}
LEDGER: dict[str, Any] = {
    "id": "txn_1",
    "object": "balance_transaction",
    "amount": 10850,
    "available_on": 1_600_300_000,
    "created": 1_600_000_000,
    "currency": "usd",
    "exchange_rate": 1.085,
    "fee": 617,
    "fee_details": [{"amount": 617, "currency": "usd", "description": "Stripe processing fees", "type": "stripe_fee"}],
    "net": 10233,
    "source": "ch_1",
    "status": "pending",
    "type": "charge",
}
PLAN: dict[str, Any] = {
    "id": "plan_1",
    "object": "plan",
    "amount": 30000,
    "currency": "usd",
    "interval": "year",
    "interval_count": 1,
    "nickname": "Yearly",
    "product": "prod_1",
}
SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1",
    "object": "subscription",
    "customer": "cus_1",
    "status": "active",
    "current_period_start": 1_600_000_000,
    "current_period_end": 1_631_536_000,
    "items": {"data": [{"id": "si_1", "object": "subscription_item", "plan": PLAN, "quantity": 2}]},
}
INVOICE: dict[str, Any] = {
    "id": "in_1",
    "object": "invoice",
    "amount_due": 1190,
    "amount_paid": 1190,
    "charge": "ch_1",
    "created": 1_600_000_000,
    "currency": "eur",
    "customer": "cus_1",
    "number": "A-1",
    "payment_intent": "pi_1",
    "period_end": 1_600_000_000,
    "period_start": 1_597_000_000,
    "status": "paid",
    "subscription": "sub_1",
    "subtotal": 1200,
    "tax": 190,
    "total": 1190,
    "total_discount_amounts": [{"amount": 200, "discount": "di_1"}],
    "total_tax_amounts": [{"amount": 190, "inclusive": False, "tax_rate": "txr_1"}],
    "lines": {
        "data": [
            {
                "id": "il_1",
                "object": "line_item",
                "amount": 1200,
                "currency": "eur",
                "discount_amounts": [{"amount": 200, "discount": "di_1"}],
                "invoice_item": None,
                "period": {"start": 1_600_000_000, "end": 1_602_592_000},
                "price": {"id": "price_1", "object": "price", "product": "prod_1", "unit_amount_decimal": "600"},
                "quantity": 2,
                "subscription": "sub_1",
                "subscription_item": "si_1",
                "tax_amounts": [{"amount": 190, "inclusive": False, "tax_rate": "txr_1"}],
            }
        ]
    },
}


def shipped(event_type: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"{event_type}.json").read_text(encoding="utf-8"))


def event(event_type: str, obj: dict[str, Any], *, created: int = 1_600_000_000, version: str = OLD) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": version,
        "created": created,
        "data": {"object": obj},
        "livemode": False,
        "type": event_type,
    }


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def said(facts: object, *names: str) -> dict[str, Any]:
    """Pick what a test is about, so that it compares whole values."""
    return {name: getattr(facts, name) for name in names}


def only(event_type: str, obj: dict[str, Any], **changes: Any) -> Any:
    return facts_from_event(event(event_type, {**obj, **changes}))[0]


def fetched(obj: dict[str, Any], **changes: Any) -> tuple[Any, ...]:
    return facts_from_object({**obj, **changes}, seen_at=1_700_000_000, api_version=OLD)
