"""Invoices, credit notes and customers of Stripe's are copied whole, and never lose what was told before."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from django.db import transaction

from invoices.models import CreditNote, CreditNoteLine, Customer, Invoice, InvoiceLine
from payments.models import BalanceTransaction, InvoicePayment, Payout, Refund
from payments.stripe.booking import NotYetKnown, book
from payments.stripe.facts import InvoiceLinesFacts, PayoutContentsFacts
from payments.stripe.projections import MalformedStripeObject, facts_from_event, facts_from_object
from tests.payments.stripe_payloads import INVOICE, LEDGER, event, said, shipped

pytestmark = pytest.mark.django_db

BEGUN = 1_600_000_000


def tell(event_type: str, obj: dict[str, Any], *, at: int = 0, **changes: Any) -> None:
    book(facts_from_event(event(event_type, {**obj, **changes}, created=BEGUN + at)))


def answer(obj: dict[str, Any], *, at: int) -> None:
    book(facts_from_object(obj, seen_at=BEGUN + at, api_version="2026-05-27.dahlia"))


def listed(url: str, *rows: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "url": url, "data": list(rows), "has_more": has_more}


def line(number: int, cents: int = 100, **fields: Any) -> dict[str, Any]:
    whole = {"id": f"il_{number}", "object": "line_item", "amount": cents, "currency": "eur", "quantity": 1}
    return whole | {"description": f"Line {number}"} | fields


def lines(numbers: range, *, has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": [line(number) for number in numbers], "has_more": has_more}


def shown() -> list[str]:
    return list(InvoiceLine.objects.order_by("position").values_list("stripe_line_id", flat=True))


ALL_TWELVE = [f"il_{number}" for number in range(12)]
FIRST_TEN = {"lines": lines(range(10), has_more=True)}


def twelve() -> dict[str, Any]:
    return listed("/v1/invoices/in_1/lines?limit=100", *(line(number) for number in range(12)))


def test_an_invoice_told_with_its_first_lines_deletes_none_that_were_fetched():
    tell("invoice.finalized", INVOICE, **FIRST_TEN)
    assert shown() == ALL_TWELVE[:10]
    answer(twelve(), at=5)
    assert shown() == ALL_TWELVE
    tell("invoice.paid", INVOICE, at=60, **FIRST_TEN)
    assert shown() == ALL_TWELVE
    assert Invoice.objects.get().status == "paid"


def test_lines_are_the_same_in_any_order_of_arrival():
    told = [
        lambda: tell("invoice.created", INVOICE, status="draft", lines=lines(range(3))),
        lambda: tell("invoice.updated", INVOICE, at=10, status="draft", **FIRST_TEN),
        lambda: answer(twelve(), at=20),
        lambda: tell("invoice.paid", INVOICE, at=30, **FIRST_TEN),
    ]
    for order in permutations(told):
        if order.index(told[2]) == 0:
            continue  # a list is fetched because of an event
        with transaction.atomic():
            for say in order:
                say()
            assert shown() == ALL_TWELVE
            transaction.set_rollback(True)


def test_lines_of_an_invoice_nobody_told_of_wait_for_it():
    with pytest.raises(NotYetKnown, match=r"Lines of invoice in_1 were fetched, and the invoice has not arrived\."):
        answer(twelve(), at=5)


def test_a_draft_that_grows_shorter_loses_the_line():
    tell("invoice.created", INVOICE, status="draft", lines=lines(range(3)))
    kept = InvoiceLine.objects.get(stripe_line_id="il_2").pk
    tell("invoice.updated", INVOICE, at=10, status="draft", lines={"data": [line(2, 700), line(0)]})
    assert shown() == ["il_2", "il_0"]
    assert InvoiceLine.objects.get(stripe_line_id="il_2").pk == kept
    assert InvoiceLine.objects.get(pk=kept).amount_cents == 700


def test_an_object_without_lines_says_nothing_about_them():
    tell("invoice.paid", INVOICE)
    tell("invoice.updated", INVOICE, at=5, lines=None)
    assert shown() == ["il_1"]


def test_a_line_keeps_discount_tax_rate_and_period():
    rates = [{"id": "txr_1", "percentage": 19.0, "inclusive": False}, {"id": "txr_2", "percentage": 0.5}]
    only = {**INVOICE["lines"]["data"][0], "tax_rates": rates}
    tell("invoice.paid", INVOICE, lines={"data": [only]})
    expected = {
        "discount_cents": 200,
        "tax_cents": 190,
        "tax_rate": Decimal("0.195"),
        "quantity": Decimal(2),
        "unit_price": Decimal(6),
        "service_period_start": dt.date(2020, 9, 13),
        "service_period_end": dt.date(2020, 10, 13),
    }
    assert said(InvoiceLine.objects.get(), *expected) == expected


@pytest.mark.parametrize(
    ("code", "stripe", "ours"),
    [("eur", 1190, 1190), ("jpy", 500, 500), ("kwd", 12340, 12340), ("isk", 50000, 500), ("ugx", 120000, 1200)],
)
def test_amounts_are_stripes_in_our_minor_units(code, stripe, ours):
    one = line(1, stripe, currency=code)
    blank = {"total_discount_amounts": None, "total_tax_amounts": None, "tax": None, "lines": {"data": [one]}}
    amounts = {"subtotal": stripe, "total": stripe, "amount_due": stripe, "amount_paid": stripe}
    tell("invoice.paid", INVOICE, currency=code, **blank, **amounts)
    invoice = Invoice.objects.get()
    assert (invoice.subtotal_cents, invoice.total_cents, invoice.amount_paid_cents) == (ours,) * 3
    assert (invoice.currency, InvoiceLine.objects.get().amount_cents) == (code.upper(), ours)


NOTE: dict[str, Any] = {
    "id": "cn_1",
    "object": "credit_note",
    "amount": 119,
    "created": BEGUN,
    "currency": "eur",
    "customer": "cus_1",
    "invoice": "in_1",
    "number": "A-1-CN-01",
    "status": "issued",
    "subtotal": 100,
    "total": 119,
    "type": "post_payment",
    "lines": {
        "data": [
            {
                "id": "cnli_1",
                "object": "credit_note_line_item",
                "amount": 100,
                "description": "Pro, credited",
                "invoice_line_item": "il_1",
                "quantity": 1,
                "tax_amounts": [{"amount": 19, "inclusive": False}],
                "tax_rates": [{"id": "txr_1", "percentage": 19.0}],
            },
            {"id": "cnli_2", "object": "credit_note_line_item", "amount": 0, "description": "Goodwill"},
        ]
    },
}


def test_a_credit_note_keeps_its_lines_and_which_lines_they_credit():
    tell("invoice.paid", INVOICE)
    tell("credit_note.created", NOTE, at=5)
    first, second = CreditNoteLine.objects.order_by("pk")
    assert first.invoice_line == InvoiceLine.objects.get()
    assert (first.description, first.amount_cents, first.tax_cents, first.tax_rate) == (
        "Pro, credited", 100, 19, Decimal("0.19"),
    )  # fmt: skip
    assert (second.invoice_line, second.stripe_line_id) == (None, "cnli_2")
    tell("invoice.updated", INVOICE, at=10)
    assert CreditNoteLine.objects.get(stripe_line_id="cnli_1").invoice_line == InvoiceLine.objects.get()


def test_a_void_credit_note_keeps_its_lines():
    tell("invoice.paid", INVOICE)
    tell("credit_note.created", NOTE, at=5)
    tell("credit_note.voided", NOTE, at=10, status="void", voided_at=BEGUN + 10)
    assert (CreditNote.objects.get().status, CreditNoteLine.objects.count()) == ("void", 2)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "pre_payment"}, (119, 0, 0)),
        ({"refund": "re_1"}, (0, 0, 119)),
        ({"customer_balance_transaction": "cbtxn_1"}, (0, 119, 0)),
        ({"out_of_band_amount": 119}, (0, 0, 0)),
        ({"refund": "re_1", "out_of_band_amount": 19}, (0, 0, 100)),
        (
            {
                "pre_payment_amount": 19,
                "post_payment_amount": 100,
                "refunds": [{"refund": "re_1", "amount_refunded": 60}],
                "customer_balance_transaction": "cbtxn_1",
            },
            (19, 40, 60),
        ),
    ],
)
def test_a_credit_note_says_where_its_money_goes(fields, expected):
    tell("invoice.paid", INVOICE)
    tell("credit_note.created", NOTE, at=5, **fields)
    note = CreditNote.objects.get()
    assert (note.reduces_due_cents, note.to_credit_cents, note.to_refund_cents) == expected


def test_the_contents_of_a_payout_are_told_by_a_list():
    payout = {"id": "po_1", "object": "payout", "amount": 10233, "currency": "usd", "status": "paid", "created": BEGUN}
    contents = listed("/v1/balance_transactions?payout=po_1&limit=100", LEDGER)
    (facts,) = facts_from_object(contents, seen_at=BEGUN, api_version="2026-05-27.dahlia")
    assert type(facts) is PayoutContentsFacts
    assert (facts.stripe_id, facts.payout_id, [one.stripe_id for one in facts.movements]) == (
        "po_1/contents", "po_1", ["txn_1"],
    )  # fmt: skip
    tell("payout.paid", payout)
    answer(contents, at=5)
    assert BalanceTransaction.objects.get().stripe_payout_id == "po_1"
    assert Payout.objects.get().contents_fetched_at == dt.datetime.fromtimestamp(BEGUN + 5, tz=dt.UTC)


def test_lists_of_payments_and_refunds_tell_what_their_rows_tell():
    tie = {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "currency": "eur", "status": "open"}
    tie |= {"amount_requested": 1190, "payment": {"type": "payment_intent", "payment_intent": "pi_9"}}
    refund = {"id": "re_1", "object": "refund", "amount": 300, "charge": "ch_1", "currency": "eur", "created": BEGUN}
    answer(listed("/v1/invoice_payments?invoice=in_1", tie), at=5)
    answer(listed("/v1/refunds?charge=ch_1", refund), at=5)
    assert InvoicePayment.objects.get().stripe_payment_intent_id == "pi_9"
    assert (Refund.objects.get().amount_cents, Refund.objects.get().stripe_charge_id) == (300, "ch_1")


def test_lines_know_their_invoice_by_the_address_of_their_list():
    (facts,) = facts_from_object(twelve(), seen_at=BEGUN, api_version="2026-05-27.dahlia")
    assert type(facts) is InvoiceLinesFacts
    assert (facts.stripe_id, facts.invoice_id, len(facts.lines)) == ("in_1/lines", "in_1", 12)


def test_a_list_that_was_not_read_to_its_end_is_refused():
    with pytest.raises(MalformedStripeObject, match=r"list\.has_more should be false"):
        answer(listed("/v1/refunds?charge=ch_1", has_more=True), at=5)


CUSTOMER = {
    "id": "cus_1",
    "object": "customer",
    "created": BEGUN,
    "name": "Acorn",
    "email": "a@acorn.example",
    "address": {"line1": "1 Oak Lane", "city": "Dover", "country": "GB"},
}


def test_what_staff_own_of_a_customer_survives_every_event():
    tell("customer.created", CUSTOMER)
    owned = {
        "bill_to_name": "Acorn Ltd",
        "tax_id": "GB1",
        "language": "de",
        "time_zone": "Europe/London",
        "user_id": "u",
    }
    Customer.objects.update(**owned)
    tell("customer.updated", CUSTOMER, at=5, name="Acorn Holding")
    tell("customer.created", CUSTOMER)
    customer = Customer.objects.get()
    assert said(customer, *owned) == owned
    assert (customer.name, customer.address, customer.country) == ("Acorn Holding", "1 Oak Lane\nDover", "GB")


def test_what_stripe_blanks_of_a_customer_is_blank_in_any_order():
    blank = {**CUSTOMER, "email": None, "address": None}
    for order in ([(0, CUSTOMER), (5, blank)], [(5, blank), (0, CUSTOMER)]):
        with transaction.atomic():
            for at, customer in order:
                tell("customer.updated", customer, at=at)
            ours = Customer.objects.get()
            assert (ours.name, ours.email, ours.address, ours.country) == ("Acorn", "", "", "")
            transaction.set_rollback(True)


def test_a_customer_deleted_at_stripe_stays_in_the_books_and_says_so():
    tell("customer.created", CUSTOMER)
    tell("customer.deleted", CUSTOMER, at=5)
    customer = Customer.objects.get()
    assert (customer.name, customer.stripe_deleted_at) == ("Acorn", dt.datetime.fromtimestamp(BEGUN + 5, tz=dt.UTC))


def test_what_is_left_of_a_deleted_customer_wipes_nothing():
    tell("customer.created", CUSTOMER)
    answer({"id": "cus_1", "object": "customer", "deleted": True}, at=5)
    customer = Customer.objects.get()
    assert (customer.name, customer.email) == ("Acorn", "a@acorn.example")
    assert customer.stripe_deleted_at is not None


def test_the_shipped_credit_note_credits_the_shipped_invoice():
    for event_type in ("invoice.paid", "credit_note.created"):
        book(facts_from_event(shipped(event_type)))
    (credited,) = CreditNote.objects.get().lines.all()
    assert credited.invoice_line == InvoiceLine.objects.get()
