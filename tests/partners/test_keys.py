"""Partners' keys: shown once, changed over without a gap, closed at once, and their use noted without a queue."""

from __future__ import annotations

import datetime as dt
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing_site.kit.admin.history import audit_of
from partners.models import PartnerApiKey, UsageEvent
from partners.services import (
    AlreadyRevoked,
    AlreadyRotated,
    MomentPast,
    NameTaken,
    OpensNothing,
    make_key,
    note_use,
    revoke_key,
    rotate_key,
)
from tests.back_office import signed_in, someone
from tests.partners.agreements import a_partner, use

NOW = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
IN_A_WEEK = NOW + dt.timedelta(days=7)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def partner():
    return a_partner("Hanse")


@pytest.fixture
def made(partner):
    return make_key(partner=partner, name="Gateway", now=NOW)


@pytest.fixture
def manager():
    return signed_in(someone("Partner manager"))


def reported(secret: str, number: str = "k-1"):
    """Post one deed with a key."""
    event = {"idempotency_key": number, "event_type": "deed", "occurred_at": "2026-10-15T12:00:00Z"}
    headers = {"Authorization": f"Api-Key {secret}"}
    body = json.dumps({"events": [event]})
    return Client().post("/api/v1/usage-events", body, content_type="application/json", headers=headers)


def page_of(row):
    return reverse(f"admin:partners_{row._meta.model_name}_change", args=[row.pk])


def button_of(row, name):
    return f"{page_of(row).removesuffix('change/')}{name}/"


def shown_in(page: str) -> str:
    found = re.search(r'value="([A-Za-z0-9]{8}\.[A-Za-z0-9]+)"', page)
    assert found, page
    return found[1]


# --- Rotating and revoking -----------------------------------------------------------------------------------------


def test_after_a_rotation_both_keys_work_until_the_moment_and_then_the_new_one_alone(made, november):
    fresh = rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    assert [reported(made.secret, "a").status_code, reported(fresh.secret, "b").status_code] == [201, 201]
    november.move_to(IN_A_WEEK + dt.timedelta(seconds=1))
    refused = reported(made.secret, "c")
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")
    assert refused["WWW-Authenticate"] == "Api-Key"
    assert refused.json()["detail"] == "This API key is unknown, revoked or expired."
    assert reported(fresh.secret, "d").status_code == 201
    assert set(UsageEvent.objects.values_list("idempotency_key", flat=True)) == {"a", "b", "d"}


def test_what_was_reported_with_the_old_key_is_a_repeat_with_the_new_one(made):
    fresh = rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    assert [reported(secret, "a").status_code for secret in (made.secret, fresh.secret)] == [201, 200]
    body = json.dumps({"idempotency_key": "b", "counts": [{"day": "2026-10-15", "requests": 5}]})
    told = [
        Client()
        .post(
            "/api/v1/api-usage", body, content_type="application/json", headers={"Authorization": f"Api-Key {secret}"}
        )
        .status_code
        for secret in (made.secret, fresh.secret)
    ]
    assert told == [201, 200]


def test_a_rotated_key_has_one_successor_however_often_somebody_clicks(made):
    fresh = rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    with pytest.raises(AlreadyRotated, match=f"{fresh.key.prefix} takes its place"):
        rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    assert PartnerApiKey.objects.count() == 2


def test_a_rotation_never_lengthens_the_life_of_a_key(partner):
    tomorrow = NOW + dt.timedelta(days=1)
    made = make_key(partner=partner, name="Trial", now=NOW, works_until=tomorrow)
    rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    made.key.refresh_from_db()
    assert made.key.expiry_date == tomorrow


def test_a_key_is_not_rotated_into_the_past_nor_when_it_opens_nothing(made):
    with pytest.raises(MomentPast, match="to close a key at once, revoke it"):
        rotate_key(key=made.key, works_until=NOW, now=NOW)
    revoke_key(key=made.key)
    with pytest.raises(OpensNothing, match="make a new key"):
        rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)


