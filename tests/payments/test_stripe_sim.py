from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from payments.stripe.sim import Settlement, Sim
from payments.stripe.sim.ledger import NaiveTime
from payments.stripe.sim.live import Life
from payments.stripe.sim.schema import NotStripeShaped, validate
from payments.stripe.sim.subscribing import add_months

DAY = 86_400
FIRST_INVOICE = [
    "customer.subscription.created",
    "invoice.created",
    "invoice.finalized",
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
]


def types_since(sim, event=None):
    return [event["type"] for event in sim.events(event)]


def last(sim):
    return sim.events()[-1]


def net_by_month(sim, zone_offset_hours=0):
    months = Counter()
    for row in sim.store.newest_first("balance_transaction"):
        months[datetime.fromtimestamp(row["created"] + zone_offset_hours * 3600, UTC).strftime("%Y-%m")] += row["net"]
    return dict(months)


def everything_happens():
    sim = Sim(settles={"eur": Settlement("usd", Decimal("1.085"))})
    rate, coupon = sim.tax_rate(Decimal(19)), sim.coupon(percent_off=Decimal("25.5"), duration="once")
    buyer = sim.customer("Acorn GmbH", email="billing@acorn.example", metadata={"user_id": "u-1"})
    monthly, yen = sim.price(2999), sim.price(500, "jpy", interval="year")
    subscription = sim.subscribe(buyer, monthly, coupon=coupon, tax_rates=[rate])
    sim.renew(subscription)
    sim.pay(sim.fail_payment(subscription))
    sim.change_plan(subscription, sim.price(4999), quantity=2)
    sim.cancel(subscription, at_period_end=True)
    sim.cancel(subscription)
    sim.subscribe(buyer, [yen, sim.price(300, "jpy", interval="year")], trial_days=14)
    sim.subscribe(buyer, monthly, decline="expired_card")
    sim.subscribe(buyer, monthly, days_until_due=14, coupon=sim.coupon(amount_off=500, currency="usd"))
    sim.fail_refund(sim.refund(sim.charge(buyer, 10_000, "eur"), 4_000))
    sim.close_dispute(sim.dispute(sim.charge(buyer, 2_999)), won=True)
    sim.close_dispute(sim.dispute(sim.charge(None, 2_999)), won=False)
    sim.settle(sim.charge(buyer, 700, settled=False))
    paid = sim.pay(sim.invoice(buyer, [("Setup", 5_000), ("Training", 7_000)], tax_rates=[rate]))
    sim.credit_note(paid, 1_000, refund_amount=1_000)
    opened = sim.invoice(buyer, [("Workshop", 5_000)])
    sim.void_credit_note(sim.credit_note(opened, 500))
    sim.credit_note(opened, 5_000)
    sim.void(sim.invoice(buyer, [("Mistake", 1)]))
    sim.mark_uncollectible(sim.invoice(buyer, [("Hopeless", 1)]))
    sim.checkout(monthly, client_reference_id="u-2")
    sim.checkout(sim.price(900, interval=None))
    sim.expire_checkout(sim.begin_checkout(monthly))
    sim.cancel_intent(sim.begin_payment(5))
    sim.account_fee(250)
    sim.webhook_endpoint("http://127.0.0.1:1/")
    sim.payout(at=sim.now() + 3 * DAY)
    sim.delete_customer(sim.customer("Gone", card=None))
    return sim


def test_every_scenario_yields_only_objects_stripe_could_send():
    sim = everything_happens()
    kinds = set()
    for obj in list(sim.store._objects.values()) + [event["data"]["object"] for event in sim.events()]:
        validate(obj)
        kinds.add(obj["object"])
    assert len(kinds) >= 20
    assert len(set(types_since(sim))) >= 40


def test_a_key_stripe_does_not_know_is_refused():
    sim = Sim()
    charge = sim.charge(None, 500)
    with pytest.raises(NotStripeShaped, match="invoice"):
        validate({**charge, "invoice": "in_1"})
    with pytest.raises(NotStripeShaped, match="amount"):
        sim.store.change("charge", charge["id"], {"amount": "5.00"})


def test_same_seed_and_clock_give_the_same_company():
    assert everything_happens().events() == everything_happens().events()
    assert Sim(seed="a").customer("X")["id"] != Sim(seed="b").customer("X")["id"]


