"""Money that came by bank is entered, placed and reversed; what Stripe says is read."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from payments.models import Allocation, Credit, Payment
from payments.services import grant_credit, record_manual_payment
from tests.back_office import a_paid_invoice, a_stripe_event, signed_in, someone, stripe_facts
from tests.books import NOW, a_customer, an_invoice

pytestmark = pytest.mark.django_db
PAYMENTS = "/admin/payments/payment/"


@pytest.fixture
def accountant():
    return signed_in(someone("Accountant"))


def button_of(row, name):
    return f"/admin/payments/{row._meta.model_name}/{row.pk}/{name}/"


def pressed(client, row, name, reason=""):
    asked = {
        "_selected_action": row.pk,
        "action": name.replace("-", "_"),
        "confirmed": "yes",
        "index": 0,
        "reason": reason,
    }
    return client.post(button_of(row, name), asked)


def a_transfer(**changed):
    given = {
        "currency": "EUR",
        "amount_cents": "119.00",
        "received_on": "2026-11-02",
        "payment_method": "bank transfer",
        "reference": "RF18",
    }
    return given | changed


def unapplied(cents=10_000, **fields):
    return record_manual_payment(
        customer=fields.pop("customer", None) or a_customer(),
        amount_cents=cents,
        currency="EUR",
        received_at=NOW,
        method="bank transfer",
        reference="RF18",
        now=NOW,
        by="ada",
    )


def test_a_transfer_pays_its_invoice_and_the_rest_stays_unapplied(accountant):
    invoice = an_invoice("100.00")
    answer = accountant.post(f"{PAYMENTS}add/", a_transfer(invoice=invoice.pk))
    payment = Payment.objects.get()
    invoice.refresh_from_db()
    assert answer.status_code == 302
    assert (payment.amount_cents, payment.unallocated_cents, payment.customer) == (11900, 1900, invoice.customer)
    assert timezone.localdate(payment.received_at) == dt.date(2026, 11, 2)
    assert (invoice.status, invoice.amount_due_cents) == ("paid", 0)


def test_a_transfer_without_invoice_waits(accountant):
    customer = a_customer()
    accountant.post(f"{PAYMENTS}add/", a_transfer(customer=customer.pk, currency="JPY", amount_cents="5000"))
    assert list(Payment.objects.unallocated().values_list("amount_cents", "currency")) == [(5000, "JPY")]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Choose the customer who paid"),
        ({"amount_cents": "0"}, "Write an amount above zero"),
        ({"amount_cents": "-5"}, "Write an amount above zero"),
        ({"amount_cents": "1.005"}, "EUR has 2 decimals"),
        ({"amount_cents": "12,50"}, "Write an amount such as"),
        ({"currency": "EURO"}, "EURO"),
        ({"received_on": "2999-01-01"}, "after today"),
        ({"received_on": "yesterday"}, "valid date"),
    ],
)
def test_a_transfer_that_makes_no_sense_is_refused_in_words(accountant, changed, said):
    customer = {"customer": a_customer().pk} if changed else {}
    answer = accountant.post(f"{PAYMENTS}add/", a_transfer(**customer, **changed))
    assert said in answer.content.decode()
    assert not Payment.objects.exists()


def test_a_transfer_in_another_currency_does_not_pay(accountant):
    answer = accountant.post(f"{PAYMENTS}add/", a_transfer(invoice=an_invoice("100.00").pk, currency="USD"))
    assert "USD cannot pay invoice" in answer.content.decode()
    assert not Payment.objects.exists()


def test_a_payment_is_placed_on_the_oldest_invoice_first(accountant):
    customer = a_customer()
    payment, invoice = unapplied(customer=customer), an_invoice("60.00", customer=customer)
    foreign = an_invoice("10.00")
    page = accountant.get(button_of(payment, "place-on-invoice")).content.decode()
    assert str(invoice) in page
    assert str(foreign) not in page
    assert 'value="60.00"' in page
    accountant.post(button_of(payment, "place-on-invoice"), {"invoice": invoice.pk, "amount_cents": "60.00"})
    payment.refresh_from_db()
    assert payment.unallocated_cents == 4000


def test_more_than_is_left_is_not_placed(accountant):
    customer = a_customer()
    payment, invoice = unapplied(1000, customer=customer), an_invoice("60.00", customer=customer)
    answer = accountant.post(button_of(payment, "place-on-invoice"), {"invoice": invoice.pk, "amount_cents": "60.00"})
    assert "at most €10.00" in answer.content.decode()
    assert not Allocation.objects.exists()


def test_a_placement_is_reversed_by_its_opposite(accountant):
    invoice = a_paid_invoice()
    pressed(accountant, Allocation.objects.get(), "reverse")
    invoice.refresh_from_db()
    assert (invoice.status, invoice.amount_due_cents) == ("open", 11900)
    assert sum(Allocation.objects.values_list("amount_cents", flat=True)) == 0


def test_a_payment_is_never_typed_over(accountant):
    payment = unapplied()
    address = reverse("admin:payments_payment_change", args=[payment.pk])
    assert "_save" not in accountant.get(address).content.decode()
    assert accountant.post(address, a_transfer()).status_code == 403
    assert accountant.post(button_of(payment, "delete"), {"post": "yes"}).status_code == 403


def test_a_credit_is_granted_and_used(accountant):
    customer = a_customer()
    sent = {"customer": customer.pk, "kind": "goodwill", "amount_cents": "50.00", "currency": "EUR", "reason": "Outage"}
    accountant.post("/admin/payments/credit/add/", sent)
    credit, invoice = Credit.objects.get(), an_invoice("30.00", customer=customer)
    accountant.post(button_of(credit, "use-on-invoice"), {"invoice": invoice.pk, "amount_cents": "30.00"})
    credit.refresh_from_db()
    invoice.refresh_from_db()
    assert (credit.remaining_cents, invoice.status) == (2000, "paid")


def test_a_credit_of_nothing_is_refused(accountant):
    sent = {"customer": a_customer().pk, "kind": "goodwill", "amount_cents": "0", "currency": "EUR", "reason": "x"}
    assert accountant.post("/admin/payments/credit/add/", sent).status_code == 200
    assert not Credit.objects.exists()


def test_a_lapsed_credit_offers_no_use(accountant):
    credit = grant_credit(
        customer=a_customer(),
        kind="goodwill",
        amount_cents=1,
        currency="EUR",
        reason="x",
        by="ada",
        expires_at=dt.date(2020, 1, 1),
    )
    address = reverse("admin:payments_credit_change", args=[credit.pk])
    assert "use-on-invoice" not in accountant.get(address).content.decode()


def test_an_auditor_enters_nothing():
    auditor, payment = signed_in(someone("Auditor")), unapplied()
    assert auditor.get(f"{PAYMENTS}add/").status_code == 403
    assert auditor.post("/admin/payments/credit/add/", {}).status_code == 403
    assert auditor.post(button_of(payment, "place-on-invoice"), {}).status_code == 403


# --- What Stripe told us ------------------------------------------------------------------------------------------


def test_a_dead_letter_is_retried_or_laid_aside():
    manager = signed_in(someone("Finance manager"))
    retried, laid_aside = (a_stripe_event("dead", attempts=8, last_error="Traceback") for _ in range(2))
    pressed(manager, retried, "retry")
    pressed(manager, laid_aside, "lay-aside", reason="Test account")
    retried.refresh_from_db()
    laid_aside.refresh_from_db()
    assert (retried.status, retried.attempts, retried.last_error) == ("pending", 0, "")
    assert (laid_aside.status, laid_aside.last_error) == ("skipped", "Traceback")
    assert laid_aside.skipped_reason == "Test account"
    assert laid_aside.skipped_by.startswith("person-")


def test_an_applied_event_is_not_retried():
    said = pressed(signed_in(someone("Finance manager")), a_stripe_event(), "retry").content.decode()
    assert "is applied already" in said


def test_only_who_may_replay_retries(accountant):
    event = a_stripe_event("dead")
    assert pressed(accountant, event, "retry").status_code == 403
    event.refresh_from_db()
    assert event.status == "dead"


@pytest.mark.parametrize(
    "payload",
    [b"\xff\x00", b"[" * 50_000, b"null", b'{"a": "<script>alert(1)</script>"}'],
    ids=["bytes", "deep", "null", "script"],
)
def test_an_event_shows_whatever_was_signed(payload):
    event = a_stripe_event("dead", payload=payload, last_error="Traceback\n  <b>boom</b>")
    answer = signed_in(someone("Auditor")).get(reverse("admin:payments_stripeevent_change", args=[event.pk]))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Traceback" in page
    assert "<script>alert" not in page
    assert "<b>boom" not in page


def test_lists_of_stripes_facts_show_money_in_its_own_currency():
    stripe_facts()
    auditor = signed_in(someone("Auditor"))
    for name, text in (
        ("refund", "€10.00"),
        ("dispute", "€50.00"),
        ("balancetransaction", "€1.75"),
        ("subscription", "€29.00"),
        ("payout", "€9.00"),
    ):
        assert text in auditor.get(f"/admin/payments/{name}/").content.decode()


def test_payments_are_exported_as_filtered():
    unapplied()
    stripe_facts()
    columns = {
        f"paymentresource_{name}": "on" for name in ("id", "amount_cents", "amount_amount", "currency", "status")
    }
    answer = signed_in(someone("Auditor")).post(
        f"{PAYMENTS}export/?view=manual", {"format": "0", "resource": "0", **columns}
    )
    lines = b"".join(answer.streaming_content).decode().split()
    assert len(lines) == 2
    assert "10000,100.00,EUR" in lines[1]
