"""Typed readers of environment variables. A wrong value stops the start with one sentence that names it."""

from __future__ import annotations

import logging
import secrets
import zoneinfo
from pathlib import Path
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, FileAwareEnv

from billing_site.kit import currencies

env = FileAwareEnv()  # NAME_FILE=/run/secrets/name is read wherever NAME is


def boolean(name: str, *, default: bool) -> bool:
    try:
        return bool(env.bool(name, default=default))
    except EnvError as error:
        raise ImproperlyConfigured(f"{name} must be true or false: {error}") from error


def text(name: str, *, default: str = "") -> str:
    try:
        return str(env.str(name, default=default)).strip()
    except (EnvError, OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} (or {name}_FILE) cannot be read: {error}") from error


def percent(name: str, *, default: int) -> int:
    """Read a whole number of per cent, from 1 to 999."""
    given = text(name, default=str(default))
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 999):  # noqa: PLR2004
        raise ImproperlyConfigured(f"{name} is {given!r}; write a whole number of per cent, from 1 to 999.")
    return int(given)


def months(name: str, *, default: int) -> int:
    """Read a number of months, from one to a century."""
    given = text(name, default=str(default))
    if not (given.isascii() and given.isdecimal() and 1 <= int(given) <= 1200):  # noqa: PLR2004
        raise ImproperlyConfigured(f"{name} must be a whole number of months, such as {default}, not {given!r}.")
    return int(given)


def words(name: str, *, default: tuple[str, ...] = ()) -> list[str]:
    """Read a comma-separated list."""
    return [word.strip() for word in text(name, default=",".join(default)).split(",") if word.strip()]


def uuid(name: str) -> UUID | None:
    written = text(name)
    try:
        return UUID(written) if written else None
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={written!r} is no UUID; make one with `uuidgen`.") from error


def database(name: str, *, default: str) -> dict[str, object]:
    """Read a PostgreSQL URL into Django's settings for one database."""
    try:
        parsed = dict(env.dj_db_url(name, default=default, conn_max_age=60, conn_health_checks=True))
    except (EnvError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{name} is not a database URL (postgresql://user:password@host/name): {error}"
        ) from error
    if parsed.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name} must name PostgreSQL (postgresql://...): the constraints live there.")
    return parsed


def redis_url(name: str, *, default: str) -> str:
    url = text(name, default=default)
    if not url.startswith(("redis://", "rediss://", "redis+socket://")):
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or redis+socket://, not {url[:20]!r}.")
    return url


def time_zone(name: str, *, default: str) -> str:
    zone = text(name, default=default)
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ImproperlyConfigured(f"{name}={zone!r} is no IANA time zone; write one such as Europe/Berlin.") from error
    return zone


def currency(name: str, *, default: str) -> str:
    code = text(name, default=default)
    if not currencies.is_known(code):
        raise ImproperlyConfigured(f"{name}={code!r} is no ISO 4217 currency; write one such as EUR.")
    return code


def email(name: str, *, default: str) -> dict[str, object]:
    try:
        read = dict(env.dj_email_url(name, default=default))
        read["EMAIL_BACKEND"]
    except (EnvError, ValueError, KeyError) as error:
        raise ImproperlyConfigured(
            f"{name} is not a mail URL (smtp://user:password@host:587/?tls=True): {error}"
        ) from error
    return read


def log_level(name: str, *, default: str) -> str:
    level = text(name, default=default).upper()
    if level not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(f"{name}={level!r} is no level of logging; write one such as INFO.")
    return level


def storage(name: str, *, default: Path) -> dict[str, object]:
    """Read where documents are kept: a folder, or s3://bucket/prefix (credentials come from AWS_* variables)."""
    place = text(name, default=str(default))
    if not place.startswith("s3://"):
        if "://" in place:
            raise ImproperlyConfigured(f"{name}={place!r} must be a folder or s3://bucket/prefix.")
        return {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": place}}
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not bucket:
        raise ImproperlyConfigured(f"{name}={place!r} names no bucket; write s3://bucket/prefix.")
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "location": prefix,
            "file_overwrite": False,
            "default_acl": None,
            "querystring_expire": 300,
            "endpoint_url": text("AWS_S3_ENDPOINT_URL") or None,
            "region_name": text("AWS_S3_REGION_NAME") or None,
        },
    }


def secret_key(name: str, *, production: bool, kept_in: Path) -> str:
    """Read the key that signs sessions; outside production one is made once and kept."""
    given = text(name)
    if given:
        return given
    if production:
        raise ImproperlyConfigured(
            f"{name} (or {name}_FILE) is required when DATABASE_URL is set; use 50 random characters or more."
        )
    kept_in.parent.mkdir(parents=True, exist_ok=True)
    if not kept_in.exists():
        kept_in.write_text(secrets.token_urlsafe(64))
        kept_in.chmod(0o600)
    return kept_in.read_text().strip()