def test_a_subscription_emits_its_events_in_stripes_order():
    sim = Sim()
    buyer, price = sim.customer("Acorn"), sim.price(2999)
    start = last(sim)
    subscription = sim.subscribe(buyer, price)
    assert types_since(sim, start) == FIRST_INVOICE
    start = last(sim)
    sim.renew(subscription)
    assert types_since(sim, start) == ["customer.subscription.updated", *FIRST_INVOICE[1:]]


def test_a_renewal_ties_invoice_payment_intent_charge_and_movement_together():
    sim = Sim()
    price = sim.price(2999)
    subscription = sim.subscribe(sim.customer("Acorn"), price)
    invoice = sim.renew(subscription)
    payment = sim.store.newest_first("invoice_payment")[0]
    intent = sim.get("payment_intent", payment["payment"]["payment_intent"])
    charge = sim.get("charge", intent["latest_charge"])
    movement = sim.get("balance_transaction", charge["balance_transaction"])
    line = invoice["lines"]["data"][0]
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]
    assert (invoice["status"], invoice["total"], invoice["amount_remaining"]) == ("paid", 2999, 0)
    assert line["pricing"]["price_details"]["price"] == price["id"]
    assert payment["invoice"] == invoice["id"]
    assert (movement["amount"], movement["fee"], movement["net"], movement["source"]) == (2999, 117, 2882, charge["id"])
    assert "invoice" not in charge


def test_events_carry_only_the_id_of_the_balance_transaction_and_never_change():
    sim = Sim()
    charge = sim.charge(None, 5000)
    event = next(event for event in sim.events() if event["type"] == "charge.succeeded")
    sim.refund(charge)
    assert event["data"]["object"]["balance_transaction"].startswith("txn_")
    assert sim.get("event", event)["data"]["object"]["amount_refunded"] == 0


def test_a_month_of_payments_refunds_and_a_dispute_nets_to_the_cent():
    sim = Sim()
    october, november, december = (datetime(2026, month, 5, 12, tzinfo=UTC) for month in (10, 11, 12))
    first = sim.charge(None, 10_000, "eur", at=october)
    second = sim.charge(None, 2_999, "eur", at=october)
    sim.charge(None, 5_000, "eur", at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    sim.refund(first, 4_000, at=november)
    dispute = sim.dispute(second, at=november, fee=1500)
    sim.close_dispute(dispute, won=True, at=december)
    assert net_by_month(sim, zone_offset_hours=1) == {"2026-10": 12_562, "2026-11": -3_674, "2026-12": 2_999}


def test_a_charge_in_euro_settles_in_dollars_and_its_refund_at_another_rate():
    sim = Sim(settles={"eur": Settlement("usd", Decimal("1.085"))})
    charge = sim.charge(None, 10_000, "eur", fee=617)
    refund = sim.refund(charge, exchange_rate=Decimal("1.102"))
    movements = [sim.get("balance_transaction", obj["balance_transaction"]) for obj in (charge, refund)]
    assert [(row["currency"], row["amount"], row["net"]) for row in movements] == [
        ("usd", 10_850, 10_233),
        ("usd", -11_020, -11_020),
    ]
    assert movements[0]["exchange_rate"] == 1.085


def test_yen_are_whole_and_settle_into_cents():
    sim = Sim(settles={"jpy": Settlement("usd", Decimal("0.0067"))})
    charge = sim.charge(None, 500, "jpy")
    refund = sim.refund(charge, 300)
    assert (charge["amount"], refund["amount"]) == (500, 300)
    assert sim.get("balance_transaction", charge["balance_transaction"])["amount"] == 335
    assert sim.get("charge", charge)["amount_refunded"] == 300


def test_a_refund_never_exceeds_what_is_left():
    sim = Sim()
    charge = sim.charge(None, 500)
    sim.refund(charge, 300)
    with pytest.raises(ValueError, match="greater than unrefunded amount"):
        sim.refund(charge, 201)


def test_a_lost_dispute_keeps_the_money_and_the_fee():
    sim = Sim()
    dispute = sim.dispute(sim.charge(None, 2_999), fee=1500)
    start = last(sim)
    lost = sim.close_dispute(dispute, won=False)
    assert (lost["status"], types_since(sim, start)) == ("lost", ["charge.dispute.closed"])
    assert [row["net"] for row in lost["balance_transactions"]] == [-4_499]


def test_a_declined_renewal_leaves_the_subscription_past_due_until_it_is_paid():
    sim = Sim()
    subscription = sim.subscribe(sim.customer("Acorn"), sim.price(2999))
    start = last(sim)
    invoice = sim.fail_payment(subscription, decline="insufficient_funds")
    assert types_since(sim, start)[3:] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
        "customer.subscription.updated",
    ]
    assert sim.get("subscription", subscription)["status"] == "past_due"
    assert sim.pay(invoice)["status"] == "paid"
    assert sim.get("subscription", subscription)["status"] == "active"


