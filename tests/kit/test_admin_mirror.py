"""The mirror of Stripe is looked at, never touched, whatever its rows hold."""

from __future__ import annotations

import datetime as dt
import socket

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from djstripe import models as mirror

pytestmark = pytest.mark.django_db
MADE = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def nothing_is_dialled(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a page of the mirror opened a connection")

    monkeypatch.setattr(socket, "create_connection", refuse)


def models():
    return [model for model in site._registry if model._meta.app_label == "djstripe"]


def row_of(model, number=1, **stripe_data):
    """Store a row as bare as the table allows."""
    fields = {"id": f"x_{model._meta.model_name}_{number}", "stripe_data": stripe_data, "created": MADE}
    required = {
        field.attname: {"BooleanField": False, "CharField": "", "TextField": ""}.get(field.get_internal_type(), 0)
        for field in model._meta.concrete_fields
        if not (field.null or field.has_default() or field.primary_key or field.is_relation or field.attname in fields)
    }
    given = {name: value for name, value in required.items() if name not in {"djstripe_created", "djstripe_updated"}}
    model.objects.bulk_create([model(**given, **fields)])
    return model.objects.values_list("pk", flat=True).get(id=fields["id"])


def page(model, pk):
    return reverse(f"admin:djstripe_{model._meta.model_name}_change", args=[pk])


def list_of(model):
    return reverse(f"admin:djstripe_{model._meta.model_name}_changelist")


def plain_models():
    """Models whose rows need no other row."""
    return [m for m in models() if all(f.null for f in m._meta.concrete_fields if f.is_relation)]


def test_most_of_the_mirror_is_shown():
    assert {"Event", "Charge", "Customer", "Invoice", "Subscription", "Refund"} <= {
        model.__name__ for model in models()
    }


def test_tables_that_hold_secrets_are_not():
    assert not {mirror.APIKey, mirror.WebhookEndpoint, mirror.WebhookEventTrigger} & set(models())


def test_every_list_and_row_opens_even_when_nothing_is_in_it(admin_client):
    opened = 0
    for model in plain_models():
        pk = row_of(model)
        assert admin_client.get(list_of(model)).status_code == 200, model
        assert admin_client.get(page(model, pk)).status_code == 200, model
        opened += 1
    assert opened > 20


@pytest.mark.parametrize(
    "stripe_data",
    [
        {},
        {"object": "invoice", "parent": {"subscription_details": {"subscription": "sub_1"}}, "payments": {"data": []}},
        {"object": "event", "type": "invoice.paid", "data": {"object": {"customer": "cus_unknown"}}},
        {"object": None, "amount": None, "x": "<script>alert(1)</script>"},
    ],
)
def test_shapes_of_any_version_open(admin_client, stripe_data):
    for model in (mirror.Invoice, mirror.Event, mirror.Charge, mirror.Customer):
        if model not in plain_models():
            continue
        answer = admin_client.get(page(model, row_of(model, **stripe_data)))
        assert answer.status_code == 200, model
        assert b"<script>alert" not in answer.content


def test_looking_writes_nothing_and_asks_little(admin_client):
    pk = row_of(mirror.Event, object="event", type="invoice.paid")
    with CaptureQueriesContext(connection) as asked:
        admin_client.get(list_of(mirror.Event))
        admin_client.get(page(mirror.Event, pk))
    assert not [query["sql"] for query in asked if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


def test_a_list_costs_the_same_at_one_row_and_at_five(admin_client):
    row_of(mirror.Event)
    with CaptureQueriesContext(connection) as one:
        admin_client.get(list_of(mirror.Event))
    for number in range(2, 6):
        row_of(mirror.Event, number)
    with CaptureQueriesContext(connection) as five:
        admin_client.get(list_of(mirror.Event))
    assert len(one) == len(five)


def test_an_event_is_named_by_its_type_and_found_by_its_id(admin_client):
    row_of(mirror.Event, object="event", type="invoice.paid")
    row_of(mirror.Event, 2, object="event", type="charge.failed")
    found = admin_client.get(list_of(mirror.Event) + "?q=x_event_1").content.decode()
    assert "invoice.paid" in found
    assert "charge.failed" not in found


@pytest.mark.parametrize("key", ["999999", "abc", "9" * 30, "-1", "x_event_1"])
def test_a_row_that_is_not_there_is_404(admin_client, key):
    assert admin_client.get(page(mirror.Event, key)).status_code == 404


def test_nothing_is_added_changed_or_deleted(admin_client):
    pk = row_of(mirror.Customer)
    assert admin_client.get(reverse("admin:djstripe_customer_add")).status_code == 403
    assert admin_client.post(reverse("admin:djstripe_customer_delete", args=[pk]), {"post": "yes"}).status_code == 403
    admin_client.post(page(mirror.Customer, pk), {"email": "x@example.com"})
    assert mirror.Customer.objects.values_list("email", flat=True).get(pk=pk) in {"", None}


def test_who_may_not_see_the_mirror_does_not(client):
    pk = row_of(mirror.Customer)
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(page(mirror.Customer, pk)).status_code == 403
    assert client.get(list_of(mirror.Customer)).status_code == 403
