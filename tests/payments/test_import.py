"""An account that existed before comes into the books whole, however often its import is cut off or begun again."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from io import StringIO
from urllib.parse import parse_qs

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from invoices.models import CreditNote, Customer, Invoice
from payments.models import AccountImport, MrrMovement, Payment, Payout, StripeEvent, StripeObject, Subscription
from payments.stripe.applying import apply_due_events
from payments.stripe.fetching import fetch_missing
from payments.stripe.gateway import gateway_from_settings
from payments.stripe.importing import KINDS
from payments.stripe.replaying import replay
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.faults import Weather
from payments.stripe.sim.server import SimServer
from tests.ground import ROOT
from tests.payments.posting import keep
from tests.payments.stripe_life import VERBS, Company
from tests.payments.stripe_story import DAY, START, books, live

pytestmark = pytest.mark.django_db

SINCE = "2025-12-31"
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
UNCHANGED = "No row of the books had to change."


def imported(*options: str, since: str = SINCE) -> str:
    out = StringIO()
    call_command("import_stripe", "--since", since, *options, stdout=out, stderr=out)
    return out.getvalue()


def stopped(*options: str, since: str = SINCE) -> str:
    """Import, expecting it to fail; return what it said."""
    out = StringIO()
    with pytest.raises(CommandError) as stop:
        call_command("import_stripe", "--since", since, *options, stdout=out, stderr=out)
    return f"{out.getvalue()}{stop.value}"


def lists_asked(sim) -> list[tuple[str, str]]:
    """Return the lists that were asked for, each with the object it went on behind."""
    asked = [(one.path.removeprefix("/v1/"), parse_qs(one.query)) for one in sim.api.requests]
    return [(path, query.get("starting_after", [""])[0]) for path, query in asked if "limit" in query]


def book_events(sim) -> None:
    keep(sim.events(), now=NOW)
    apply_due_events(now=NOW)
    while fetch_missing(gateway=gateway_from_settings(), now=NOW).changed:
        pass


def books_otherwise(make) -> dict:
    """Return the books that something would make, and unmake them."""
    with transaction.atomic():
        make()
        made = books()
        transaction.set_rollback(True)
    return made


def known_to_both(told: dict) -> dict:
    """Leave out past moves of MRR, which only events tell, and what attempts in vain were for, which only lists do."""
    ties = [row for row in told["InvoicePayment"] if row["status"] == "paid"]
    untold = {"invoice__stripe_invoice_id": None}
    payments = [row | untold if row["status"] in {"failed", "canceled"} else row for row in told["Payment"]]
    return told | {"InvoicePayment": ties, "Payment": payments, "MrrMovement": []}


# --- The same books ----------------------------------------------------------------------------------------------


def test_an_imported_account_has_the_books_of_its_events(stripe_sim):
    live(stripe_sim)
    right = books_otherwise(lambda: book_events(stripe_sim))
    imported()
    assert known_to_both(books()) == known_to_both(right)
    assert not StripeEvent.objects.exists()
    assert not Payout.objects.filter(contents_fetched_at=None).exists()


def test_a_long_life_has_the_books_of_its_events(settings):
    company, dice = Company("import"), random.Random(7)  # noqa: S311 - a repeatable life
    for _ in range(60):
        company.happen(dice.choice(sorted(VERBS)), dice.randrange(20))
        company.second += dice.randrange(DAY)
    with SimServer(company.sim) as server:
        settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = server.url, API_KEY
        right = books_otherwise(lambda: book_events(company.sim))
        imported()
    assert known_to_both(books()) == known_to_both(right)


def test_an_intent_nobody_tried_to_pay_is_no_payment(stripe_sim):
    sent = stripe_sim.invoice(stripe_sim.customer("Acorn", at=START), [("Service", 20_00)], at=START)
    assert stripe_sim.store.newest_first("payment_intent")
    imported()
    assert Invoice.objects.get().stripe_invoice_id == sent["id"]
    assert not Payment.objects.exists()


def test_an_import_over_sound_books_changes_nothing(stripe_sim):
    live(stripe_sim)
    book_events(stripe_sim)
    before = books()
    imported()
    assert books() == before


def test_webhooks_that_come_after_the_import_revert_nothing_and_tell_the_past_of_mrr(stripe_sim):
    live(stripe_sim)
    right = books_otherwise(lambda: book_events(stripe_sim))
    imported()
    before = books()
    book_events(stripe_sim)
    assert not StripeEvent.objects.exclude(status__in=["applied", "unhandled"]).exists()
    assert books() == before | {"MrrMovement": right["MrrMovement"]}


def test_what_an_import_kept_rebuilds_its_books_without_stripe(stripe_sim):
    live(stripe_sim)
    imported()
    replayed = replay(events=StripeEvent.objects.none(), objects=StripeObject.objects.all())
    assert (dict(replayed.changed), replayed.failed) == ({}, {})


def test_what_recurs_is_whole_with_coupons_and_tiers(stripe_sim):
    buyer = stripe_sim.customer("Acorn", at=START)
    half = stripe_sim.coupon(percent_off=Decimal(50), at=START)
    stripe_sim.subscribe(buyer, stripe_sim.price(20_00, at=START), coupon=half, at=START)
    steps = [{"up_to": 10, "unit_amount": 300}, {"up_to": None, "unit_amount": 100}]
    tiers = [{"flat_amount": None, "unit_amount_decimal": str(one["unit_amount"]), **one} for one in steps]
    stepped = stripe_sim.price(None, tiers=tiers, tiers_mode="graduated", at=START)
    stripe_sim.subscribe(buyer, stepped, quantity=12, at=START)
    imported("--only", "customer,subscription")
    assert sorted(Subscription.objects.values_list("mrr_cents", flat=True)) == [10_00, 32_00]
    assert sum(MrrMovement.objects.values_list("change_cents", flat=True)) == 42_00


# --- Which day, which kinds --------------------------------------------------------------------------------------


def test_a_day_limits_what_is_over_but_not_who_buys_what_recurs_and_what_is_owed(stripe_sim):
    buyer = stripe_sim.customer("Acorn", at=START)
    price = stripe_sim.price(29_00, at=START)
    subscription = stripe_sim.subscribe(buyer, price, at=START)
    owed = stripe_sim.renew(subscription, decline="insufficient_funds")
    stripe_sim.charge(buyer, 5_00, at=START + 5 * DAY)
    stripe_sim.charge(buyer, 7_00, at=START + 60 * DAY)
    imported(since="2026-02-15")
    assert Customer.objects.count() == Subscription.objects.count() == 1
    assert Invoice.objects.get().stripe_invoice_id == owed["id"]
    assert Payment.objects.received().get().amount_cents == 7_00


def test_what_an_object_of_those_days_hangs_on_comes_along(stripe_sim):
    buyer = stripe_sim.customer("Acorn", at=START)
    stripe_sim.subscribe(buyer, stripe_sim.price(29_00, at=START), at=START)
    old = stripe_sim.charge(buyer, 5_00, at=START)
    invoice = stripe_sim.store.newest_first("invoice")[0]
    stripe_sim.refund(old, 2_00, at=START + 60 * DAY)
    stripe_sim.credit_note(invoice, 4_00, at=START + 60 * DAY)
    imported(since="2026-02-15")
    assert Payment.objects.get(stripe_charge_id=old["id"]).refund_amount_cents == 2_00
    assert CreditNote.objects.get().invoice.stripe_invoice_id == invoice["id"]


def test_only_the_kinds_that_were_named_are_read(stripe_sim):
    live(stripe_sim)
    imported("--only", "charge, customer")
    assert [path for path, _ in lists_asked(stripe_sim)][:2] == ["customers", "charges"]
    assert {row.object_type for row in AccountImport.objects.all()} == {"customer", "charge"}
    assert not Subscription.objects.exists()


# --- Cut off and begun again -------------------------------------------------------------------------------------


def test_a_finished_import_says_so_and_asks_for_nothing(stripe_sim):
    live(stripe_sim)
    imported()
    asked = len(stripe_sim.api.requests)
    assert imported().startswith("Imported before (--again reads it once more): customer, subscription, invoice,")
    assert len(stripe_sim.api.requests) == asked


def test_reading_once_more_changes_nothing(stripe_sim):
    live(stripe_sim)
    imported()
    asked = len(lists_asked(stripe_sim))
    assert UNCHANGED in imported("--again")
    assert len(lists_asked(stripe_sim)) >= asked + len(KINDS)


@pytest.mark.parametrize("status", [429, 503])
def test_an_import_that_stripe_stops_goes_on_where_it_stopped(stripe_sim, status):
    live(stripe_sim)
    right = books_otherwise(imported)
    stripe_sim.api.requests.clear()
    stripe_sim.faults.routes["/v1/refunds"] = Weather(error_rate=1.0, status=status)
    assert "could not answer now (GET /v1/refunds)" in (said := stopped())
    assert said.endswith("What was read is kept: the same command goes on from there.")
    stripe_sim.faults.clear()
    assert "before (--again reads it once more): customer, subscription, invoice, open_invoice," in imported()
    assert [path for path, _ in lists_asked(stripe_sim)].count("customers") == 1
    assert books() == right


def test_an_import_goes_on_behind_the_last_page_that_was_booked(stripe_sim):
    for n in range(230):
        stripe_sim.customer(f"Customer {n}", card=None, at=START + n)

    def until_the_second_answer() -> int:
        stripe_sim.faults.error_rate = float(len(stripe_sim.api.requests) >= 2)
        return START + 300

    stripe_sim.clock = until_the_second_answer
    stopped()
    assert (AccountImport.objects.get().read, Customer.objects.count()) == (200, 200)
    stripe_sim.clock = lambda: START + 300
    stripe_sim.faults.clear()
    stripe_sim.api.requests.clear()
    imported()
    newest_first = stripe_sim.store.newest_first("customer")
    assert lists_asked(stripe_sim)[0] == ("customers", newest_first[199]["id"])
    assert (AccountImport.objects.get(object_type="customer").read, Customer.objects.count()) == (230, 230)


def test_an_import_whose_place_is_gone_begins_again(stripe_sim):
    for n in range(3):
        stripe_sim.customer(f"Customer {n}", at=START + n)
    since = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
    AccountImport.objects.create(object_type="customer", since=since, last_stripe_id="cus_gone", read=7, started_at=NOW)
    imported()
    assert lists_asked(stripe_sim)[:2] == [("customers", "cus_gone"), ("customers", "")]
    assert (AccountImport.objects.get(object_type="customer").read, Customer.objects.count()) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_an_import_killed_in_the_middle_and_begun_again_has_the_books_of_one_that_was_not(stripe_sim):
    buyer = stripe_sim.customer("Acorn", at=START)
    paid = [stripe_sim.charge(buyer, 1_00 + n, at=START + n) for n in range(150)]
    for charge in paid[::5]:
        stripe_sim.refund(charge, 50, at=START + DAY)
    right = books_otherwise(imported)
    first, second = _killed(stripe_sim, at_payments=30), _killed(stripe_sim, at_payments=120)
    assert 0 < first < second < 150
    imported()
    assert books() == right


def _killed(sim, *, at_payments: int) -> int:
    """Start the import as a process of its own and kill it in the middle; return how many payments it left."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.flows.worker_at_the_sim",
        "FLOW_STRIPE_API_BASE": sim.url,
        "FLOW_STRIPE_API_KEY": sim.api_key,
    }
    command = [sys.executable, "manage.py", "import_stripe", "--since", SINCE]
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while Payment.objects.count() < at_payments and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    said, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL, said.decode()
    return Payment.objects.count()