def test_a_revoked_key_opens_nothing_from_the_next_call_on_and_for_good(made):
    assert reported(made.secret, "a").status_code == 201
    revoke_key(key=made.key)
    assert reported(made.secret, "b").status_code == 401
    with pytest.raises(AlreadyRevoked):
        revoke_key(key=made.key)
    with pytest.raises(DatabaseError, match="is revoked for good"), transaction.atomic():
        PartnerApiKey.objects.update(revoked=False)


def test_a_name_stands_for_one_working_key(partner, made):
    with pytest.raises(NameTaken, match="rotate that key"):
        make_key(partner=partner, name="Gateway", now=NOW)
    revoke_key(key=made.key)
    assert make_key(partner=partner, name="Gateway", now=NOW).key.prefix != made.key.prefix


# --- Last used -----------------------------------------------------------------------------------------------------


def test_use_is_noted_once_a_minute_and_costs_no_query_in_between(made, november):
    assert reported(made.secret, "a").status_code == 201
    made.key.refresh_from_db()
    assert made.key.last_used_at == NOW
    november.move_to(NOW + dt.timedelta(seconds=59))
    with CaptureQueriesContext(connection) as queries:
        assert note_use(key=made.key, now=NOW + dt.timedelta(seconds=59)) is False
    assert len(queries) == 0
    assert reported(made.secret, "b").status_code == 201
    made.key.refresh_from_db()
    assert made.key.last_used_at == NOW
    november.move_to(later := NOW + dt.timedelta(seconds=61))
    assert reported(made.secret, "c").status_code == 201
    made.key.refresh_from_db()
    assert made.key.last_used_at == later


def test_a_refused_key_was_not_used(made):
    revoke_key(key=made.key)
    reported(made.secret)
    made.key.refresh_from_db()
    assert made.key.last_used_at is None


@pytest.mark.django_db(transaction=True)
def test_of_eight_callers_at_the_same_moment_one_notes_the_use(made):
    def note(_: int) -> bool:
        try:
            return note_use(key=made.key, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(note, range(8))) == 1


# --- Shown once ----------------------------------------------------------------------------------------------------


def test_a_new_key_stands_in_one_answer_and_works(manager, partner):
    answer = manager.post(button_of(partner, "new-key"), {"name": "Gateway"})
    secret = shown_in(answer.content.decode())
    assert reported(secret).status_code == 201
    assert "no-store" in answer["Cache-Control"]
    assert secret not in manager.get(page_of(partner)).content.decode()


def test_a_raw_key_stays_in_no_message_session_audit_or_log(manager, made, capfd, caplog):
    answer = manager.post(button_of(made.key, "rotate"), {"works_until": "2026-11-09T09:00"})
    secret = shown_in(answer.content.decode())
    reported(secret)
    kept = [*manager.session.items(), *((name, morsel.value) for name, morsel in answer.cookies.items())]
    assert CookieStorage.cookie_name not in answer.cookies
    assert secret not in str(kept)
    logged = capfd.readouterr()
    assert secret.partition(".")[2] not in logged.out + logged.err + caplog.text
    call_command("check")  # nothing of the request is left that a later command could print
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM partners_partnerapikeyevent AS t")
        audit = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(t::text, ' ') FROM django_admin_log AS t")
        log = cursor.fetchone()[0] or ""
    assert secret.partition(".")[2] not in audit + log


def test_who_rotated_and_who_revoked_is_on_record(manager, made):
    manager.post(button_of(made.key, "rotate"), {"works_until": "2026-11-09T09:00"})
    asked = {"_selected_action": made.key.pk, "action": "revoke", "confirmed": "yes", "index": 0}
    manager.post(button_of(made.key, "revoke"), asked)
    told = [(entry.by, entry.what, [change.field for change in entry.changes]) for entry in audit_of(made.key)]
    assert [what for _, what, _ in told] == ["Changed", "Changed", "Added"]
    assert [fields for *_, fields in told[:2]] == [["revoked"], ["expiry date"]]
    assert {by for by, *_ in told[:2]} != {"the program"}


