"""The ground of the tests themselves: the real roles, a fresh database, a worker that answers."""

from __future__ import annotations

import urllib.request

import pytest
from django.contrib.auth.models import Group
from django.db import ProgrammingError, connection, connections
from django.test.testcases import DatabaseOperationForbidden

from billing_site.celery import app
from tests import ground


def test_tests_connect_as_the_role_that_owns_nothing(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, (SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole)")
        assert cursor.fetchone() == ("billing_app", 0)


def test_tests_may_not_change_the_schema(db):
    with pytest.raises(ProgrammingError, match="must be owner"), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices DISABLE TRIGGER ALL")
    connection.set_rollback(True)


def test_tests_never_reach_the_owner(db):
    with pytest.raises(DatabaseOperationForbidden), connections["owner"].cursor():
        pass


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_committed_row_is_gone_in_the_next_test(transactional_db, time):
    assert not Group.objects.filter(name="Left over").exists()
    Group.objects.create(name="Left over")


def test_rows_of_the_migrations_survive_a_committed_test(transactional_db):
    ground.clone(ground.ensure_template())
    connection.close()
    assert Group.objects.filter(name="Auditor").exists()


def test_the_books_are_checked_after_every_test(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, detail FROM billing_invariants")
        assert cursor.fetchall() == []


def test_a_real_worker_answers(celery_worker_process):
    assert [*app.control.ping(timeout=10, limit=1)[0].values()] == [{"ok": "pong"}]


def test_the_site_answers_over_http(live_site, redis_url):
    with urllib.request.urlopen(f"{live_site}/healthz") as answer:  # noqa: S310 - our own loopback address
        assert answer.status == 200
