"""Misconfigurations told before they cost money: each with an id, a sentence and a remedy.

`manage.py check` asks the settings; `check --database default` also asks the servers; `check --deploy` asks what only
matters in production.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's word
from django.db import DatabaseError, connections

from billing_site.kit import currencies
from payments.stripe.signatures import SIGNING_SECRET

STRIPE, FILES, COMPANY, SERVERS = "stripe", "files", "company", "servers"
_API_KEY = re.compile(r"(?:sk|rk)_(?P<mode>test|live)_[A-Za-z0-9]{16,}")
_ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9]{8,}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OWNED = """
    SELECT current_user,
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
           (SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user)
"""


@register(STRIPE)
def stripe_key(**_: Any) -> list[CheckMessage]:
    key = settings.STRIPE_API_KEY
    if not key:
        return []
    found = _API_KEY.fullmatch(key)
    if found is None:
        hint = "Copy a secret key (sk_...) or a restricted one (rk_...) from Stripe's dashboard: Developers, API keys."
        return [Error("STRIPE_API_KEY does not look like a secret key of Stripe.", hint=hint, id="billing.E001")]
    if (found["mode"] == "live") != settings.STRIPE_LIVE_MODE:
        hint = "Use the key of the mode you mean, or set STRIPE_LIVE_MODE to the mode of the key."
        message = f"STRIPE_API_KEY is a {found['mode']} key, but STRIPE_LIVE_MODE is {settings.STRIPE_LIVE_MODE}."
        return [Error(message, hint=hint, id="billing.E002")]
    return []


@register(STRIPE)
def webhook_secrets(**_: Any) -> list[CheckMessage]:
    wrong = [
        number
        for number, secret in enumerate(settings.STRIPE_WEBHOOK_SECRETS, start=1)
        if not SIGNING_SECRET.fullmatch(secret)
    ]
    hint = (
        "Copy the signing secret (whsec_...) of the endpoint; several, separated by commas, while one replaces another."
    )
    return [
        Error(f"STRIPE_WEBHOOK_SECRETS: entry {number} is no signing secret.", hint=hint, id="billing.E003")
        for number in wrong
    ]


@register(STRIPE)
def webhook_endpoint(**_: Any) -> list[CheckMessage]:
    if settings.STRIPE_WEBHOOK_UUID is None or settings.STRIPE_WEBHOOK_SECRETS:
        return []
    hint = "Set the signing secret of the endpoint in STRIPE_WEBHOOK_SECRETS, or unset STRIPE_WEBHOOK_UUID."
    return [Error("STRIPE_WEBHOOK_UUID names an endpoint for which nobody may sign.", hint=hint, id="billing.E014")]


@register(STRIPE)
def stripe_account(**_: Any) -> list[CheckMessage]:
    if not settings.STRIPE_ACCOUNT_ID or _ACCOUNT_ID.fullmatch(settings.STRIPE_ACCOUNT_ID):
        return []
    hint = "Copy the account's id (acct_...) from Stripe's dashboard: Settings, Business, Account details."
    return [Error("STRIPE_ACCOUNT_ID does not look like an account of Stripe.", hint=hint, id="billing.E015")]


@register(STRIPE)
def stripe_address(**_: Any) -> list[CheckMessage]:
    address = urlsplit(settings.STRIPE_API_BASE)
    if address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOOPBACK):
        return []
    return [
        Error(
            "STRIPE_API_BASE would send the key unencrypted.",
            hint="Use https://, or http:// on this machine only.",
            id="billing.E004",
        )
    ]


@register(STRIPE, deploy=True)
def stripe_connected(**_: Any) -> list[CheckMessage]:
    missing = [name for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS") if not getattr(settings, name)]
    hint = "Without it no payment arrives. See docs/configuration.md; NAME_FILE reads it from a file."
    return [Warning(f"{name} is not set.", hint=hint, id="billing.W005") for name in missing]


@register(COMPANY)
def demo_is_no_live_mode(**_: Any) -> list[CheckMessage]:
    if not (settings.DEMO_DATA and settings.STRIPE_LIVE_MODE):
        return []
    hint = "Unset one of them: invented rows and real money do not share a database."
    return [Error("DEMO_DATA and STRIPE_LIVE_MODE are both on.", hint=hint, id="billing.E006")]


@register(COMPANY)
def reporting_currency(**_: Any) -> list[CheckMessage]:
    if currencies.is_known(settings.REPORTING_CURRENCY):
        return []
    hint = "Write an ISO 4217 code such as EUR."
    return [Error(f"REPORTING_CURRENCY {settings.REPORTING_CURRENCY!r} is unknown.", hint=hint, id="billing.E007")]


@register(COMPANY)
def one_time_zone(**_: Any) -> list[CheckMessage]:
    if settings.TIME_ZONE == settings.CELERY_TIMEZONE == settings.BILLING_TIME_ZONE and settings.USE_TZ:
        return []
    hint = "Set BILLING_TIME_ZONE alone; a month must begin at one instant everywhere."
    return [Error("TIME_ZONE, CELERY_TIMEZONE and BILLING_TIME_ZONE differ.", hint=hint, id="billing.E008")]


@register(FILES)
def documents_can_be_written(**_: Any) -> list[CheckMessage]:
    storage: Any = settings.STORAGES["default"]
    folder = storage.get("OPTIONS", {}).get("location")
    if "s3" in storage["BACKEND"].lower() or not folder or _is_writable(Path(folder)):
        return []
    hint = f"Let user {os.getuid()} write there, or point FILES at another folder or at s3://bucket/prefix."
    return [Error(f"FILES={folder} cannot be written: no invoice could be stored.", hint=hint, id="billing.E009")]


@register(Tags.security, deploy=True)
def mail_leaves_the_house(**_: Any) -> list[CheckMessage]:
    if not str(settings.EMAIL_BACKEND).rpartition(".")[0].endswith(("console", "dummy", "locmem", "filebased")):
        return []
    hint = "Set EMAIL_URL, such as smtp://user:password@host:587/?tls=True."
    return [Warning("Mail is only printed: no customer gets an invoice.", hint=hint, id="billing.W010")]


@register(Tags.database)
def application_owns_nothing(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Ask PostgreSQL what the application's role may do; who owns a table can drop its constraints and triggers."""
    if not settings.PRODUCTION or "default" not in (databases or ()):
        return []
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_OWNED)
            role, is_superuser, owned = cursor.fetchone()
    except DatabaseError as error:
        hint = "Correct DATABASE_URL, or start the server."
        return [
            Error(f"PostgreSQL does not answer: {str(error).strip().splitlines()[0]}", hint=hint, id="billing.E013")
        ]
    if not is_superuser and not owned:
        return []
    power = "is a superuser" if is_superuser else f"owns {owned} tables"
    hint = f"Migrate as the owner (MIGRATION_DATABASE_URL) and connect as {settings.APPLICATION_ROLE} (DATABASE_URL)."
    return [Warning(f"The application connects as {role}, which {power}.", hint=hint, id="billing.W011")]


@register(SERVERS, Tags.database)
def redis_answers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Ask Redis for a sign of life, only where servers are asked at all."""
    if "default" not in (databases or ()):
        return []
    from billing_site.health import ask_redis

    try:
        ask_redis()
    except Exception as error:  # noqa: BLE001 - each transport has its own
        hint = "Correct REDIS_URL, or start the server. What is due stays in PostgreSQL and is caught up."
        return [Warning(f"Redis does not answer: {error}", hint=hint, id="billing.W012")]
    return []


def _is_writable(folder: Path) -> bool:
    """Tell whether a file could be made there, counting folders that are still to be made."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
