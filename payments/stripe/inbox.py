"""Owns the door for Stripe's webhooks: prove the sender, keep one row, answer; else nothing is kept."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from djstripe.models import WebhookEndpoint

from payments.models import StripeEvent
from payments.nudging import nudge
from payments.stripe.shapes import MalformedStripeObject, Shape
from payments.stripe.signatures import BadSignature, verify
from payments.tasks import apply_stripe_events

LARGEST_BODY: Final = 2**20
_KEPT_HEADERS: Final = ("Stripe-Signature", "User-Agent", "Content-Type")
_LONGEST_HEADER: Final = 1000


class UnknownEndpoint(LookupError):
    """No webhook endpoint of ours has this address."""


class TooLarge(ValueError):
    """Stripe's events are far smaller."""


class NotAnEvent(ValueError):
    """The sender is proved, but this is no event of Stripe's that could be kept."""


class OtherMode(ValueError):
    """A test event for a live installation, or the other way round."""


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, endpoint: UUID | None = None) -> HttpResponse:
    """Take one event: 200 once it is kept, also when it was kept before."""
    try:
        secrets = _active_secrets(endpoint)
        body = _body_of(request)
        verify(body, request.headers.get("Stripe-Signature", ""), secrets, now=int(time.time()))
        keep_event(body=body, headers=request.headers, now=timezone.now())
    except UnknownEndpoint as refusal:
        return _answer(404, refusal)
    except TooLarge as refusal:
        return _answer(413, refusal)
    except (BadSignature, NotAnEvent, OtherMode, UnreadablePostError) as refusal:
        return _answer(400, refusal)
    transaction.on_commit(lambda: nudge(apply_stripe_events))
    return HttpResponse("Kept.", content_type="text/plain")


def keep_event(*, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> None:
    """Keep a proved event exactly as it came, once. Raises NotAnEvent, OtherMode."""
    row = _row(body)
    if row.livemode != settings.STRIPE_LIVE_MODE:
        raise OtherMode(
            f"This is a {_mode(row.livemode)} event; this installation takes {_mode(not row.livemode)} ones."
        )
    row.headers = {name: _clean(headers[name]) for name in _KEPT_HEADERS if name in headers}
    row.received_at = row.next_attempt_at = now
    StripeEvent.objects.bulk_create([row], ignore_conflicts=True)


def _active_secrets(endpoint: UUID | None) -> list[str]:
    """Return every secret that may sign: the endpoint's own, and those of the settings, which a rotation overlaps."""
    secrets = list(settings.STRIPE_WEBHOOK_SECRETS)
    if endpoint is not None:
        own = WebhookEndpoint.objects.filter(djstripe_uuid=endpoint).values_list("secret", flat=True).first()
        if own is None:
            raise UnknownEndpoint("There is no such webhook endpoint.")
        secrets.append(own)
    elif not secrets:
        raise UnknownEndpoint("There is no such webhook endpoint: STRIPE_WEBHOOK_SECRETS is not set.")
    return secrets


def _body_of(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise NotAnEvent("The Content-Length is no number.")
    if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
        raise TooLarge(f"At most {LARGEST_BODY} bytes are taken.")
    return request.body


def _row(body: bytes) -> StripeEvent:
    try:
        event = Shape.of(json.loads(body), "event")
        subject = event.child("data", "object")
        row = StripeEvent(
            event_id=event.text("id"),
            type=event.text("type"),
            livemode=event.flag("livemode"),
            api_version=event.text("api_version", ""),
            object_id=subject.text("id", "") if subject else "",
            object_type=subject.text("object", "") if subject else "",
            payload=body,
            stripe_created_at=event.instant("created"),
        )
    except MalformedStripeObject as error:
        raise NotAnEvent(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise NotAnEvent("The body is no JSON that can be read.") from error
    _refuse_too_long(row)
    return row


def _refuse_too_long(row: StripeEvent) -> None:
    for name in ("event_id", "type", "api_version", "object_id", "object_type"):
        longest: int = getattr(StripeEvent._meta.get_field(name), "max_length")  # noqa: B009, SLF001
        if len(getattr(row, name)) > longest:
            raise NotAnEvent(f"The event's {name.replace('_', ' ')} is longer than {longest} characters.")


def _clean(value: Any) -> str:
    return str(value)[:_LONGEST_HEADER].encode("ascii", "replace").decode().replace("\x00", "?")


def _mode(is_live: bool) -> str:  # noqa: FBT001
    return "live" if is_live else "test"


def _answer(status: int, refusal: Exception) -> HttpResponse:
    return HttpResponse(str(refusal), status=status, content_type="text/plain; charset=utf-8")
