"""What a client may ask for by POST and DELETE, each answered by the scenario verb of the same meaning."""

from __future__ import annotations

from typing import Any

from payments.stripe.sim.company import Sim
from payments.stripe.sim.errors import ApiError
from payments.stripe.sim.forms import fields_of, merged_metadata, truth, whole
from payments.stripe.sim.routes import write
from payments.stripe.sim.schema import Obj

TEST_CARDS = {"pm_card_visa": "visa", "pm_card_mastercard": "mastercard", "pm_card_amex": "amex"}
DECLINED_CARD = "pm_card_chargeDeclined"
BUYER = "name email phone description metadata address preferred_locales tax_exempt"
EDITABLE = "description metadata"


def needed(params: Obj, name: str) -> Any:
    """Return a parameter that must be there."""
    if not params.get(name):
        raise ApiError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    return params[name]


def update(sim: Sim, kind: str, object_id: str, params: Obj, names: str) -> Obj:
    """Return the changed fields of a plain update."""
    fields = fields_of(kind, params, names)
    if "metadata" in fields:
        fields["metadata"] = merged_metadata(sim.get(kind, object_id)["metadata"], fields["metadata"])
    return fields


@write("POST customers", f"{BUYER} payment_method invoice_settings")
def create_customer(sim: Sim, _: str, params: Obj) -> Obj:
    made = sim.customer(card=None, country=None, **fields_of("customer", params, BUYER))
    settings = params.get("invoice_settings") or {}
    card = params.get("payment_method") or settings.get("default_payment_method")
    return sim.attach(_card(sim, card), made) if card else made


@write("POST customers/*", BUYER)
def update_customer(sim: Sim, object_id: str, params: Obj) -> Obj:
    return sim.change_customer(object_id, **update(sim, "customer", object_id, params, BUYER))


