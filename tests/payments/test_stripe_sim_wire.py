from __future__ import annotations

import threading
import time
from email.utils import parsedate_to_datetime

import pytest
import stripe

from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.faults import CUT, Weather
from payments.stripe.sim.schema import api_version

DAY = 86_400


def client_of(sim, **options):
    return stripe.StripeClient(
        options.pop("api_key", API_KEY), base_addresses={"api": sim.url}, stripe_version=api_version(), **options
    )


def test_stripes_client_reads_what_the_company_did(stripe_sim):
    buyer = stripe_sim.customer("Acorn", email="billing@acorn.example")
    subscription = stripe_sim.subscribe(buyer, stripe_sim.price(2999))
    client = client_of(stripe_sim)
    assert client.v1.customers.retrieve(buyer["id"]).email == "billing@acorn.example"
    assert client.v1.subscriptions.retrieve(subscription["id"])["items"].data[0].current_period_start == 1_767_225_600
    assert client.v1.accounts.retrieve_current().default_currency == "usd"
    assert client.v1.balance.retrieve().pending[0].amount == 2882
    assert stripe_sim.api.requests[-1].version == api_version()


def test_lists_page_forwards_and_backwards_newest_first(stripe_sim):
    made = [stripe_sim.charge(None, 100 + n, at=1_800_000_000 + n)["id"] for n in range(25)]
    client = client_of(stripe_sim)
    page = client.v1.charges.list({"limit": 10})
    assert [row.id for row in page.data] == made[:14:-1]
    assert page.has_more
    assert [row.id for row in page.auto_paging_iter()] == made[::-1]
    before = client.v1.charges.list({"limit": 2, "ending_before": made[20]})
    assert [row.id for row in before.data] == [made[22], made[21]]


def test_ranges_of_time_are_half_open_as_asked(stripe_sim):
    made = [stripe_sim.charge(None, 500, at=at)["id"] for at in (100, 200, 300)]
    client = client_of(stripe_sim)
    found = client.v1.charges.list({"created": {"gte": 100, "lt": 300}})
    assert [row.id for row in found.data] == [made[1], made[0]]
    assert [row.id for row in client.v1.charges.list({"created": 300}).data] == [made[2]]
    assert [row.id for row in client.v1.balance_transactions.list({"created": {"gt": 100, "lte": 200}}).data] == [
        stripe_sim.get("charge", made[1])["balance_transaction"]
    ]


def test_filters_find_exactly_their_rows(stripe_sim):
    buyer, other = stripe_sim.customer("A"), stripe_sim.customer("B")
    mine, theirs = stripe_sim.charge(buyer, 900), stripe_sim.charge(other, 900)
    refund = stripe_sim.refund(mine)
    subscription = stripe_sim.subscribe(buyer, stripe_sim.price(900))
    invoice = stripe_sim.get("invoice", subscription["latest_invoice"])
    stripe_sim.cancel(stripe_sim.subscribe(other, stripe_sim.price(800)))
    [payout] = stripe_sim.payout(at=stripe_sim.now() + 9 * DAY)
    client = client_of(stripe_sim).v1

    def ids(page):
        return [row.id for row in page.data]

    assert ids(client.charges.list({"payment_intent": theirs["payment_intent"]})) == [theirs["id"]]
    assert mine["id"] in ids(client.charges.list({"customer": buyer["id"]}))
    assert theirs["id"] not in ids(client.charges.list({"customer": buyer["id"]}))
    assert ids(client.refunds.list({"charge": mine["id"]})) == [refund["id"]]
    assert ids(client.invoices.list({"subscription": subscription["id"], "status": "paid"})) == [invoice["id"]]
    assert ids(client.invoices.list({"status": "open"})) == []
    assert ids(client.subscriptions.list()) == [subscription["id"]]
    assert len(ids(client.subscriptions.list({"status": "all"}))) == 2
    assert len(ids(client.balance_transactions.list({"payout": payout["id"]}))) == 6
    assert ids(client.balance_transactions.list({"type": "payout"})) == [payout["balance_transaction"]]
    assert {row.type for row in client.events.list({"types": ["refund.created", "payout.paid"]}).data} == {
        "refund.created",
        "payout.paid",
    }
    payment = client.invoice_payments.list({"invoice": invoice["id"]}).data[0]
    by_intent = {"payment": {"type": "payment_intent", "payment_intent": payment.payment.payment_intent}}
    assert ids(client.invoice_payments.list(by_intent)) == [payment.id]


def test_expand_opens_ids_in_objects_lists_and_depths(stripe_sim):
    subscription = stripe_sim.subscribe(stripe_sim.customer("A"), stripe_sim.price(2999))
    stripe_sim.refund(stripe_sim.charge(None, 100))
    client = client_of(stripe_sim).v1
    charges = client.charges.list({"expand": ["data.balance_transaction", "data.customer", "data.refunds"]}).data
    assert [(row.balance_transaction.fee, len(row.refunds.data)) for row in charges] == [(33, 1), (117, 0)]
    assert charges[1].customer.name == "A"
    found = client.subscriptions.retrieve(
        subscription["id"], {"expand": ["latest_invoice.payments.data.payment.payment_intent"]}
    )
    assert found.latest_invoice.payments.data[0].payment.payment_intent.amount_received == 2999
    opened = client.balance_transactions.list({"type": "refund", "expand": ["data.source.charge"]}).data[0]
    assert opened.source.charge.amount_refunded == 100
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.charges.list({"expand": ["data.amount"]})


