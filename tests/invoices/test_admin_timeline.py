"""The page of a customer: what is owed and held per currency, and what happened, the newest first."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing_site.kit.admin.timeline import MOST_TOLD
from invoices.services import CreditLine, issue_credit_note, mark_sent, void_invoice, write_off_invoice
from payments.models import Dispute
from payments.services import grant_credit
from tests.back_office import a_document, a_paid_invoice, signed_in, someone
from tests.books import NOW, TODAY, a_customer, an_invoice
from tests.partners.agreements import a_contract, a_partner
from tests.reporting import rows

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


def panel_of(client, customer, title):
    page = client.get(reverse("admin:invoices_customer_change", args=[customer.pk]))
    found = [panel for panel in page.context["panels"] if panel.title == title]
    return [[re.sub("<[^>]+>", "", str(cell)).replace("\xa0", " ") for cell in row] for row in found[0].rows]


def told(client, customer):
    return [row[1] for row in panel_of(client, customer, "Timeline")]


def test_the_balance_stands_per_currency_with_what_is_held(manager):
    paid = a_paid_invoice()
    an_invoice("70.00", customer=paid.customer, due_date=dt.date(2026, 1, 1))
    an_invoice("300", customer=paid.customer, currency="JPY")
    void_invoice(invoice=an_invoice("5.00", customer=paid.customer), now=NOW, by="ada", reason="Twice")
    grant_credit(customer=paid.customer, kind="goodwill", amount_cents=1_500, currency="USD", reason="Outage", by="ada")
    assert panel_of(manager, paid.customer, "Balance") == [
        ["EUR", "€189.00", "€119.00", "€70.00", "€70.00", "€5.00", "€0.00"],
        ["JPY", "¥300", "¥0", "¥300", "¥0", "¥0", "¥0"],
        ["USD", "$0.00", "$0.00", "$0.00", "$0.00", "$0.00", "$15.00"],
    ]


def test_what_became_of_an_invoice_is_told_newest_first(manager):
    invoice = an_invoice("100.00")
    mark_sent(paper=invoice, channel="post", reason="Letter", by="ada", now=NOW + HOUR)
    write_off_invoice(invoice=invoice, now=NOW + 2 * HOUR, by="ada", reason="Insolvent")
    found = panel_of(manager, invoice.customer, "Timeline")
    assert [row[1] for row in found] == ["Written off", "Sent", "Issued"]
    assert found[0][2:] == [invoice.invoice_number, "Insolvent", "-€100.00"]
    assert found[2][0] == "1 Nov 2026, 08:00"


def test_money_that_came_and_went_is_told(manager):
    customer = a_customer()
    paid = rows.payment(5000, "2026-10-30T08:00", customer=customer)
    rows.refund(paid, 1000, "2026-10-31T08:00")
    Dispute.objects.create(
        stripe_dispute_id="dp_1",
        payment=paid,
        amount_cents=4000,
        currency="EUR",
        status="needs_response",
        reason="fraudulent",
        created_at=NOW,
    )
    found = panel_of(manager, customer, "Timeline")
    assert [(row[1], row[4]) for row in found] == [
        ("Disputed", "-€40.00"),
        ("Refunded", "-€10.00"),
        ("Payment", "€50.00"),
    ]
    assert found[0][3] == "fraudulent, needs response"


def test_credit_notes_and_credits_are_told(manager):
    invoice = a_paid_invoice()
    line = CreditLine(description="Item 1", amount_cents=1000, invoice_line=invoice.lines.get())
    issue_credit_note(invoice=invoice, lines=[line], reason="Price", on=TODAY, now=NOW, by="ada")
    assert sorted(told(manager, invoice.customer)) == ["Credit", "Credited", "Issued", "Paid", "Payment"]


def test_changes_of_a_contract_are_told_and_its_future_is_not(manager):
    partner = a_partner()
    a_contract("flat", partner=partner, start_date=dt.date(2026, 1, 1), end_date=dt.date(2026, 6, 1))
    a_contract("flat", partner=partner, start_date=dt.date(2026, 6, 1), end_date=dt.date(2026, 9, 1), version=2)
    a_contract("flat", partner=partner, start_date=dt.date(2999, 1, 1), version=3)
    assert told(manager, partner.customer) == ["Contract ended", "Contract changed", "Contract began"]


def test_the_timeline_ends_somewhere_and_costs_no_more_with_more_rows(manager):
    invoice = an_invoice("1.00")
    address = reverse("admin:invoices_customer_change", args=[invoice.customer_id])
    manager.get(address)
    with CaptureQueriesContext(connection) as few:
        manager.get(address)
    for _ in range(MOST_TOLD + 4):
        a_document(an_invoice("1.00", customer=invoice.customer))
    with CaptureQueriesContext(connection) as many:
        assert len(told(manager, invoice.customer)) == MOST_TOLD
    assert len(many) == len(few)


def test_who_may_not_see_invoices_is_told_nothing_of_them():
    invoice = an_invoice("1.00")
    person = signed_in(someone("", "invoices.view_customer"))
    page = person.get(reverse("admin:invoices_customer_change", args=[invoice.customer_id]))
    assert invoice.invoice_number not in page.content.decode()