@write("DELETE customers/*")
def delete_customer(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.delete_customer(object_id)


@write("POST products", "name description metadata active url unit_label")
def create_product(sim: Sim, _: str, params: Obj) -> Obj:
    return sim.product(
        needed(params, "name"), **fields_of("product", params, "description metadata active url unit_label")
    )


@write("POST prices", "currency unit_amount unit_amount_decimal product recurring nickname metadata lookup_key")
def create_price(sim: Sim, _: str, params: Obj) -> Obj:
    recurring = params.get("recurring") or {}
    amount = params.get("unit_amount")
    return sim.price(
        None if amount is None else whole(amount, "unit_amount"),
        needed(params, "currency"),
        product=sim.get("product", needed(params, "product")),
        interval=recurring.get("interval"),
        interval_count=whole(recurring.get("interval_count", "1"), "recurring[interval_count]"),
        usage_type=recurring.get("usage_type", "licensed"),
        **fields_of("price", params, "unit_amount_decimal nickname metadata lookup_key"),
    )


@write("POST coupons", "id percent_off amount_off currency duration duration_in_months name metadata")
def create_coupon(sim: Sim, _: str, params: Obj) -> Obj:
    needed(params, "duration" if "duration" in params else "percent_off" if "amount_off" not in params else "currency")
    return sim.coupon(
        **fields_of("coupon", params, "id percent_off amount_off currency duration duration_in_months name metadata")
    )


@write("POST tax_rates", "display_name percentage inclusive country description jurisdiction metadata tax_type")
def create_tax_rate(sim: Sim, _: str, params: Obj) -> Obj:
    fields = fields_of("tax_rate", params, "inclusive country description jurisdiction metadata tax_type")
    return sim.tax_rate(needed(params, "percentage"), needed(params, "display_name"), **fields)


@write("POST subscriptions", "customer items metadata trial_period_days days_until_due collection_method discounts")
def create_subscription(sim: Sim, _: str, params: Obj) -> Obj:
    items, discounts = needed(params, "items"), params.get("discounts") or []
    due = params.get("days_until_due")
    return sim.subscribe(
        needed(params, "customer"),
        [needed(item, "price") for item in items],
        quantity=whole(items[0].get("quantity", "1"), "items[0][quantity]"),
        coupon=discounts[0].get("coupon") if discounts else None,
        trial_days=whole(params.get("trial_period_days", "0"), "trial_period_days"),
        days_until_due=None if due is None else whole(due, "days_until_due"),
        metadata=params.get("metadata"),
    )


@write("POST subscriptions/*", f"{EDITABLE} cancel_at_period_end")
def update_subscription(sim: Sim, object_id: str, params: Obj) -> Obj:
    if params.get("cancel_at_period_end") == "true":
        sim.cancel(object_id, at_period_end=True)
    elif "cancel_at_period_end" in params:
        truth(params["cancel_at_period_end"], "cancel_at_period_end")
        sim.change_subscription(object_id, cancel_at_period_end=False, cancel_at=None, canceled_at=None)
    fields = update(sim, "subscription", object_id, params, EDITABLE)
    return sim.change_subscription(object_id, **fields) if fields else sim.get("subscription", object_id)


@write("DELETE subscriptions/*")
def cancel_subscription(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.cancel(object_id)


@write("POST invoiceitems", "customer amount currency description")
def create_invoice_item(sim: Sim, _: str, params: Obj) -> Obj:
    amount = whole(needed(params, "amount"), "amount")
    described = params.get("description") or "Service"
    return sim.invoice_item(needed(params, "customer"), amount, needed(params, "currency"), description=described)


@write("POST invoices", f"{EDITABLE} customer currency collection_method days_until_due auto_advance")
def create_invoice(sim: Sim, _: str, params: Obj) -> Obj:
    due = params.get("days_until_due")
    return sim.draft_invoice(
        needed(params, "customer"),
        params.get("currency") or sim.account["default_currency"],
        days_until_due=None if due is None else whole(due, "days_until_due"),
        **fields_of("invoice", params, f"{EDITABLE} auto_advance"),
    )


@write("POST invoices/*/finalize", "auto_advance")
def finalize_invoice(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.finalize(object_id)


@write("POST invoices/*/pay", "payment_method")
def pay_invoice(sim: Sim, object_id: str, params: Obj) -> Obj:
    decline = "card_declined" if params.get("payment_method") == DECLINED_CARD else None
    paid = sim.pay(object_id, decline=decline)
    if decline:
        raise ApiError(402, "Your card was declined.", type_="card_error", code="card_declined")
    return paid


@write("POST invoices/*/void")
def void_invoice(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.void(object_id)


@write("POST invoices/*/mark_uncollectible")
def mark_invoice_uncollectible(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.mark_uncollectible(object_id)


@write("POST payment_methods/*/attach", "customer")
def attach_payment_method(sim: Sim, object_id: str, params: Obj) -> Obj:
    card = _card(sim, object_id)
    sim.attach(card, needed(params, "customer"))
    return sim.get("payment_method", card)


@write("POST payment_intents", "amount currency customer description metadata confirm payment_method")
def create_payment_intent(sim: Sim, _: str, params: Obj) -> Obj:
    amount, card = whole(needed(params, "amount"), "amount"), params.get("payment_method")
    currency, customer = needed(params, "currency"), params.get("customer")
    known = sim.get("customer", customer)["id"] if customer else None
    described, noted = params.get("description"), params.get("metadata") or {}
    made = sim.begin_payment(amount, currency, customer=known, description=described, metadata=noted)
    return _confirmed(sim, made["id"], card) if params.get("confirm") == "true" else made


@write("POST payment_intents/*/confirm", "payment_method")
def confirm_payment_intent(sim: Sim, object_id: str, params: Obj) -> Obj:
    return _confirmed(sim, object_id, params.get("payment_method"))


def _confirmed(sim: Sim, intent_id: str, card: str | None) -> Obj:
    if card == DECLINED_CARD:
        sim.confirm_payment(intent_id, decline="card_declined")
        raise ApiError(402, "Your card was declined.", type_="card_error", code="card_declined")
    sim.confirm_payment(intent_id, payment_method=_card(sim, card) if card else None)
    return sim.get("payment_intent", intent_id)


@write("POST payment_intents/*/cancel", "cancellation_reason")
def cancel_payment_intent(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.cancel_intent(object_id)


@write("POST refunds", "charge payment_intent amount reason metadata")
def create_refund(sim: Sim, _: str, params: Obj) -> Obj:
    charge = params.get("charge") or sim.get("payment_intent", needed(params, "payment_intent"))["latest_charge"]
    amount = whole(params["amount"], "amount") if "amount" in params else None
    return sim.refund(charge, amount, **fields_of("refund", params, "reason metadata"))


@write("POST disputes/*/close")
def close_dispute(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.close_dispute(object_id, won=False)


@write("POST credit_notes", "invoice amount refund_amount reason memo metadata")
def create_credit_note(sim: Sim, _: str, params: Obj) -> Obj:
    return sim.credit_note(
        needed(params, "invoice"),
        whole(needed(params, "amount"), "amount"),
        refund_amount=whole(params.get("refund_amount", "0"), "refund_amount"),
        **fields_of("credit_note", params, "reason memo metadata"),
    )


@write("POST credit_notes/*/void")
def void_credit_note(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.void_credit_note(object_id)


@write(
    "POST checkout/sessions",
    "line_items mode success_url cancel_url customer client_reference_id metadata customer_email",
)
def create_session(sim: Sim, _: str, params: Obj) -> Obj:
    line = needed(params, "line_items")[0]
    quantity = whole(line.get("quantity", "1"), "line_items[0][quantity]")
    fields = fields_of("checkout.session", params, "success_url cancel_url client_reference_id metadata customer_email")
    return sim.begin_checkout(needed(line, "price"), customer=params.get("customer"), quantity=quantity, **fields)


@write("POST checkout/sessions/*/expire")
def expire_session(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.expire_checkout(object_id)


@write("POST webhook_endpoints", "url enabled_events description metadata api_version")
def create_webhook_endpoint(sim: Sim, _: str, params: Obj) -> Obj:
    events = needed(params, "enabled_events")
    fields = fields_of("webhook_endpoint", params, "description metadata api_version")
    return sim.webhook_endpoint(needed(params, "url"), enabled_events=events, **fields)


@write("DELETE webhook_endpoints/*")
def delete_webhook_endpoint(sim: Sim, object_id: str, _: Obj) -> Obj:
    return sim.store.delete("webhook_endpoint", object_id)


def _card(sim: Sim, named: str) -> str:
    """Return the id of a card, a new one for Stripe's names of test cards."""
    if named in TEST_CARDS:
        return str(sim.payment_method(brand=TEST_CARDS[named])["id"])
    return str(sim.get("payment_method", named)["id"])
