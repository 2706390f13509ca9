"""What every endpoint does alike: who may come in, how wrong input is told, how a repeat is answered."""

from __future__ import annotations

import datetime as dt
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from billing_site.kit.api import parsers
from billing_site.kit.errors import is_away
from billing_site.kit.models import IdempotentRequest, JobRun, ServiceKey
from tests.books import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.api_views")]
RUNS = "/api/v1/runs"


def key(*scopes, **fields):
    return ServiceKey.objects.create_key(name="dashboard", scopes=list(scopes), **fields)[1]


def headers(*scopes, **more):
    return {"Authorization": f"Api-Key {key(*(scopes or ('*',)))}", **more}


def post(client, body, given=None, **more):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(RUNS, content, content_type="application/json", headers={**(given or headers()), **more})


def assert_problem(answer, status):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert (body["status"], bool(body["title"]), bool(body["detail"]), bool(body["type"])) == (status, True, True, True)
    return body


# --- Who may come in ---------------------------------------------------------------------------------------------


def test_nobody_is_401_with_the_way_to_come_in(client):
    answer = client.get(RUNS)
    assert_problem(answer, 401)
    assert answer["WWW-Authenticate"] == "Api-Key"


@pytest.mark.parametrize(
    "written",
    [
        "Api-Key",
        "Api-Key ",
        "Api-Key nonsense",
        "Api-Key a.b",
        "Api-Key a\x00.b",
        "Api-Key " + "a" * 5000,
        "Api-Key 12345678.é",
        "Bearer x",
        "Basic YTpi",
    ],
)
def test_a_key_that_is_none_is_401_and_never_500(client, written):
    assert_problem(client.get(RUNS, headers={"Authorization": written}), 401)


def test_a_wrong_secret_is_told_as_such(client):
    prefix = key("*").partition(".")[0]
    assert (
        "unknown, revoked or expired"
        in assert_problem(client.get(RUNS, headers={"Authorization": f"Api-Key {prefix}.wrong"}), 401)["detail"]
    )
    assert (
        "unknown, revoked or expired"
        in assert_problem(client.get(RUNS, headers={"Authorization": "Api-Key 87654321.wrong"}), 401)["detail"]
    )


def test_a_revoked_or_expired_key_opens_nothing(client):
    past = NOW - dt.timedelta(days=9999)
    for spent in (key("*", revoked=True), key("*", expiry_date=past)):
        assert_problem(client.get(RUNS, headers={"Authorization": f"Api-Key {spent}"}), 401)


def test_a_key_without_the_scope_is_403_and_says_which(client):
    assert "reports:read" in assert_problem(client.get(RUNS, headers=headers("usage:write")), 403)["detail"]
    assert client.get(RUNS, headers=headers("reports:read")).status_code == 200


def test_a_session_counts_for_staff_only(client):
    client.force_login(User.objects.create_user("guest"))
    assert_problem(client.get(RUNS), 401)
    client.force_login(User.objects.create_user("ada", is_staff=True))
    assert client.get(RUNS).status_code == 200
    assert_problem(client.get("/api/v1/parameter"), 403)


def test_staff_with_the_permission_may_see(client):
    ada = User.objects.create_user("ada", is_staff=True)
    ada.user_permissions.add(Permission.objects.get(content_type__app_label="invoices", codename="view_invoice"))
    client.force_login(ada)
    assert client.get("/api/v1/parameter").status_code == 200


def test_an_inactive_member_of_staff_is_nobody(client):
    ada = User.objects.create_user("ada", is_staff=True)
    client.force_login(ada)
    User.objects.update(is_active=False)
    assert_problem(client.get(RUNS), 401)


def test_a_session_cannot_write_without_the_csrf_token():
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("ada", is_staff=True))
    assert_problem(client.post(RUNS, b"{}", content_type="application/json"), 403)


def test_the_secret_of_a_key_is_kept_nowhere():
    secret = key("*").partition(".")[2]
    assert secret not in str(ServiceKey.objects.values().get())


# --- Wrong input -------------------------------------------------------------------------------------------------