def test_errors_come_in_stripes_envelopes(stripe_sim):
    client = client_of(stripe_sim).v1
    with pytest.raises(stripe.AuthenticationError):
        client_of(stripe_sim, api_key="sk_test_wrong").v1.charges.list()
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_x'") as missing:
        client.customers.retrieve("cus_x")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: colour"):
        client.charges.list({"colour": "red"})
    with pytest.raises(stripe.InvalidRequestError, match="sim does not support transfer_group"):
        client.charges.list({"transfer_group": "x"})
    with pytest.raises(stripe.InvalidRequestError, match="Invalid integer"):
        client.charges.list({"created": {"gte": "yesterday"}})
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.topups.list()
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.refunds.create({"charge": stripe_sim.charge(None, 5)["id"], "amount": 6})


def test_a_client_can_sell_and_bill_through_the_api(stripe_sim):
    client = client_of(stripe_sim).v1
    buyer = client.customers.create({"name": "Acorn", "payment_method": "pm_card_visa", "metadata": {"user_id": "u-1"}})
    product = client.products.create({"name": "Plan"})
    price = client.prices.create(
        {"product": product.id, "currency": "usd", "unit_amount": 2999, "recurring": {"interval": "month"}}
    )
    subscription = client.subscriptions.create({"customer": buyer.id, "items": [{"price": price.id, "quantity": 2}]})
    client.invoice_items.create({"customer": buyer.id, "amount": 500, "currency": "usd"})
    draft = client.invoices.create({"customer": buyer.id})
    paid = client.invoices.pay(client.invoices.finalize_invoice(draft.id).id)
    client.customers.update(buyer.id, {"metadata": {"user_id": "", "tier": "gold"}})
    client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    session = client.checkout.sessions.create(
        {"mode": "payment", "line_items": [{"price": price.id, "quantity": 1}], "success_url": "https://example.com"}
    )
    assert client.invoices.retrieve(subscription.latest_invoice).total == 5998
    assert (paid.status, paid.total) == ("paid", 500)
    assert client.customers.retrieve(buyer.id).metadata.to_dict() == {"tier": "gold"}
    assert client.subscriptions.cancel(subscription.id).status == "canceled"
    assert client.checkout.sessions.line_items.list(session.id).data[0].description == "Plan"
    assert client.customers.delete(buyer.id).deleted
    assert client.customers.retrieve(buyer.id).deleted


def test_a_declined_card_answers_402_and_leaves_the_failed_charge(stripe_sim):
    order = {"amount": 900, "currency": "usd", "confirm": True, "payment_method": "pm_card_chargeDeclined"}
    with pytest.raises(stripe.CardError) as declined:
        client_of(stripe_sim).v1.payment_intents.create(order)
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert stripe_sim.store.newest_first("charge")[0]["status"] == "failed"


def test_an_idempotency_key_refunds_once(stripe_sim):
    charge = stripe_sim.charge(None, 1000)
    client, options = client_of(stripe_sim).v1, {"idempotency_key": "refund-1"}
    first = client.refunds.create({"charge": charge["id"], "amount": 300}, options)
    again = client.refunds.create({"charge": charge["id"], "amount": 300}, options)
    assert (first.id, again.last_response.headers["Idempotent-Replayed"]) == (again.id, "true")
    assert stripe_sim.get("charge", charge)["amount_refunded"] == 300
    with pytest.raises(stripe.IdempotencyError):
        client.refunds.create({"charge": charge["id"], "amount": 400}, options)
    created = next(event for event in stripe_sim.events() if event["type"] == "refund.created")
    assert created["request"]["idempotency_key"] == "refund-1"


def test_an_answer_lost_after_the_work_is_found_again_by_its_key(stripe_sim):
    charge = stripe_sim.charge(None, 1000)
    client, options = client_of(stripe_sim, max_network_retries=0).v1, {"idempotency_key": "refund-1"}
    stripe_sim.faults.fail_next(status=CUT, after=True)
    with pytest.raises(stripe.APIConnectionError):
        client.refunds.create({"charge": charge["id"]}, options)
    assert client.refunds.create({"charge": charge["id"]}, options).amount == 1000
    assert len(stripe_sim.store.newest_first("refund")) == 1


def test_injected_failures_hit_the_next_requests_only(stripe_sim):
    client = client_of(stripe_sim, max_network_retries=0).v1
    stripe_sim.faults.fail_next(status=500)
    stripe_sim.faults.fail_next(status=429)
    with pytest.raises(stripe.APIError):
        client.charges.list()
    with pytest.raises(stripe.RateLimitError):
        client.charges.list()
    assert client.charges.list().data == []


def test_latency_and_error_rates_follow_the_route(stripe_sim):
    client = client_of(stripe_sim, max_network_retries=0).v1
    stripe_sim.faults.routes = {"/v1/charges": Weather(latency=0.2), "/v1/refunds": Weather(error_rate=1.0)}
    began = time.monotonic()
    client.charges.list()
    slow, began = time.monotonic() - began, time.monotonic()
    client.disputes.list()
    quick = time.monotonic() - began
    with pytest.raises(stripe.APIError):
        client.refunds.list()
    assert slow >= 0.2 > quick


def test_parallel_readers_share_the_server(stripe_sim):
    stripe_sim.faults.latency = 0.2
    threads = [threading.Thread(target=client_of(stripe_sim).v1.charges.list) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 0.2 * 8 / 2
    assert len(stripe_sim.api.requests) == 8


def test_answers_are_dated_by_the_sims_time_and_never_before_what_it_told(stripe_sim):
    def dated():
        answer = client_of(stripe_sim).raw_request("get", "/v1/account")
        return int(parsedate_to_datetime(answer.headers["Date"]).timestamp())

    assert dated() == stripe_sim.now()
    stripe_sim.customer("Acorn", at=stripe_sim.now() + DAY)
    assert dated() == stripe_sim.now() + DAY + 2
