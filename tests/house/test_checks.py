"""Wrong settings are told with an id and a remedy; sensible ones pass in silence."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from billing_site import checks

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "abcdefghijklmnopqrstuvwx", "whsec_abcdefghijklmnopqrstuvwx"
PRODUCTION = {
    "DATABASE_URL": "postgresql://billing_app:secret@127.0.0.1:1/billing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "".join(chr(48 + n % 75) for n in range(0, 700, 11)),
    "STRIPE_API_KEY": f"sk_live_{KEY}",
    "STRIPE_LIVE_MODE": "true",
    "STRIPE_WEBHOOK_SECRETS": f"{SECRET},{SECRET}2",
    "EMAIL_URL": "smtp://user:password@mail.example:587/?tls=True",
    "ALLOWED_HOSTS": "billing.example",
}


def ids(messages):
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def manage(*arguments, var_dir, **variables):
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**clean, **PRODUCTION, "VAR_DIR": str(var_dir), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- Whole runs --------------------------------------------------------------------------------------------------


def test_a_sensible_production_passes_in_silence(tmp_path):
    run = manage("check", "--deploy", "--fail-level", "WARNING", var_dir=tmp_path)
    assert (run.returncode, run.stdout + run.stderr) == (0, "System check identified no issues (0 silenced).\n")


def test_a_careless_production_is_told_everything_at_once(tmp_path):
    careless = {"SECRET_KEY": "short", "EMAIL_URL": "console://", "STRIPE_API_KEY": "", "STRIPE_WEBHOOK_SECRETS": ""}
    run = manage("check", "--deploy", "--fail-level", "WARNING", var_dir=tmp_path, **careless)
    assert run.returncode == 1
    for told in ("security.W009", "billing.W005", "billing.W010"):
        assert told in run.stderr


def test_an_endpoint_that_is_no_uuid_stops_the_start(tmp_path):
    run = manage("check", var_dir=tmp_path, STRIPE_WEBHOOK_UUID="the-first-one")
    assert run.returncode == 1
    assert "STRIPE_WEBHOOK_UUID='the-first-one' is no UUID" in run.stderr


def test_the_key_of_the_other_mode_stops_every_command(tmp_path):
    run = manage("check", var_dir=tmp_path, STRIPE_API_KEY=f"sk_test_{KEY}")
    assert run.returncode == 1
    assert "billing.E002" in run.stderr
    assert KEY not in run.stderr


# --- One by one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "live", "told"),
    [
        ("", False, []),
        (f"sk_test_{KEY}", False, []),
        (f"rk_live_{KEY}", True, []),
        (f"sk_live_{KEY}", False, ["billing.E002"]),
        (f"sk_test_{KEY}", True, ["billing.E002"]),
        (f"pk_live_{KEY}", True, ["billing.E001"]),
        ("whatever", False, ["billing.E001"]),
    ],
)
def test_the_key_fits_the_mode(settings, key, live, told):
    settings.STRIPE_API_KEY, settings.STRIPE_LIVE_MODE = key, live
    assert ids(checks.stripe_key()) == told


def test_each_webhook_secret_is_looked_at(settings):
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET, f"sk_test_{KEY}", ""]
    assert ids(checks.webhook_secrets()) == ["billing.E003", "billing.E003"]


@pytest.mark.parametrize(("secrets", "told"), [([], ["billing.E014"]), ([SECRET], [])])
def test_an_endpoint_of_the_environment_has_a_secret(settings, secrets, told):
    settings.STRIPE_WEBHOOK_UUID, settings.STRIPE_WEBHOOK_SECRETS = uuid.uuid4(), secrets
    assert ids(checks.webhook_endpoint()) == told


@pytest.mark.parametrize(("account", "told"), [("", []), ("acct_1AbCdEfGh", []), ("we_1", ["billing.E015"])])
def test_the_account_is_an_account(settings, account, told):
    settings.STRIPE_ACCOUNT_ID = account
    assert ids(checks.stripe_account()) == told


@pytest.mark.parametrize(
    ("address", "told"),
    [("https://api.stripe.com", []), ("http://127.0.0.1:12111", []), ("http://stripe.example", ["billing.E004"])],
)
def test_the_key_travels_encrypted_or_stays_on_this_machine(settings, address, told):
    settings.STRIPE_API_BASE = address
    assert ids(checks.stripe_address()) == told


def test_demo_rows_and_real_money_do_not_meet(settings):
    settings.DEMO_DATA = settings.STRIPE_LIVE_MODE = True
    assert ids(checks.demo_is_no_live_mode()) == ["billing.E006"]


def test_the_reporting_currency_is_known(settings):
    settings.REPORTING_CURRENCY = "XXY"
    assert ids(checks.reporting_currency()) == ["billing.E007"]


def test_a_month_begins_at_one_instant_everywhere(settings):
    settings.CELERY_TIMEZONE = "Asia/Tokyo"
    assert ids(checks.one_time_zone()) == ["billing.E008"]


def test_a_folder_that_cannot_be_made_is_told(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.STORAGES = {
        "default": {
            "BACKEND": "billing_site.kit.files.PrivateDisk",
            "OPTIONS": {"location": str(tmp_path / "file" / "x")},
        }
    }
    assert ids(checks.documents_can_be_written()) == ["billing.E009"]


def test_a_folder_still_to_be_made_is_fine(settings, tmp_path):
    settings.STORAGES = {
        "default": {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path / "a" / "b")}}
    }
    assert checks.documents_can_be_written() == []


@pytest.mark.django_db
def test_the_application_role_owns_nothing(settings):
    settings.PRODUCTION = True
    assert checks.application_owns_nothing(databases=["default"]) == []


@pytest.mark.django_db
def test_a_role_that_owns_tables_is_told(settings, monkeypatch):
    settings.PRODUCTION = True
    monkeypatch.setattr(checks, "_OWNED", "SELECT current_user, false, 12")
    message = checks.application_owns_nothing(databases=["default"])[0]
    assert message.id == "billing.W011"
    assert "owns 12 tables" in message.msg


def test_servers_are_asked_only_on_request(settings):
    settings.PRODUCTION, settings.REDIS_URL = True, "redis://127.0.0.1:1/0"
    assert (
        checks.redis_answers() == checks.application_owns_nothing() == checks.redis_answers(databases=["owner"]) == []
    )


def test_a_redis_that_does_not_answer_is_told(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ids(checks.redis_answers(databases=["default"])) == ["billing.W012"]


@pytest.mark.django_db
def test_a_redis_that_answers_is_not_mentioned(redis_url):
    assert checks.redis_answers(databases=["default"]) == []
