from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from invoices.models import Customer, Seller
from invoices.services import NewLine, draft_invoice, issue_invoice
from payments.enums import BillingCycle
from payments.models import Subscription
from reporting.aging import Aging, aging
from reporting.recurring import Recurring, recurring, recurring_by_currency
from tests.reporting import rows

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 10, 31)


@pytest.fixture
def owes():
    """Issue an invoice of so many dollars that fell due so many days ago."""
    seller = Seller.objects.create(name="We", legal_name="We Ltd", address="Here", country="DE", email="we@example.com")
    customer = Customer.objects.create(name="Acme", country="DE", address="There")

    def invoice(dollars, days_late, currency="USD"):
        draft = draft_invoice(
            customer=customer,
            seller=seller,
            currency=currency,
            lines=[NewLine(description="Work", unit_price=Decimal(dollars))],
            by="test",
            payment_terms_days=0,
        )
        on = TODAY - dt.timedelta(days=days_late)
        return issue_invoice(invoice=draft, on=on, now=rows.at(f"{on}T12:00"), by="test")

    return invoice


def test_each_invoice_ages_in_its_bucket(owes):
    for dollars, days in ((1, 0), (2, 1), (4, 30), (8, 31), (16, 60), (32, 61), (64, 90), (128, 91)):
        owes(dollars, days)
    assert aging(TODAY) == [
        Aging(
            currency="USD",
            current_cents=100,
            late_1_30_cents=600,
            late_31_60_cents=2400,
            late_61_90_cents=9600,
            late_over_90_cents=12800,
        )
    ]


def test_the_buckets_are_all_that_is_open(owes):
    owes(5, 0)
    owes(7, 45)
    (found,) = aging(TODAY)
    assert (found.open_cents, found.late_cents) == (1200, 700)


def test_ages_never_cross_currencies(owes):
    owes(5, 0)
    owes(500, 10, currency="JPY")
    assert [(found.currency, found.open_cents) for found in aging(TODAY)] == [("JPY", 500), ("USD", 500)]


def subscription(name, status="active", currency="USD", mrr_cents=4999):
    customer, _ = Customer.objects.get_or_create(name="Acme")
    return Subscription.objects.create(
        customer=customer,
        stripe_subscription_id=name,
        status=status,
        currency=currency,
        mrr_cents=mrr_cents,
        billing_cycle=BillingCycle.MONTHLY,
        created_at=rows.at("2026-10-01T00:00"),
    )


def test_active_and_past_due_recur_and_nothing_else():
    for status in ("active", "past_due", "trialing", "paused", "unpaid", "canceled", "incomplete"):
        subscription(f"sub_{status}", status)
    assert recurring("USD") == Recurring(9998)
    assert recurring("USD").arr_cents == 119976


def test_what_recurs_never_crosses_currencies():
    subscription("sub_1")
    subscription("sub_2", currency="JPY", mrr_cents=500)
    assert recurring_by_currency() == {"JPY": Recurring(500), "USD": Recurring(4999)}
    assert recurring("EUR") == Recurring(0)
