"""Our copy of Stripe's ledger: kept in bulk, tied to payments and payouts."""

from __future__ import annotations

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from payments.models import AppliedVersion, BalanceTransaction, Payment, Payout, StripeObject
from payments.stripe.applying import apply_due_events
from payments.stripe.booking import NotYetKnown, book
from payments.stripe.facts import OrderKey, PayoutContentsFacts
from payments.stripe.ledger import keep_movements, movements_of
from payments.stripe.projections import facts_from_event
from payments.stripe.sim import Sim
from payments.stripe.versions import lock_objects
from tests.payments.posting import keep
from tests.payments.stripe_payloads import LEDGER

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
VERSION = "2026-05-27.dahlia"


def kept(movements) -> int:
    return keep_movements(fetched=movements, fetched_at=NOW, api_version=VERSION)


def charged(count: int) -> Sim:
    sim = Sim()
    for _ in range(count):
        sim.charge(None, 29_99, "usd")
    keep(sim.events(), now=NOW)
    apply_due_events(now=NOW)
    return sim


def test_movements_kept_in_bulk_tell_payments_their_fee_and_net_at_once():
    sim = charged(3)
    assert Payment.objects.without_fee().count() == 3
    assert kept(sim.store.newest_first("balance_transaction")) == 3
    assert not Payment.objects.without_fee().exists()
    assert {one.amount_cents - one.stripe_fee_cents - one.net_amount_cents for one in Payment.objects.all()} == {0}


def test_movements_known_already_are_neither_kept_nor_written_again():
    sim = charged(2)
    movements = sim.store.newest_first("balance_transaction")
    kept(movements)
    assert kept([{**one, "description": "changed"} for one in movements]) == 0
    assert StripeObject.objects.count() == BalanceTransaction.objects.count() == 2
    assert not BalanceTransaction.objects.filter(description="changed").exists()


def test_thousands_of_movements_take_a_few_statements():
    many = [{**LEDGER, "id": f"txn_{n}", "source": f"ch_{n}"} for n in range(3000)]
    with CaptureQueriesContext(connection) as queries:
        assert kept([*many, many[0]]) == 3000
    assert len(queries) < 20
    assert AppliedVersion.objects.count() == BalanceTransaction.objects.count() == 3000


@pytest.mark.django_db(transaction=True)
def test_a_refund_booked_while_the_ledger_is_written_stays():
    sim = Sim()
    paid = sim.charge(None, 29_99, "usd")
    keep(sim.events(), now=NOW)
    apply_due_events(now=NOW)
    sim.refund(paid, 10_00)
    created = next(event for event in sim.events() if event["type"] == "refund.created")
    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            book(facts_from_event(created))
            ledger = pool.submit(_alone, lambda: kept(sim.store.newest_first("balance_transaction")))
            _wait_for_one_that_waits()
        assert ledger.result() == 2
    payment = Payment.objects.get()
    assert (payment.status, payment.refund_amount_cents) == ("partially_refunded", 10_00)
    assert payment.stripe_fee_cents


@pytest.mark.django_db(transaction=True)
def test_more_objects_than_postgresql_has_locks_for_are_locked_all_the_same():
    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            lock_objects([f"txn_{n}" for n in range(40_000)])
            other = pool.submit(_alone, lambda: kept([LEDGER]))
            _wait_for_one_that_waits()
            assert not other.done()
        assert other.result() == 1


def _alone(work):
    try:
        return work()
    finally:
        connections.close_all()


def _wait_for_one_that_waits() -> None:
    """Return once another connection waits for a lock."""
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if cursor.fetchone():
                return
            time.sleep(0.02)
    pytest.fail("Nobody waits for a lock.")


def contents(payout_id: str, *, at: int = 1_780_000_000) -> PayoutContentsFacts:
    movements = movements_of([LEDGER, {**LEDGER, "id": "txn_2", "source": "ch_2"}], fetched_at=NOW, api_version=VERSION)
    return PayoutContentsFacts(
        stripe_id=f"{payout_id}/contents",
        livemode=False,
        api_version=VERSION,
        order=OrderKey(at, 0),
        created_at=None,
        payout_id=payout_id,
        movements=tuple(movements),
    )


def test_the_contents_of_a_payout_are_told_to_its_movements():
    Payout.objects.create(stripe_payout_id="po_1", amount_cents=20466, currency="USD", status="paid", created_at=NOW)
    book([contents("po_1")])
    assert set(BalanceTransaction.objects.values_list("stripe_id", "stripe_payout_id")) == {
        ("txn_1", "po_1"),
        ("txn_2", "po_1"),
    }
    assert Payout.objects.get().contents_fetched_at == dt.datetime.fromtimestamp(1_780_000_000, tz=dt.UTC)
    assert not +book([contents("po_1")])


def test_the_contents_of_a_payout_wait_for_it():
    with pytest.raises(NotYetKnown, match="contents of payout po_1, which has not arrived"):
        book([contents("po_1")])
