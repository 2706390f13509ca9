"""Every page of the back office answers, for those who may do everything and for those who may only look."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reporting.models import Break, Reconciliation
from tests.back_office import a_break, a_reconciliation, everything, signed_in, someone

pytestmark = pytest.mark.django_db
JUNK = ["'\"<>%_\\", "\x00", "\U0001d4b5" * 300, "9" * 400, "; DROP TABLE invoices", "{{7*7}}", "\ud7ff"]


def ours():
    for model, page in admin.site._registry.items():
        if model._meta.app_label in {"invoices", "payments", "partners", "reporting", "kit"}:
            yield model, page


def url(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_table_has_a_row_to_look_at():
    everything()
    assert [model.__name__ for model, _page in ours() if not model._base_manager.exists()] == []


@pytest.mark.parametrize("role", ["superuser", "Auditor", "Accountant", "Partner manager"])
def test_all_pages_answer(role):
    everything()
    client = signed_in(someone(is_superuser=True) if role == "superuser" else someone(role))
    answers = {}
    for model, page in ours():
        request = client.get("/admin/").wsgi_request
        if not page.has_view_or_change_permission(request):
            continue
        key = quote(model._base_manager.first().pk)  # as the admin does: Stripe's ids have underscores
        addresses = [url(model, "changelist"), url(model, "change", key), url(model, "history", key)]
        if page.has_add_permission(request):
            addresses.append(url(model, "add"))
        answers |= {address: client.get(address).status_code for address in addresses}
    assert {address: status for address, status in answers.items() if status != 200} == {}
    assert len(answers) > 40 or role != "superuser"


def test_the_start_page_answers_with_its_cards():
    everything()
    page = signed_in(someone("Auditor")).get("/admin/").content.decode()
    for title in ("MRR", "Overdue invoices", "Open breaks", "Stripe in", "Partner run"):
        assert title in page
    assert "Unavailable" not in page


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_no_search_fails_on_junk(junk):
    client = signed_in(someone(is_superuser=True))
    answers = {
        model.__name__: client.get(url(model, "changelist"), {"q": junk}).status_code
        for model, page in ours()
        if page.search_fields
    }
    assert {name: status for name, status in answers.items() if status not in {200, 302, 400}} == {}


def test_lists_cost_the_same_with_one_row_and_with_three():
    person = someone(is_superuser=True)

    def costs():
        client, found = signed_in(person), {}
        for model, _page in ours():
            address = url(model, "changelist")
            client.get(address)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(address)
            found[model.__name__] = len(queries)
        return found

    everything()
    once = costs()
    everything()
    everything()
    assert {name: (once[name], cost) for name, cost in costs().items() if cost > once[name]} == {}


def test_an_auditor_finds_no_button_that_acts():
    everything()
    client = signed_in(someone("Auditor"))
    for model, page in ours():
        request = client.get("/admin/").wsgi_request
        if page.has_view_or_change_permission(request):
            acting = set(page.get_actions(request)) - {"export_selected"}
            assert acting == set(), model
            row = model._base_manager.first()
            buttons = {button.method.__name__ for button in page.get_actions_detail(request, str(row.pk))}
            assert buttons <= {"preview", "download"}, model


def test_a_break_is_resolved_with_a_reason():
    row = a_break(a_reconciliation())
    client = signed_in(someone("Accountant"))
    address = f"{url(Break, 'change', row.pk).removesuffix('change/')}resolve/"
    asked = {"_selected_action": row.pk, "action": "resolve", "confirmed": "yes", "index": 0}
    assert "Give a reason" in client.post(address, asked).content.decode()
    client.post(address, {**asked, "reason": "Booked by hand"})
    row.refresh_from_db()
    assert (row.status, "Booked by hand" in row.note) == ("resolved", True)
    assert "is resolved already" in client.post(address, {**asked, "reason": "Again"}).content.decode()


def test_only_owner_and_note_of_a_break_can_be_typed():
    row = a_break(a_reconciliation())
    person = someone("Accountant")
    signed_in(person).post(
        url(Break, "change", row.pk), {"owner": person.pk, "note": "Mine", "difference_cents": 1, "status": "resolved"}
    )
    row.refresh_from_db()
    assert (row.owner, row.note, row.difference_cents, row.status) == (person, "Mine", 4200, "open")


def test_a_break_shows_the_evidence_of_both_sides():
    row = a_break(a_reconciliation(), ours={"amount_cents": 4100})
    page = signed_in(someone("Auditor")).get(url(Break, "change", row.pk)).content.decode()
    assert "At Stripe" in page
    assert "In our books" in page
    assert "4100" in page


def test_a_morning_without_breaks_is_a_green_zero():
    a_reconciliation(break_count=0)
    page = signed_in(someone("Auditor")).get(url(Reconciliation, "changelist")).content.decode()
    assert "bg-green-100" in page
