"""Owns the doors for Stripe's webhooks: who may sign at each, and the secrets that come and go."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, connections, transaction
from djstripe.models import WebhookEndpoint

from billing_site.kit.errors import Refused
from payments.models import SigningSecret
from payments.stripe.signatures import SIGNING_SECRET

log = logging.getLogger(__name__)

FROM_ENVIRONMENT: Final = "we_from_environment"
"""The id of dj-stripe's row for the endpoint that the environment names; Stripe's own id is not known there."""

# One round trip and no query to compile: this is asked before each event. dj-stripe's secret comes first, then ours.
_WHO_MAY_SIGN: Final = """
    SELECT TRUE, secret, livemode, djstripe_owner_account_id
    FROM djstripe_webhookendpoint WHERE djstripe_uuid = %(door)s
    UNION ALL
    SELECT FALSE, secret, NULL, NULL FROM stripe_signing_secrets
    WHERE endpoint_uuid = %(door)s AND (retires_at IS NULL OR retires_at > %(now)s)
"""


class UnknownEndpoint(LookupError):
    """No webhook endpoint of ours has this address."""


class NoSuchEndpoint(Refused):
    """A secret belongs to an endpoint that is there."""


class NotASigningSecret(Refused):
    """Stripe's signing secrets begin with whsec_."""


class AlreadyASecret(Refused):
    """The endpoint knows this secret."""


class RetiresBeforeItOpens(Refused):
    """A secret that retires in the past would never open anything."""


class SetInTheEnvironment(Refused):
    """The environment says which secrets this endpoint has."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who may sign at an endpoint, and of which mode (None: not told) and account ("": not told) it is."""

    secrets: tuple[str, ...]
    livemode: bool | None = None
    account: str = ""


def door_at(endpoint: UUID | None, *, now: dt.datetime) -> Door:
    """Return the door of an endpoint; that of the settings has no UUID. Raises UnknownEndpoint."""
    if endpoint is None:
        return _door_of_settings()
    with connection.cursor() as cursor:
        cursor.execute(_WHO_MAY_SIGN, {"door": endpoint, "now": now})
        rows = cursor.fetchall()
    further = tuple(secret for is_own, secret, *_ in rows if not is_own)
    if endpoint == settings.STRIPE_WEBHOOK_UUID:
        # Not the row's secret: one taken out of the environment is closed at once, whoever migrates when.
        return Door((*settings.STRIPE_WEBHOOK_SECRETS, *further))
    for is_own, secret, livemode, account in rows:
        if is_own:
            return Door((secret, *further), livemode, account or "")
    raise UnknownEndpoint("There is no such webhook endpoint.")


@transaction.atomic
def add_signing_secret(
    *, endpoint_uuid: UUID, secret: str, by: str, now: dt.datetime, retires_at: dt.datetime | None = None
) -> SigningSecret:
    """Let a further secret sign at an endpoint, until it retires.

    Raises NotASigningSecret, NoSuchEndpoint, AlreadyASecret, RetiresBeforeItOpens.
    """
    secret = _proper(secret)
    _refuse_known(endpoint_uuid, secret)
    _refuse_past(retires_at, now)
    log.info("%s added a signing secret to webhook endpoint %s.", by, endpoint_uuid)
    return SigningSecret.objects.create(
        endpoint_uuid=endpoint_uuid, secret=secret, added_at=now, added_by=by, retires_at=retires_at
    )


@transaction.atomic
def retire_signing_secret(*, signing_secret: SigningSecret, at: dt.datetime, by: str) -> SigningSecret:
    """Let a further secret open nothing from an instant on."""
    signing_secret.retires_at = at
    signing_secret.save(update_fields=["retires_at"])
    log.info("%s retires signing secret %s from %s on.", by, signing_secret, at.isoformat())
    return signing_secret


