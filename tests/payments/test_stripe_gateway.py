from __future__ import annotations

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
    assert charge["balance_transaction"]["net"] == 67
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
