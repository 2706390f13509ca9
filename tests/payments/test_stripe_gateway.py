from __future__ import annotations

import datetime as dt
import time

import pytest

from payments.stripe.gateway import Gateway, StripeRefused, StripeUnreachable, UnknownKind
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.schema import api_version


def gateway_of(sim, **options):
    return Gateway(API_KEY, sim.url, api_version(), **options)


def test_the_gateway_returns_plain_dicts_across_pages(stripe_sim):
    for n in range(120):
        stripe_sim.charge(None, 100, at=1_800_000_000 + n)
    gateway = gateway_of(stripe_sim)
    rows = list(gateway.balance_transactions(created_gte=1_800_000_000, created_lt=1_800_000_119))
    assert (len(rows), type(rows[0]), rows[0]["source"]["object"]) == (119, dict, "charge")
    charge = gateway.retrieve("charge", rows[0]["source"]["id"], expand=["balance_transaction"])
    assert charge.body["balance_transaction"]["net"] == 67
    assert len(list(gateway.list("charge", created={"gte": 1_800_000_100}))) == 20
    assert stripe_sim.api.requests[-1].version == api_version()


def test_the_gateway_says_whether_trying_again_can_help(stripe_sim):
    gateway = gateway_of(stripe_sim, timeout=0.3)
    with pytest.raises(StripeRefused, match="No such charge") as refused:
        gateway.retrieve("charge", "ch_none")
    assert refused.value.is_missing
    with pytest.raises(UnknownKind):
        gateway.retrieve("topup", "x")
    with pytest.raises(StripeRefused, match="Invalid API Key"):
        Gateway("sk_test_wrong", stripe_sim.url, api_version()).retrieve("charge", "ch_none")
    stripe_sim.faults.fail_next(3, status=503)
    with pytest.raises(StripeUnreachable, match="could not answer now"):
        list(gateway.list("charge"))


def test_the_gateway_tries_again_after_one_bad_answer_and_gives_up_in_time(stripe_sim):
    gateway = gateway_of(stripe_sim, timeout=0.2)
    stripe_sim.faults.fail_next(status=500)
    assert list(gateway.list("charge")) == []
    stripe_sim.faults.latency = 0.5
    began = time.monotonic()
    with pytest.raises(StripeUnreachable, match="did not answer"):
        list(gateway.list("charge"))
    assert time.monotonic() - began < 5
    assert API_KEY not in repr(gateway)


def test_an_answer_is_dated_by_stripes_clock_at_the_moment_it_was_asked(stripe_sim):
    moment = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    stripe_sim.clock = lambda: int(moment.timestamp())
    buyer = stripe_sim.customer("Acorn")
    moment += dt.timedelta(hours=1)
    stripe_sim.faults.latency = 1.2
    answer = gateway_of(stripe_sim).retrieve("customer", buyer["id"])
    # Whatever happens while Stripe is writing is younger than its answer.
    assert answer.at == moment - dt.timedelta(seconds=2)
    assert (answer.body["id"], answer.api_version) == (buyer["id"], api_version())


def test_a_list_of_several_pages_comes_as_one_and_says_what_was_asked(stripe_sim):
    buyer = stripe_sim.customer("Acorn")
    invoice = stripe_sim.invoice(buyer, [(f"Part {n}", n) for n in range(1, 121)])
    gateway = gateway_of(stripe_sim)
    lines = gateway.lines_of_invoice(invoice["id"]).body
    assert [line["amount"] for line in lines["data"]] == list(range(1, 121))
    assert (lines["object"], lines["has_more"]) == ("list", False)
    assert lines["url"] == f"/v1/invoices/{invoice['id']}/lines"
    ties = gateway.whole_list("invoice_payment", invoice=invoice["id"]).body
    assert (len(ties["data"]), ties["url"]) == (1, f"/v1/invoice_payments?invoice={invoice['id']}")


def test_pages_go_on_behind_an_object_already_read(stripe_sim):
    charges = [stripe_sim.charge(None, 100, at=1_800_000_000 + n)["id"] for n in range(5)]
    gateway = gateway_of(stripe_sim)
    first = next(gateway.pages("charge", limit=2))
    assert [row["id"] for row in first.body["data"]] == charges[:2:-1]
    rest = gateway.pages("charge", limit=2, starting_after=charges[3])
    assert [row["id"] for page in rest for row in page.body["data"]] == charges[2::-1]
