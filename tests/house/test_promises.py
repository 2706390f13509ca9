"""The promises about the house itself: roles, the application's role, the audit, decisions that stay short."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from billing_site.kit.roles import ROLES
from payments.stripe.handled import HANDLED_EVENT_TYPES
from tests.books import an_invoice

ROOT = Path(__file__).resolve().parents[2]
MONEY = [
    *("invoices.Seller", "invoices.Customer", "invoices.Invoice", "invoices.InvoiceLine", "invoices.CreditNote"),
    *("payments.Payment", "payments.Refund", "payments.Dispute", "payments.Credit", "payments.Allocation"),
    *("partners.Contract", "partners.BillingRun", "partners.BilledPeriod", "reporting.Break"),
]


@pytest.mark.django_db
def test_the_application_owns_no_table():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE invoices CASCADE",
        "ALTER TABLE payment_history DISABLE TRIGGER ALL",
        "DROP TRIGGER issued_is_issued ON invoices",
        "TRUNCATE invoices_invoiceevent",
        "DELETE FROM invoices_invoiceevent",
        "UPDATE invoices_invoiceevent SET total_cents = 0",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_cannot_switch_a_promise_off(statement):
    with pytest.raises(DatabaseError, match=r"must be owner|permission denied"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_a_group_with_permissions(role):
    assert Group.objects.get(name=role).permissions.exists()


@pytest.mark.django_db
def test_an_auditor_sees_everything_and_changes_nothing():
    codes = set(Group.objects.get(name="Auditor").permissions.values_list("codename", flat=True))
    assert {code.partition("_")[0] for code in codes} == {"view"}


@pytest.mark.parametrize("label", MONEY)
def test_every_money_table_is_audited(label):
    app, _, name = label.partition(".")
    assert apps.get_model(app, f"{name}Event")


@pytest.mark.django_db
def test_the_audit_sees_what_sql_does():
    invoice = an_invoice("100.00")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices SET notes = 'by hand' WHERE id = %s", [invoice.pk])
    event = apps.get_model("invoices", "InvoiceEvent").objects.filter(pgh_obj_id=invoice.pk).latest("pgh_id")
    assert (event.pgh_label, event.notes) == ("update", "by hand")


@pytest.mark.parametrize("event_type", sorted(HANDLED_EVENT_TYPES))
def test_every_handled_event_has_a_real_shaped_payload(event_type):
    assert (ROOT / "fixtures" / "stripe" / f"{event_type}.json").exists()


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_fits_on_one_screen(page):
    lines = page.read_text().splitlines()
    assert len(lines) <= 40
    assert [line[3:] for line in lines if line.startswith("## ")] == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]