ONE_MEGABYTE_DEEP = b"[" * 2**20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"job": "a", "job": "b"}', "twice"),
        (b'{"metadata": {"a": 1, "a": 2}, "job": "x"}', "twice"),
        (b'{"job": NaN}', "NaN"),
        (b'{"job": -Infinity}', "-Infinity"),
        (b'{"job": 1e999}', "too large"),
        (b'{"job": "a\\u0000b"}', "U+0000"),
        (b'{"metadata": {"\\u0000": 1}, "job": "x"}', "U+0000"),
        (b'{"job": "\\ud800"}', "surrogate"),
        (b'\xef\xbb\xbf{"job": "a"}', "byte order mark; send UTF-8 without one"),
        (b'{"job": ' + b"1" * 5000 + b"}", "a number of thousands of digits"),
        (b'{"job": "\xff"}', "UTF-8"),
        (b"\xef\xbb\xbf{}", "JSON"),
        (b'{"job"', "JSON"),
        (b"{} {}", "JSON"),
        (b'{"job": ' + b"9" * 5000 + b"}", "JSON"),
        (b"[" * 30 + b"]" * 30, "20 levels"),
        (ONE_MEGABYTE_DEEP, "levels"),
        (b'"' + b"x" * (2 * 2**20) + b'"', "larger than"),
    ],
)
def test_json_that_is_ambiguous_or_cannot_be_stored_is_a_400(client, body, said):
    assert said in assert_problem(post(client, body), 400)["detail"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"5", b"[]", b'"x"', b"{}", b'{"job": null}', b'{"job": []}', b'{"job": {}}']
)
def test_json_of_another_shape_is_a_400(client, body):
    assert_problem(post(client, body), 400)


def test_twenty_levels_are_allowed():
    assert parsers.parse_json(b"[" * 20 + b"]" * 20)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
        max_leaves=9,
    )
)
def test_what_is_sound_is_read_as_it_was_written(value):
    assert parsers.parse_json(json.dumps(value).encode()) == value


ODD_NAMES = st.sampled_from(["a", "b", '":', '\\":', " :", "\t:"])
OBJECTS = st.recursive(
    ODD_NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(ODD_NAMES, inner), max_size=3).map(tuple),
    max_leaves=9,
)


def as_text(value, colon):
    """Write JSON in which a tuple of pairs is an object, and a key may stand there twice."""
    if isinstance(value, tuple):
        return "{" + ",".join(json.dumps(name) + colon + as_text(inner, colon) for name, inner in value) + "}"
    return json.dumps(value) if isinstance(value, str) else f"[{','.join(as_text(inner, colon) for inner in value)}]"


def repeats_a_key(value):
    if isinstance(value, tuple):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(repeats_a_key(inner) for _, inner in value)
    return isinstance(value, list) and any(map(repeats_a_key, value))


@given(OBJECTS, st.sampled_from([":", ": ", " :", "\t\r\n : "]))
def test_a_key_that_stands_there_twice_is_refused_however_it_is_written(value, colon):
    text = as_text(value, colon)
    if repeats_a_key(value):
        with pytest.raises(ParseError, match="stands there twice"):
            parsers.parse_json(text.encode())
    else:
        assert parsers.parse_json(text.encode()) == json.loads(text)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail_otherwise(body):
    with suppress(ParseError):
        parsers.parse_json(body)


def test_a_number_with_a_point_is_read_digit_for_digit(client):
    body = (
        b"""{"job": "x", "lines": [{"quantity": 0.100000000001}, {"quantity": "123456789012.000000000001"}],"""
        b""""metadata": {"a": 1.50}}"""
    )
    answer = post(client, body).json()
    assert answer["lines"] == ["0.100000000001", "123456789012.000000000001"]
    assert answer["metadata"] == {"a": 1.5}


def test_more_digits_than_are_kept_are_refused_and_not_rounded(client):
    problem = assert_problem(
        post(client, b'{"job": "x", "lines": [{"quantity": 1}, {"quantity": 0.1234567890123456}]}'), 400
    )
    assert problem["errors"][0]["pointer"] == "#/lines/1/quantity"


def test_each_wrong_field_has_a_pointer(client):
    problem = assert_problem(post(client, {"lines": [{"quantity": "1"}, {}]}), 400)
    assert {error["pointer"] for error in problem["errors"]} == {"#/job", "#/lines/1/quantity"}
    assert problem["type"] == "urn:billing:problem:invalid"


