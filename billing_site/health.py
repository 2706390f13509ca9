"""Whether the site can work: PostgreSQL and Redis answer. And, asked apart, whether Stripe's events reach the books."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from kombu import Connection

from payments.stripe.health import stripe_health

logger = logging.getLogger(__name__)
_PATIENCE = 2  # seconds


def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Answer 200 when every server answers, else 503 with which does not; no addresses are told."""
    servers = {"database": _answers(ask_database), "redis": _answers(ask_redis)}
    is_well = set(servers.values()) == {"ok"}
    return JsonResponse({"status": "ok" if is_well else "failing", **servers}, status=200 if is_well else 503)


healthz = never_cache(healthz)


@never_cache
def stripe_healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Answer 200 unless money may be missing from the books, else 503; with what needs a person, without figures."""
    health = stripe_health(now=timezone.now())
    status = "failing" if health.is_urgent else "attention" if health.needs else "ok"
    return JsonResponse({"status": status, "needs": list(health.needs)}, status=503 if health.is_urgent else 200)


def ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def ask_redis() -> None:
    with Connection(
        settings.REDIS_URL,
        connect_timeout=_PATIENCE,
        transport_options={"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE},
    ) as broker:
        broker.ensure_connection(max_retries=1, timeout=_PATIENCE)
        broker.default_channel.client.ping()


def _answers(ask: Callable[[], None]) -> str:
    try:
        ask()
    except Exception:  # whatever the driver raises, the answer is the same
        logger.exception("Not well: %s", ask.__name__)
        return "failed"
    return "ok"
