"""A Stripe webhook, end to end: real HTTP in, a real worker, real HTTP out, and books that equal Stripe's."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import djstripe.models
import pytest
from django.conf import settings as django_settings

from invoices.models import Invoice
from payments.models import BalanceTransaction, Dispute, Payment, Refund, StripeEvent, Subscription
from payments.stripe.sim.faults import Weather
from payments.stripe.sim.webhooks import post
from tests.payments.posting import SECRET
from tests.payments.stripe_story import books, live

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def worker(transactional_db, redis_url, stripe_sim) -> Iterator[subprocess.Popen]:
    """Run a Celery worker on every queue that speaks to the fake Stripe of this test."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.flows.worker_at_the_sim",
        "FLOW_STRIPE_API_BASE": stripe_sim.url,
        "FLOW_STRIPE_API_KEY": stripe_sim.api_key,
    }
    log = django_settings.VAR_DIR / "log" / f"flow-worker-{django_settings.TEST_DATABASE}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "billing_site.serving.worker", "--concurrency", "2"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        _wait_until(lambda: "ready." in log.read_text(), "The worker did not become ready")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.unlink(missing_ok=True)


@pytest.fixture
def door(live_site, settings) -> str:
    """Register the endpoint with dj-stripe, as an operator does, and return its address."""
    settings.STRIPE_WEBHOOK_SECRETS = []
    made = djstripe.models.WebhookEndpoint.objects.create(
        id="we_flow", secret=SECRET, url=live_site, enabled_events=["*"], status="enabled"
    )
    return f"{live_site}/stripe/webhook/{made.djstripe_uuid}/"


def _wait_until(happened: Callable[[], bool], otherwise: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(otherwise)
        time.sleep(0.1)


def _all_applied() -> bool:
    # A nudge may arrive while another sweep is at its end; in real life beat sweeps again within the minute.
    from billing_site.kit.nudging import nudge
    from payments.tasks import apply_stripe_events, mirror_events, mirror_fetch_missing

    waiting = StripeEvent.objects.pending().exists()
    if waiting or Payment.objects.without_fee().exists() or StripeEvent.objects.filter(mirrored_at=None).exists():
        for task in (apply_stripe_events, mirror_fetch_missing, mirror_events):
            nudge(task)
        time.sleep(0.4)
    return not waiting


def _with_fees() -> bool:
    return _all_applied() and not Payment.objects.without_fee().exists()


def _mirrored() -> bool:
    return _with_fees() and not StripeEvent.objects.filter(mirrored_at=None).exists()


def _assert_books_equal(sim) -> None:
    for invoice in sim.store.newest_first("invoice"):
        ours = Invoice.objects.get(stripe_invoice_id=invoice["id"])
        assert (ours.invoice_number, ours.status, ours.total_cents) == (
            invoice["number"],
            invoice["status"],
            invoice["total"],
        )
        assert (ours.amount_paid_cents, ours.amount_due_cents) == (invoice["amount_paid"], invoice["amount_remaining"])
        assert [line.amount_cents for line in ours.lines.all()] == [line["amount"] for line in invoice["lines"]["data"]]
    for charge in sim.store.newest_first("charge"):
        ours = Payment.objects.get(stripe_charge_id=charge["id"])
        assert (ours.amount_cents, ours.refund_amount_cents) == (charge["amount"], charge["amount_refunded"])
        if charge["balance_transaction"]:
            movement = sim.get("balance_transaction", charge["balance_transaction"])
            assert (ours.stripe_fee_cents, ours.net_amount_cents) == (movement["fee"], movement["net"])
    for tie in sim.store.newest_first("invoice_payment"):
        if tie["status"] == "paid":
            ours = Payment.objects.get(stripe_payment_intent_id=tie["payment"]["payment_intent"])
            assert ours.invoice.stripe_invoice_id == tie["invoice"]
    for kind, model, key in (
        ("refund", Refund, "stripe_refund_id"),
        ("dispute", Dispute, "stripe_dispute_id"),
    ):
        theirs = {row["id"]: (row["amount"], row["status"]) for row in sim.store.newest_first(kind)}
        assert {row[0]: row[1:] for row in model.objects.values_list(key, "amount_cents", "status")} == theirs
    subscription = Subscription.objects.get()
    assert subscription.status == sim.get("subscription", subscription.stripe_subscription_id)["status"]


def test_a_month_at_stripe_becomes_the_same_month_in_the_books(stripe_sim, door, worker):
    live(stripe_sim)
    assert {delivery.status for delivery in stripe_sim.deliver(door, SECRET)} == {200}
    _wait_until(_mirrored, "The worker did not finish")
    _assert_books_equal(stripe_sim)
    assert djstripe.models.Invoice.objects.count() == Invoice.objects.count()
    assert not StripeEvent.objects.exclude(last_error="").exclude(status="applied").exists()


def test_duplicates_out_of_order_while_the_mirror_is_dead_leave_the_books_right(stripe_sim, door, worker):
    live(stripe_sim)
    deliveries = stripe_sim.events() * 2
    random.Random(5).shuffle(deliveries)  # noqa: S311 - a repeatable order
    for prefix in ("/v1/customers", "/v1/account", "/v1/payment_intents", "/v1/products", "/v1/charges"):
        stripe_sim.faults.routes[prefix] = Weather(error_rate=1.0)
    assert {post(event, door, SECRET, int(time.time())).status for event in deliveries} == {200}
    _wait_until(lambda: _retried_at_once() and _with_fees(), "The books did not follow")
    _assert_books_equal(stripe_sim)
    assert StripeEvent.objects.count() == len(stripe_sim.events())
    assert BalanceTransaction.objects.filter(reporting_category="charge").count() == 4
    assert not djstripe.models.Charge.objects.exists()


def _retried_at_once() -> bool:
    """Bring retries forward, so that the test need not wait as long as a customer's event would."""
    StripeEvent.objects.pending().update(next_attempt_at="2026-01-01T00:00:00Z")
    return True


def test_what_is_not_from_stripe_leaves_no_trace(stripe_sim, door):
    stripe_sim.customer("Acorn")
    assert {delivery.status for delivery in stripe_sim.deliver(door, "whsec_of_a_stranger")} == {400}
    assert not StripeEvent.objects.exists()
    assert books()["Customer"] == []
