"""What is stored is enough: a replay asks nobody, rebuilds what is wrong, and leaves sound books alone."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from invoices.models import Customer
from payments.models import BalanceTransaction, Payment, StripeEvent, StripeObject
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import fetch_missing, keep_and_book, keep_object
from payments.stripe.gateway import gateway_from_settings
from payments.stripe.mirror import mirror_due_events
from payments.stripe.replaying import replay
from payments.stripe.sim import Sim
from tests.payments.posting import event, keep
from tests.payments.stripe_story import START, books, live

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
VERSION = "2026-05-27.dahlia"


@pytest.fixture
def sim():
    sim = Sim()
    live(sim)
    return sim


def booked(sim) -> None:
    keep(sim.events(), now=NOW)
    apply_due_events(now=NOW)
    for movement in sim.store.newest_first("balance_transaction"):
        keep_and_book(answered=movement, api_version=VERSION, now=NOW)


def told(capsys, *options: str) -> str:
    call_command("replay_stripe_events", *options)
    return capsys.readouterr().out.strip()


def test_a_replay_of_sound_books_changes_nothing(sim, capsys):
    booked(sim)
    before = books()
    assert told(capsys, "--all").endswith("replayed: 0 rows changed.")
    assert told(capsys, "--all").endswith("replayed: 0 rows changed.")
    assert books() == before


def test_empty_books_are_rebuilt_from_events_and_objects_alone(sim):
    with transaction.atomic():
        booked(sim)
        right = books()
        transaction.set_rollback(True)
    shuffled = sim.events()
    random.Random(3).shuffle(shuffled)  # noqa: S311 - a repeatable order
    keep(shuffled, now=NOW)
    for movement in sim.store.newest_first("balance_transaction"):
        keep_object(answered=movement, api_version=VERSION, now=NOW)
    replayed = replay(events=StripeEvent.objects.all(), objects=StripeObject.objects.all())
    assert not replayed.failed
    assert books() == right


def test_every_payment_has_its_fee_after_a_rebuild(sim):
    booked(sim)
    assert not Payment.objects.without_fee().exists()
    paid = Payment.objects.get(currency="JPY")
    assert (paid.amount_cents, paid.amount_cents - paid.stripe_fee_cents) == (500, paid.net_amount_cents)


def test_a_row_that_went_wrong_is_put_right_and_counted(sim, capsys):
    booked(sim)
    Customer.objects.update(name="Somebody else")
    assert told(capsys, "--type", "customer.updated") == (
        "1 stored events and objects replayed: 1 row changed (1 of invoices_customer)."
    )
    assert Customer.objects.get().name == "Acorn Analytics"


def test_one_object_can_be_replayed_alone(sim, capsys):
    booked(sim)
    customer = Customer.objects.get()
    assert "0 rows changed" in told(capsys, "--object", customer.stripe_customer_id)


def test_each_change_is_named_when_asked(sim, capsys):
    booked(sim)
    customer = Customer.objects.get()
    Customer.objects.update(name="Somebody else")
    said = told(capsys, "--all", "-v", "2").splitlines()
    [named] = [line for line in said if line.startswith(customer.stripe_customer_id)]
    assert named.endswith("): 1 of invoices_customer")
    assert said[-1].endswith("1 row changed (1 of invoices_customer).")


def test_a_replay_of_fetched_lists_and_objects_asks_nobody_and_changes_nothing(stripe_sim, capsys):
    stripe_sim.clock = lambda: int(NOW.timestamp())
    live(stripe_sim)
    keep(stripe_sim.events(), now=NOW)
    apply_due_events(now=NOW)
    gateway = gateway_from_settings()
    mirror_due_events(gateway=gateway, now=NOW)
    while fetch_missing(gateway=gateway, now=NOW).asked:
        pass
    assert StripeObject.objects.filter(object_type="list").exists()
    before, asked = books(), len(stripe_sim.api.requests)
    assert told(capsys, "--all").endswith("replayed: 0 rows changed.")
    assert told(capsys, "--all").endswith("replayed: 0 rows changed.")
    assert (books(), len(stripe_sim.api.requests)) == (before, asked)


def test_the_lists_of_an_object_are_replayed_with_it(stripe_sim, capsys):
    stripe_sim.charge(None, 100_00, at=START)
    [payout] = stripe_sim.payout(at=START + 10 * 86_400)
    keep(stripe_sim.events(), now=NOW)
    apply_due_events(now=NOW)
    fetch_missing(gateway=gateway_from_settings(), now=NOW)
    BalanceTransaction.objects.update(stripe_payout_id="")
    told(capsys, "--object", payout["id"])
    assert BalanceTransaction.objects.of_payout(payout["id"]).exists()


def test_a_day_limits_what_is_replayed(sim, capsys):
    keep(sim.events(), now=NOW)
    apply_due_events(now=NOW)
    recent = sum(one["created"] >= START + 31 * 86_400 for one in sim.events())
    handled = StripeEvent.objects.handled().filter(stripe_created_at__gte=dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
    assert 0 < handled.count() < recent
    assert told(capsys, "--since", "2026-02-01").startswith(f"{handled.count()} stored events and objects replayed: 0 ")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Say what to replay: --all, --since, --object or --type."),
        (["--since", "yesterday"], "'yesterday' is no day; write it as 2026-10-31."),
        (["--object", "in_unknown"], "Nothing is stored about in_unknown."),
        (["--type", "invoice.haunted"], "The books do not act on 'invoice.haunted'"),
    ],
)
def test_a_wrong_choice_is_answered_with_a_sentence(options, sentence):
    with pytest.raises(CommandError, match=sentence.replace("(", r"\(")):
        call_command("replay_stripe_events", *options)


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_booked_is_named_and_the_rest_is_booked(capsys):
    broken = event(id="evt_broken", type="invoice.paid", data={"object": {"id": "in_1", "object": "invoice"}})
    keep([broken, event()], now=NOW)
    with pytest.raises(CommandError, match="1 of 2 could not be booked"):
        call_command("replay_stripe_events", "--all")
    assert "evt_broken: MalformedStripeObject" in capsys.readouterr().err
    assert Customer.objects.get().name == "Acorn"