def test_the_use_of_a_key_fills_no_audit(made):
    note_use(key=made.key, now=NOW)
    assert [entry.what for entry in audit_of(made.key)] == ["Added"]


def test_what_cannot_be_rotated_is_said_beside_the_form(manager, made):
    past = manager.post(button_of(made.key, "rotate"), {"works_until": "2026-11-01T09:00"})
    assert "Choose a moment that is still to come" in past.content.decode()
    assert PartnerApiKey.objects.count() == 1


def test_a_key_may_be_renamed_and_nothing_else(manager, made):
    manager.post(page_of(made.key), {"name": "Nightly", "prefix": "x", "revoked": "on"})
    made.key.refresh_from_db()
    assert (made.key.name, made.key.revoked, len(made.key.prefix)) == ("Nightly", False, 8)


@pytest.mark.parametrize("role", ["Auditor", "Accountant", "Finance manager"])
def test_who_manages_no_partners_makes_and_rotates_no_keys(role, made):
    client = signed_in(someone(role))
    assert client.post(button_of(made.key.partner, "new-key"), {"name": "x"}).status_code == 403
    assert client.post(button_of(made.key, "rotate"), {"works_until": "2026-11-09T09:00"}).status_code == 403
    assert PartnerApiKey.objects.count() == 1


def test_to_revoke_a_key_names_the_one_among_others_of_its_name(manager, made):
    fresh = rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW).key
    for key, other in ((made.key, fresh), (fresh, made.key)):
        asked = manager.get(button_of(key, "revoke")).content.decode()
        assert (f"{key.name} · {key.prefix}" in asked, other.prefix in asked) == (True, False)


def test_the_history_of_a_key_is_told_in_words(made):
    rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    revoke_key(key=made.key)
    told = [(one.field, one.before, one.after) for entry in audit_of(made.key) for one in entry.changes]
    assert ("revoked", "no", "yes") in told
    assert ("expiry date", "nothing", "9 Nov 2026, 08:00") in told


# --- What a key reported -------------------------------------------------------------------------------------------


def test_each_key_shows_its_own_usage_of_thirty_days(manager, made, partner):
    for day, quantity in (("2026-10-03", 3), ("2026-10-02", 500), ("2026-11-01", 4)):
        use(partner, quantity, at=f"{day}T12:00:00+00:00", api_key_prefix=made.key.prefix)
    use(partner, 1000, at="2026-11-01T12:00:00+00:00", meter="request", api_key_prefix=made.key.prefix)
    use(partner, 9, at="2026-11-01T12:00:00+00:00", api_key_prefix="another")
    key = PartnerApiKey.objects.with_usage(since=dt.date(2026, 10, 3)).get()
    assert (key.calls, key.deeds) == (1000, 7)
    assert ">1,000<" in manager.get(page_of(partner)).content.decode()


def test_lists_of_keys_cost_the_same_at_one_and_at_three(manager, partner, made):
    def cost(url):
        manager.get(url)  # what is remembered between pages
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(url).status_code == 200
        return len(queries)

    urls = ("/admin/partners/partnerapikey/", page_of(partner))
    one = [cost(url) for url in urls]
    fresh = rotate_key(key=made.key, works_until=IN_A_WEEK, now=NOW)
    rotate_key(key=fresh.key, works_until=IN_A_WEEK, now=NOW)
    assert [cost(url) for url in urls] == one


def test_the_page_that_the_list_links_to_offers_to_rotate_and_revoke(manager, made):
    """The admin writes the dollars of a key's id in its own way."""
    listed = manager.get("/admin/partners/partnerapikey/").content.decode()
    (url,) = set(re.findall(r'href="(/admin/partners/partnerapikey/[^"?]+/change/)', listed))
    page = manager.get(url).content.decode()
    for name in ("rotate", "revoke"):
        (button,) = set(re.findall(rf'href="([^"]+/{name}/)', page))
        assert manager.get(button).status_code == 200
    asked = manager.post(url.replace("/change/", "/rotate/"), {"works_until": "2026-11-09T09:00"})
    assert shown_in(asked.content.decode())