def test_tax_and_discount_stand_on_the_lines_and_add_up():
    sim = Sim()
    rate, coupon = sim.tax_rate(Decimal(10)), sim.coupon(amount_off=10_00, currency="usd")
    subscription = sim.subscribe(sim.customer("A"), sim.price(100_00), coupon=coupon, tax_rates=[rate])
    invoice = sim.get("invoice", subscription["latest_invoice"])
    assert (invoice["subtotal"], invoice["total_excluding_tax"], invoice["total"]) == (10_000, 9_000, 9_900)
    assert (invoice["total_discount_amounts"][0]["amount"], invoice["total_taxes"][0]["amount"]) == (1_000, 900)


def test_inclusive_tax_is_inside_the_price():
    sim = Sim()
    rate = sim.tax_rate(Decimal(19), inclusive=True)
    invoice = sim.invoice(sim.customer("A"), [("Desk", 353_90)], tax_rates=[rate])
    assert (invoice["total"], invoice["total_excluding_tax"]) == (353_90, 297_39)
    assert invoice["total_taxes"][0]["amount"] == 56_51


def test_graduated_and_volume_tiers_price_the_edges():
    sim = Sim()
    tiers = [
        {"up_to": up_to, "unit_amount_decimal": unit, "flat_amount": None}
        for up_to, unit in ((10, "100"), (None, "50"))
    ]
    totals = {}
    for mode in ("graduated", "volume"):
        price = sim.price(None, tiers_mode=mode, tiers=tiers)
        for quantity in (9, 10, 11):
            made = sim.subscribe(sim.customer("A"), price, quantity=quantity)
            totals[mode, quantity] = sim.get("invoice", made["latest_invoice"])["total"]
    assert totals == {
        ("graduated", 9): 900,
        ("graduated", 10): 1000,
        ("graduated", 11): 1050,
        ("volume", 9): 900,
        ("volume", 10): 1000,
        ("volume", 11): 550,
    }


def test_periods_anchored_on_the_31st_keep_their_anchor():
    start = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    days, at = [], start
    for _ in range(4):
        at = add_months(at, 1, start)
        days.append(datetime.fromtimestamp(at, UTC).strftime("%m-%d %H"))
    assert days == ["02-28 12", "03-31 12", "04-30 12", "05-31 12"]


def test_a_canceled_subscription_renews_no_more():
    sim = Sim()
    subscription = sim.cancel(sim.subscribe(sim.customer("A"), sim.price(2999)))
    with pytest.raises(ValueError, match="renews no more"):
        sim.renew(subscription)


def test_a_trial_bills_nothing_until_it_ends():
    sim = Sim()
    subscription = sim.subscribe(sim.customer("A"), sim.price(2999), trial_days=14)
    assert (subscription["status"], sim.get("invoice", subscription["latest_invoice"])["total"]) == ("trialing", 0)
    assert sim.store.newest_first("charge") == []
    assert sim.renew(subscription)["total"] == 2999


def test_credit_notes_never_exceed_the_invoice_and_refund_what_was_paid():
    sim = Sim()
    paid = sim.pay(sim.invoice(sim.customer("A"), [("Setup", 5_000)]))
    sim.credit_note(paid, 4_000, refund_amount=4_000)
    assert sim.store.newest_first("refund")[0]["amount"] == 4_000
    with pytest.raises(ValueError, match="cannot exceed"):
        sim.credit_note(paid, 1_001)


def test_a_payout_takes_every_available_movement_once():
    sim = Sim()
    sim.charge(None, 10_000)
    sim.refund(sim.charge(None, 5_000), 1_000)
    assert sim.payout(at=sim.now() + DAY) == []
    [payout] = sim.payout(at=sim.now() + 3 * DAY)
    assert payout["amount"] == (10_000 - 320) + (5_000 - 175) - 1_000
    assert sim.payout(at=sim.now() + 3 * DAY) == []


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(NaiveTime):
        Sim().charge(None, 500, at=datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_life_is_random_but_the_same_for_the_same_seed():
    sims = [Sim(), Sim()]
    sentences = [[life.happen() for _ in range(40)] for life in (Life(sim, seed=7) for sim in sims)]
    assert sentences[0] == sentences[1]
    assert sims[0].events() == sims[1].events()
    assert len(set(types_since(sims[0]))) > 15