def test_a_wrong_parameter_is_named(client):
    problem = assert_problem(client.get("/api/v1/parameter?currency=XXY", headers=headers()), 400)
    assert problem["errors"] == [{"detail": "Unknown.", "parameter": "currency"}]


def test_other_refusals_are_problems_too(client):
    assert_problem(client.get("/api/v1/nothing-here", headers=headers()), 404)
    assert_problem(client.delete(RUNS, headers=headers()), 405)
    assert_problem(client.post(RUNS, "a=b", content_type="application/x-www-form-urlencoded", headers=headers()), 415)
    assert_problem(client.get(RUNS, headers=headers(Accept="text/html")), 406)


def test_a_refusal_of_a_service_is_a_409_with_its_sentence(client):
    assert assert_problem(post(client, {"job": "closed"}), 409)["detail"] == "The till is closed."


def test_a_promise_of_the_database_is_a_409(client):
    with transaction.atomic():
        assert_problem(post(client, {"job": "illegal", "amount_cents": -5}, **{"Idempotency-Key": "k"}), 409)


def test_a_number_no_column_holds_is_a_400(client):
    assert_problem(post(client, {"job": "illegal", "amount_cents": 10**30}, **{"Idempotency-Key": "k"}), 400)


def test_a_fault_of_ours_is_a_500_problem_without_a_traceback(client):
    client.raise_request_exception = False
    answer = post(client, {"job": "fault"})
    assert_problem(answer, 500)
    assert b"a bug" not in answer.content


# --- While PostgreSQL is away --------------------------------------------------------------------------------------