# --- What is wrong, named ----------------------------------------------------------------------------------------


def test_what_cannot_be_booked_is_named_stops_nothing_and_is_tried_again(stripe_sim):
    story = live(stripe_sim)
    right = books_otherwise(imported)
    currency = story["yen"]["currency"]
    stripe_sim.store.change("charge", story["yen"]["id"], {"currency": "zzz"})
    said = stopped()
    assert f"{story['yen']['id']}: MalformedStripeObject: Stripe's charge.currency is 'ZZZ'" in said
    assert said.endswith("1 could not be booked (named above); the same command tries them again.")
    assert Payout.objects.count() == len(right["Payout"])
    stripe_sim.store.change("charge", story["yen"]["id"], {"currency": currency})
    assert "open_invoice, invoice_payment, payment_intent, refund, dispute, credit_note," in imported()
    assert books() == right


def test_a_kind_the_key_may_not_read_is_named_and_the_others_are_read(stripe_sim):
    live(stripe_sim)
    stripe_sim.faults.routes["/v1/disputes"] = Weather(error_rate=1.0, status=403)
    assert "dispute: Stripe refused GET /v1/disputes" in stopped()
    assert Payout.objects.exists()
    stripe_sim.faults.clear()
    assert "dispute: 1 read" in imported()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--since", "yesterday"], "'yesterday' is no day; write it as 2026-10-31."),
        (["--since", "2999-01-01"], "2999-01-01 has not come yet."),
        (["--since", SINCE, "--only", "invoice,soup"], "there is no 'soup' to import; choose from customer, "),
        ([], "the following arguments are required: --since"),
    ],
)
def test_a_wrong_choice_is_answered_with_a_sentence(stripe_sim, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("import_stripe", *options)
    assert not stripe_sim.api.requests


def test_without_a_key_or_with_a_wrong_one_the_import_says_what_to_set(stripe_sim, settings):
    settings.STRIPE_API_KEY = ""
    assert stopped() == "There is no account to import: set STRIPE_API_KEY to a key that may read it."
    settings.STRIPE_API_KEY = "sk_test_" + "Wrong" * 6
    assert "Set STRIPE_API_KEY to a key that may read the account." in stopped()
    assert len(stripe_sim.api.requests) == 1


def test_a_terminal_shows_how_the_import_comes_on(stripe_sim):
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    live(stripe_sim)
    screen = Terminal()
    call_command("import_stripe", "--since", SINCE, stdout=screen)
    assert "✓ balance_transaction 10 read" in screen.getvalue()
