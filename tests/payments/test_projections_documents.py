"""Invoices, subscriptions, credit notes and checkouts tell the same facts in old and new shapes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.payments.stripe_payloads import (
    INVOICE,
    PLAN,
    SUBSCRIPTION,
    at,
    fetched,
    only,
    said,
)


def test_an_old_invoice_tells_the_same_as_a_new_one() -> None:
    expected = {
        "subscription_id": "sub_1",
        "payment_intent_id": "pi_1",
        "charge_id": "ch_1",
        "subtotal_cents": 1200,
        "discount_cents": 200,
        "tax_cents": 190,
        "inclusive_tax_cents": 0,
        "total_cents": 1190,
        "amount_remaining_cents": 0,
        "period_starts_at": at("2020-09-13T12:26:40"),
        "period_ends_at": at("2020-10-13T12:26:40"),
    }
    invoice = only("invoice.paid", INVOICE)
    assert said(invoice, *expected) == expected
    (line,) = invoice.lines
    assert (line.price_id, line.subscription_item_id, line.unit_price) == ("price_1", "si_1", Decimal("6.00"))
    assert (line.discount_cents, line.tax_cents, line.quantity) == (200, 190, Decimal(2))


def test_a_new_invoice_finds_its_taxes_and_its_payment() -> None:
    taxes = [
        {"amount": 190, "tax_behavior": "exclusive", "type": "tax_rate_details"},
        {"amount": 10, "tax_behavior": "inclusive", "type": "tax_rate_details"},
    ]
    tie = {
        "id": "inpay_1",
        "object": "invoice_payment",
        "amount_paid": 1190,
        "amount_requested": 1190,
        "currency": "eur",
        "invoice": "in_1",
        "payment": {"type": "payment_intent", "payment_intent": {"id": "pi_9", "object": "payment_intent"}},
        "status": "paid",
    }
    gone = {"payment_intent": None, "charge": None, "subscription": None, "tax": None, "total_tax_amounts": None}
    parent = {"type": "subscription_details", "subscription_details": {"subscription": {"id": "sub_9"}}}
    invoice = only("invoice.paid", INVOICE, **gone, total_taxes=taxes, payments={"data": [tie]}, parent=parent)
    assert (invoice.tax_cents, invoice.inclusive_tax_cents) == (200, 10)
    assert (invoice.subscription_id, invoice.payment_intent_id) == ("sub_9", "pi_9")
    assert [one.amount_paid_cents for one in invoice.invoice_payments] == [1190]


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"paid": True, "closed": True}, "paid"),
        ({"forgiven": True, "closed": True}, "uncollectible"),
        ({"closed": True}, "void"),
        ({"attempted": True}, "open"),
        ({}, "draft"),
    ],
)
def test_the_oldest_invoices_tell_their_state_by_flags(flags: dict[str, bool], status: str) -> None:
    assert only("invoice.updated", INVOICE, status=None, **flags).status == status


def test_an_old_subscription_is_worth_as_much() -> None:
    subscription = only("customer.subscription.updated", SUBSCRIPTION)
    assert (subscription.mrr_cents, subscription.billing_cycle, subscription.plan) == (5000, "yearly", "Yearly")
    assert subscription.period_ends_at == at("2021-09-13T12:26:40")


def test_the_oldest_subscriptions_sell_one_plan_on_themselves() -> None:
    facts = only("customer.subscription.updated", SUBSCRIPTION, items=None, plan=PLAN, quantity=3)
    assert (facts.mrr_cents, facts.quantity) == (7500, 3)


def test_an_old_discount_holds_its_coupon() -> None:
    coupon = {"id": "half", "object": "coupon", "duration": "forever", "percent_off": 50.0}
    discount = {"id": "di_1", "object": "discount", "coupon": coupon, "end": None}
    assert only("customer.subscription.updated", SUBSCRIPTION, discount=discount).mrr_cents == 2500


def test_a_paused_collection_is_no_recurring_revenue() -> None:
    facts = only("customer.subscription.updated", SUBSCRIPTION, pause_collection={"behavior": "void"})
    assert (facts.status, facts.is_paused, facts.mrr_cents) == ("active", True, 0)


def test_what_came_as_bare_ids_must_be_fetched_before_the_worth_is_whole() -> None:
    tiered = {**PLAN, "billing_scheme": "tiered", "amount": None, "tiers_mode": "graduated"}
    item = {"id": "si_1", "plan": tiered, "quantity": 1, "discounts": ["di_2"]}
    facts = only(
        "customer.subscription.updated",
        SUBSCRIPTION,
        items={"data": [item], "has_more": True},
        discounts=[{"id": "di_1", "object": "discount", "source": {"type": "coupon", "coupon": "half"}}],
    )
    assert facts.to_expand == ("items", "discounts.source.coupon.applies_to")


def test_no_path_to_expand_is_deeper_than_stripe_allows() -> None:
    tiered = {**PLAN, "billing_scheme": "tiered", "amount": None, "tiers_mode": "graduated"}
    facts = only(
        "customer.subscription.updated",
        SUBSCRIPTION,
        items={"data": [{"id": "si_1", "plan": tiered, "quantity": 1}]},
        discounts=["di_1"],
    )
    assert facts.to_expand == ("discounts.source.coupon.applies_to", "items.data.price.tiers")
    assert all(path.count(".") < 4 for path in facts.to_expand)


def test_a_coupon_on_several_products_is_asked_which_it_holds_for() -> None:
    other = {**PLAN, "id": "plan_2", "product": "prod_2"}
    items = {"data": [{"id": "si_1", "plan": PLAN, "quantity": 1}, {"id": "si_2", "plan": other, "quantity": 1}]}
    coupon = {"id": "half", "object": "coupon", "duration": "forever", "percent_off": 50.0}
    discount = {"id": "di_1", "object": "discount", "coupon": coupon, "end": None}
    asked = only("customer.subscription.updated", SUBSCRIPTION, items=items, discount=discount)
    assert asked.to_expand == ("discounts.source.coupon.applies_to",)
    answered = {**discount, "coupon": {**coupon, "applies_to": {"products": ["prod_2"]}}}
    told = only("customer.subscription.updated", SUBSCRIPTION, items=items, discount=answered)
    assert (told.to_expand, told.mrr_cents) == ((), 2500 + 1250)


def test_the_period_is_that_of_the_item_that_renews_first() -> None:
    late = {"id": "si_1", "plan": PLAN, "current_period_start": 1_600_000_000, "current_period_end": 1_631_536_000}
    soon = {**late, "id": "si_2", "current_period_start": 1_600_000_500, "current_period_end": 1_602_592_500}
    gone = {"current_period_start": None, "current_period_end": None}
    facts = only("customer.subscription.updated", SUBSCRIPTION, **gone, items={"data": [late, soon]})
    assert (facts.period_starts_at, facts.period_ends_at) == (at("2020-09-13T12:35:00"), at("2020-10-13T12:35:00"))


def test_prices_in_ugandan_shillings_are_worth_whole_shillings() -> None:
    plan = {**PLAN, "currency": "ugx", "amount": 1_200_000, "interval": "month"}
    facts = only("customer.subscription.updated", SUBSCRIPTION, items={"data": [{"id": "si_1", "plan": plan}]})
    assert (facts.mrr_cents, facts.items[0].unit_price) == (12000, Decimal("12000.00"))


def test_what_is_left_of_a_deleted_customer_says_so() -> None:
    (customer,) = fetched({"id": "cus_1", "object": "customer", "deleted": True})
    assert (customer.is_deleted, customer.name, customer.created_at) == (True, "", None)
    assert fetched({"id": "in_1", "object": "invoice", "deleted": True}) == ()


def test_a_credit_note_finds_its_old_refund_and_taxes() -> None:
    note = {
        "id": "cn_1",
        "object": "credit_note",
        "amount": 119,
        "currency": "eur",
        "invoice": "in_1",
        "refund": "re_1",
        "status": "issued",
        "subtotal": 100,
        "tax_amounts": [{"amount": 19, "inclusive": False}],
        "total": 119,
    }
    facts = only("credit_note.created", note)
    assert (facts.refund_ids, facts.tax_cents, facts.after_payment_cents) == (("re_1",), 19, None)


def test_a_checkout_in_setup_mode_has_no_amounts() -> None:
    facts = only("checkout.session.completed", {"id": "cs_1", "object": "checkout.session", "mode": "setup"})
    assert (facts.currency, facts.total_cents, facts.user_id) == ("", None, "")