def without_postgres(monkeypatch, ask):
    """Ask from a thread, whose connection is to be made, while nobody listens where PostgreSQL should."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", port)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(ask).result()


@pytest.mark.parametrize("path", [RUNS, "/api/v1/usage-events"])
def test_a_call_while_postgresql_is_away_is_to_be_made_again(monkeypatch, caplog, path):
    given = headers()
    answer = without_postgres(monkeypatch, lambda: Client().post(path, {}, "application/json", headers=given))
    assert_problem(answer, 503)
    assert answer["Retry-After"] == "5"
    assert "PostgreSQL did not answer" in caplog.text


def test_a_person_at_the_api_is_told_the_same(monkeypatch, client):
    client.force_login(User.objects.create_superuser("ada"))
    client.raise_request_exception = False
    answer = without_postgres(monkeypatch, lambda: client.get(RUNS))
    assert_problem(answer, 503)
    assert answer["Retry-After"] == "5"


def test_what_no_later_moment_would_mend_is_no_503():
    with pytest.raises(OperationalError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1" + ", 1" * 1_664)  # PostgreSQL answers a row of at most 1,664 columns
    assert not is_away(refusal.value)


# --- Pages -------------------------------------------------------------------------------------------------------


def walk(client, given, query="?page_size=2"):
    url, seen = RUNS + query, []
    while url:
        page = client.get(url, headers=given).json()
        seen.append([row["id"] for row in page["data"]])
        url = page["next"]
    return seen


def test_pages_tile_the_rows(client):
    ids = [JobRun.objects.create(job=str(n), started_at=NOW).pk for n in range(5)]
    assert walk(client, headers()) == [ids[:2], ids[2:4], ids[4:]]


def test_a_full_last_page_has_no_next(client):
    ids = [JobRun.objects.create(job=str(n), started_at=NOW).pk for n in range(4)]
    assert walk(client, headers()) == [ids[:2], ids[2:]]


def test_rows_that_arrive_between_pages_repeat_nothing(client):
    given = headers()
    first = [JobRun.objects.create(job=str(n), started_at=NOW).pk for n in range(3)]
    page = client.get(RUNS + "?page_size=2", headers=given).json()
    late = JobRun.objects.create(job="late", started_at=NOW).pk
    assert [row["id"] for row in client.get(page["next"], headers=given).json()["data"]] == [first[2], late]


def test_an_empty_list_is_a_page(client):
    assert client.get(RUNS, headers=headers()).json() == {"data": [], "next": None}


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=501",
        "page_size=-1",
        "page_size=1e2",
        "page_size=٣",
        "page_size=9999999",
        "cursor=x",
        "cursor=%00",
        "cursor=LTE",
        "cursor=" + "OTk5" * 30,
        "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
    ],
)
def test_a_wrong_page_is_a_400_that_names_the_parameter(client, query):
    problem = assert_problem(client.get(f"{RUNS}?{query}", headers=headers()), 400) if query != "cursor=LTE" else None
    if problem:
        assert problem["errors"][0]["parameter"] == query.partition("=")[0]
    else:
        assert client.get(f"{RUNS}?{query}", headers=headers()).status_code == 200


def test_a_page_costs_the_same_queries_at_one_row_and_at_five(client):
    given = headers()
    JobRun.objects.create(job="x", started_at=NOW)
    with CaptureQueriesContext(connection) as one:
        client.get(RUNS, headers=given)
    JobRun.objects.bulk_create([JobRun(job="x", started_at=NOW) for _ in range(4)])
    with CaptureQueriesContext(connection) as five:
        client.get(RUNS, headers=given)
    assert len(one) == len(five)


# --- Once is enough ----------------------------------------------------------------------------------------------


def test_the_same_key_and_body_do_it_once_and_answer_the_same(client):
    given = headers(**{"Idempotency-Key": "abc"})
    first = post(client, b'{"job": "x", "metadata": {"b": 1, "a": [1.0]}}', given)
    again = post(client, b'{ "metadata": {"a": [1.0], "b": 1}, "job": "x" }', given)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, again.json())
    assert JobRun.objects.count() == 1
    assert again["Idempotency-Replayed"] == "true"


def test_the_same_key_with_another_body_is_a_409(client):
    given = headers(**{"Idempotency-Key": "abc"})
    post(client, {"job": "x"}, given)
    assert assert_problem(post(client, {"job": "y"}, given), 409)["type"].endswith("idempotency-key-reused")
    assert JobRun.objects.count() == 1


def test_keys_of_two_callers_do_not_meet(client):
    for _ in range(2):
        assert post(client, {"job": "x"}, **{"Idempotency-Key": "abc"}).status_code == 201
    assert JobRun.objects.count() == 2


def test_a_refused_request_leaves_its_key_free(client):
    given = headers(**{"Idempotency-Key": "abc"})
    assert_problem(post(client, {"job": "closed"}, given), 409)
    assert post(client, {"job": "x"}, given).status_code == 201


def test_a_failed_request_leaves_nothing(client):
    client.raise_request_exception = False
    given = headers(**{"Idempotency-Key": "abc"})
    assert_problem(post(client, {"job": "fault"}, given), 500)
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize("written", ["", "x" * 256, "é", "a\tb"])
def test_a_key_that_cannot_be_kept_is_a_400(client, written):
    assert_problem(post(client, {"job": "x"}, **{"Idempotency-Key": written}), 400)


@pytest.mark.django_db(transaction=True)
def test_five_at_once_make_one(client):
    given = headers(**{"Idempotency-Key": "abc"})
    start, answers = threading.Barrier(5), []

    def ask():
        start.wait()
        answers.append(post(Client(), {"job": "x"}, given).status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert JobRun.objects.count() == 1
    assert set(answers) <= {201, 409}
    assert post(Client(), {"job": "x"}, given).status_code == 201


# --- The document ------------------------------------------------------------------------------------------------


def test_the_document_is_openapi_and_every_operation_names_its_problems(client):
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.")
    runs = document["paths"]["/api/v1/runs"]
    assert runs["get"]["responses"]["401"]["content"]["application/problem+json"]["schema"] == {
        "$ref": "#/components/schemas/Problem"
    }
    assert {"400", "401", "403", "409", "415"} <= set(runs["post"]["responses"])
    assert {"ServiceKey", "StaffSession"} <= set(document["components"]["securitySchemes"])
    assert {parameter["name"] for parameter in runs["get"]["parameters"]} == {"cursor", "page_size"}


def test_the_reader_of_the_document_needs_no_loose_policy(client):
    answer = client.get("/api/v1/docs/")
    assert answer.status_code == 200
    assert b"<script>" not in answer.content
    assert b"<style>" not in answer.content
    assert "unsafe" not in answer["Content-Security-Policy"]