@transaction.atomic
def rotate_secret(
    *, endpoint_uuid: UUID, secret: str, by: str, now: dt.datetime, retires_old_at: dt.datetime | None = None
) -> WebhookEndpoint:
    """Make a secret the endpoint's own; the old one signs on until it retires, or not at all without such an instant.

    Raises NotASigningSecret, NoSuchEndpoint, RetiresBeforeItOpens, SetInTheEnvironment.
    """
    if endpoint_uuid == settings.STRIPE_WEBHOOK_UUID:
        raise SetInTheEnvironment("This endpoint's secrets are set in the environment: put the new one first there.")
    secret = _proper(secret)
    _refuse_past(retires_old_at, now)
    endpoint = WebhookEndpoint.objects.select_for_update().filter(djstripe_uuid=endpoint_uuid).first()
    if endpoint is None:
        raise NoSuchEndpoint(f"There is no webhook endpoint {endpoint_uuid}.")
    further = SigningSecret.objects.filter(endpoint_uuid=endpoint_uuid)
    further.filter(secret__in=[secret, endpoint.secret]).delete()
    if endpoint.secret not in ("", secret) and retires_old_at:
        further.create(
            endpoint_uuid=endpoint_uuid, secret=endpoint.secret, added_at=now, added_by=by, retires_at=retires_old_at
        )
    endpoint.secret = secret
    endpoint.save(update_fields=["secret"])
    log.info("%s replaced the signing secret of webhook endpoint %s.", by, endpoint_uuid)
    return endpoint


def write_endpoint_of_environment(*, sender: Any, using: str, **_: Any) -> None:
    """Handle `post_migrate`: keep dj-stripe's row of the endpoint that the environment names, or none."""
    is_there = WebhookEndpoint._meta.db_table in connections[using].introspection.table_names()  # noqa: SLF001
    if sender.name == "payments" and is_there:
        _write_endpoint(settings.STRIPE_WEBHOOK_UUID, settings.STRIPE_WEBHOOK_SECRETS, using)


def _write_endpoint(uuid: UUID | None, secrets: list[str], using: str) -> None:
    rows = WebhookEndpoint.objects.using(using)
    is_known_to_stripe = rows.exclude(id=FROM_ENVIRONMENT).filter(djstripe_uuid=uuid).exists()
    if uuid is None or not secrets or is_known_to_stripe:
        rows.filter(id=FROM_ENVIRONMENT).delete()
        return
    said = {
        "djstripe_uuid": uuid,
        "secret": secrets[0],
        "livemode": settings.STRIPE_LIVE_MODE,
        "url": _address(uuid),
        "enabled_events": ["*"],
        "status": "enabled",
        "api_version": settings.STRIPE_API_VERSION,
    }
    rows.update_or_create(id=FROM_ENVIRONMENT, defaults=said)


def _door_of_settings() -> Door:
    if not settings.STRIPE_WEBHOOK_SECRETS:
        raise UnknownEndpoint("There is no such webhook endpoint: STRIPE_WEBHOOK_SECRETS is not set.")
    return Door(tuple(settings.STRIPE_WEBHOOK_SECRETS))


def _proper(secret: str) -> str:
    secret = secret.strip()
    if SIGNING_SECRET.fullmatch(secret) is None:
        raise NotASigningSecret(
            "This is no signing secret: copy the one that begins with whsec_ from the endpoint's page at Stripe."
        )
    return secret


def _refuse_known(endpoint_uuid: UUID, secret: str) -> None:
    own = list(WebhookEndpoint.objects.filter(djstripe_uuid=endpoint_uuid).values_list("secret", flat=True))
    if endpoint_uuid == settings.STRIPE_WEBHOOK_UUID:
        own += settings.STRIPE_WEBHOOK_SECRETS
    if not own:
        raise NoSuchEndpoint(f"There is no webhook endpoint {endpoint_uuid}.")
    further = SigningSecret.objects.filter(endpoint_uuid=endpoint_uuid)
    if secret in own or further.filter(secret=secret).exists():
        raise AlreadyASecret("The endpoint has this secret already: change when it retires instead.")


def _refuse_past(retires_at: dt.datetime | None, now: dt.datetime) -> None:
    if retires_at and retires_at <= now:
        raise RetiresBeforeItOpens("A secret cannot retire in the past: leave the time empty or choose a later one.")


def _address(uuid: UUID) -> str:
    """Say where Stripe reaches the endpoint, as far as the settings know it."""
    named = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    scheme = "https" if settings.HTTPS else "http"
    return f"{scheme}://{next(iter(named), 'localhost')}/stripe/webhook/{uuid}/"
