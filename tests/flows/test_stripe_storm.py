"""Everything at once: fifty posts of one event, eight workers, shuffled stories. One row, one effect, equal books."""

from __future__ import annotations

import datetime as dt
import random
import time
from functools import partial

import pytest
from django.core.management import call_command
from django.utils import timezone

from invoices.models import Customer, Invoice
from payments.models import Payment, Refund, StripeEvent, Subscription
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import fetch_missing
from payments.stripe.gateway import gateway_from_settings
from payments.stripe.questions import open_questions
from payments.stripe.sim.webhooks import post
from tests.payments.posting import SECRET
from tests.payments.storm import at_once, drain, forget_everything
from tests.payments.stripe_story import DAY, START, books, live
from tests.payments.stripe_truth import assert_books_equal_stripe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def door(live_site, settings) -> str:
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
    return f"{live_site}/stripe/webhook/"


def deliver(events, door) -> set[int]:
    """Post events, eight at a time; return the answers there were."""
    posts = [partial(post, event, door, SECRET, int(time.time())) for event in events]
    return {delivery.status for start in range(0, len(posts), 8) for delivery in at_once(*posts[start : start + 8])}


def work(workers: int) -> None:
    """Let workers sweep side by side."""
    at_once(*[lambda: apply_due_events(now=timezone.now())] * workers)


def written(payment) -> int:
    """Count how often the payment's row was written, by the audit that no write escapes."""
    return payment.events.count()


def a_refund(sim) -> list[dict]:
    """Return the events of a payment and, last, of its refund."""
    paid = sim.charge(sim.customer("Acorn", at=START), 29_00, at=START + 60)
    sim.refund(paid, 10_00, at=START + DAY)
    return sim.events()


def test_fifty_deliveries_of_one_event_have_one_effect(stripe_sim, door):
    *before, refunded, created = a_refund(stripe_sim)
    assert deliver(before, door) == {200}
    work(1)
    once = written(Payment.objects.get())
    assert deliver([refunded] * 50, door) == {200}
    assert StripeEvent.objects.filter(event_id=refunded["id"]).count() == 1
    work(8)
    payment = Payment.objects.get()
    assert (payment.refund_amount_cents, written(payment)) == (10_00, once + 1)
    assert list(StripeEvent.objects.filter(event_id=refunded["id"]).values_list("status", "attempts")) == [
        ("applied", 1)
    ]
    assert deliver([created], door) == {200}
    work(8)
    assert (Refund.objects.count(), Payment.objects.get().refund_amount_cents) == (1, 10_00)


def test_an_event_delivered_three_times_while_workers_sweep_is_applied_once(stripe_sim, door):
    for event in a_refund(stripe_sim):
        posting = partial(post, event, door, SECRET, int(time.time()))
        at_once(posting, posting, posting, partial(work, 1), partial(work, 1))
    work(8)
    assert set(StripeEvent.objects.values_list("attempts", flat=True)) == {1}
    assert (Payment.objects.get().refund_amount_cents, Refund.objects.count()) == (10_00, 1)


def test_an_update_that_comes_before_the_beginning_is_not_undone_by_it(stripe_sim, door):
    buyer = stripe_sim.customer("Acorn", at=START)
    begun = stripe_sim.subscribe(buyer, stripe_sim.price(29_00, at=START), at=START + 60)
    stripe_sim.change_subscription(begun, cancel_at_period_end=True, at=START + DAY)
    told = {event["type"]: event for event in stripe_sim.events()}
    for event_type in ("customer.subscription.updated", "customer.subscription.created", "customer.created"):
        assert deliver([told[event_type]], door) == {200}
        work(2)
        assert Subscription.objects.get().cancel_at_period_end
    assert Customer.objects.get().name == "Acorn"


def test_a_fee_that_is_not_known_at_first_is_filled_in_later(stripe_sim, door):
    paid = stripe_sim.charge(stripe_sim.customer("Acorn", at=START), 29_00, at=START + 60, settled=False)
    deliver(stripe_sim.events(), door)
    work(2)
    fetch_missing(gateway=gateway_from_settings(), now=timezone.now())
    payment = Payment.objects.get()
    assert (payment.status, payment.amount_cents, payment.stripe_fee_cents) == ("succeeded", 29_00, None)
    last = stripe_sim.events()[-1]
    stripe_sim.settle(paid, at=START + 2 * DAY, fee=1_14)
    deliver(stripe_sim.events(last), door)
    work(2)
    fetch_missing(gateway=gateway_from_settings(), now=timezone.now())
    payment = Payment.objects.get()
    assert (payment.status, payment.amount_cents) == ("succeeded", 29_00)
    assert (payment.stripe_fee_cents, payment.net_amount_cents) == (1_14, 27_86)


def test_a_credit_note_voided_in_the_second_it_was_made_leaves_the_invoice_as_it_was(stripe_sim, door):
    owed = stripe_sim.invoice(stripe_sim.customer("Acorn", at=START), [("Service", 20_00)], at=START)
    stripe_sim.void_credit_note(stripe_sim.credit_note(owed, 52, at=START + DAY), at=START + DAY)
    *before, reduced, voided, restored = stripe_sim.events()
    assert deliver([*before, restored, voided, reduced], door) == {200}
    drain(gateway_from_settings(), now=timezone.now())
    assert_books_equal_stripe(stripe_sim)
    assert Invoice.objects.get().amount_due_cents == 20_00


def test_after_a_storm_the_books_equal_stripe_and_a_replay_changes_nothing(stripe_sim, door, capsys):
    live(stripe_sim)
    shuffled = stripe_sim.events() * 2
    random.Random(7).shuffle(shuffled)  # noqa: S311 - a repeatable order
    for start in range(0, len(shuffled), 16):
        assert deliver(shuffled[start : start + 16], door) == {200}
        work(4)
    drain(gateway_from_settings(), now=timezone.now())
    assert_books_equal_stripe(stripe_sim)
    assert not list(open_questions(now=timezone.now() + dt.timedelta(days=60))), (
        "Stripe would be asked the same for ever"
    )
    right = books()
    for _ in range(2):
        call_command("replay_stripe_events", "--all")
        assert " 0 rows changed" in capsys.readouterr().out
        assert books() == right
    forget_everything()
    assert deliver(stripe_sim.events(), door) == {200}
    drain(gateway_from_settings(), now=timezone.now())
    assert books() == right
