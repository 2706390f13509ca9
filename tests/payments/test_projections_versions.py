"""An account on an API version of 2020 gets the same books as one on the newest, event type by event type."""

from __future__ import annotations

import pytest
from django.db import transaction

from payments.stripe.booking import book
from payments.stripe.handled import HANDLED_EVENT_TYPES
from payments.stripe.projections import facts_from_event
from tests.payments.old_shapes import BORN_LATER, OLD, as_of_2020
from tests.payments.stripe_payloads import shipped
from tests.payments.stripe_story import books

pytestmark = pytest.mark.django_db


def booked(event_type: str, *, as_sent) -> dict:
    """Return the books after one event, and after the invoice that a credit note needs; ties have ids of their own."""
    with transaction.atomic():
        if event_type.startswith("credit_note."):
            book(facts_from_event(as_sent(_invoice_of(shipped(event_type)))))
        assert book(facts_from_event(as_sent(shipped(event_type))))
        rows = books()
        transaction.set_rollback(True)
    for tie in rows["InvoicePayment"]:
        del tie["stripe_id"]
    return rows


def _invoice_of(note: dict) -> dict:
    paid = shipped("invoice.paid")
    paid["data"]["object"]["id"] = note["data"]["object"]["invoice"]
    return paid


@pytest.mark.parametrize("event_type", sorted(HANDLED_EVENT_TYPES - BORN_LATER))
def test_the_old_shape_makes_the_same_rows(event_type):
    assert booked(event_type, as_sent=as_of_2020) == booked(event_type, as_sent=lambda event: event)


@pytest.mark.parametrize("event_type", sorted(HANDLED_EVENT_TYPES))
def test_every_handled_type_makes_a_row_in_its_own_shape(event_type):
    assert any(booked(event_type, as_sent=lambda event: event).values())


def test_the_old_shapes_say_that_they_are_old():
    assert as_of_2020(shipped("invoice.paid"))["api_version"] == OLD
    assert "parent" not in as_of_2020(shipped("invoice.paid"))["data"]["object"]
