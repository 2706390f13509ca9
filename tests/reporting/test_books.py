from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing_site.kit.models import JobRun
from reporting.invariants import broken_invariants
from reporting.tasks import BooksDoNotBalance, check_books
from tests.reporting import rows

pytestmark = pytest.mark.django_db


def break_the_books():
    """Refund more than was paid, behind the back of every service."""
    paid = rows.payment(10000, "2026-10-05T10:00")
    rows.refund(paid, 6000, "2026-10-06T10:00")
    rows.refund(paid, 6000, "2026-10-07T10:00")
    return paid


def test_empty_books_balance(capsys):
    call_command("check_books")
    assert "The books balance." in capsys.readouterr().out


@pytest.mark.breaks_invariants
def test_a_broken_promise_is_named_and_fails_the_command(capsys):
    paid = break_the_books()
    with pytest.raises(CommandError, match="1 promises"):
        call_command("check_books")
    assert f"payment {paid.pk}" in capsys.readouterr().out


@pytest.mark.breaks_invariants
def test_a_broken_promise_fails_the_nightly_job_and_stays_on_record():
    break_the_books()
    with pytest.raises(BooksDoNotBalance):
        check_books()
    assert JobRun.objects.get().state == "failed"
    assert broken_invariants()[0].name in JobRun.objects.get().outcome
    assert connection.in_atomic_block
