"""Owns the door for Stripe's webhooks: prove the sender, keep one row, answer; else nothing is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import UnreadablePostError
from django.urls import resolve
from django.utils import timezone
from django.utils.log import log_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing_site.kit.nudging import nudge
from payments.models import StripeEvent
from payments.stripe.doors import Door, UnknownEndpoint, door_at
from payments.stripe.envelopes import NotAnEvent, OtherAccount, OtherMode, event_row, refuse_other_mode
from payments.stripe.signatures import BadSignature, verify
from payments.tasks import apply_stripe_events

_PATH: Final = "/stripe/webhook/"
LARGEST_BODY: Final = 2**20
_ANY_DOOR: Final = Door(secrets=())
_FIELDS: Final = [field for field in StripeEvent._meta.concrete_fields if not field.primary_key]  # noqa: SLF001
# Not `bulk_create`, which wraps its one statement in a transaction: three round trips instead of one.
_INSERT: Final = (
    f"INSERT INTO {StripeEvent._meta.db_table} ({', '.join(str(field.column) for field in _FIELDS)})"  # noqa: S608, SLF001
    f" VALUES ({', '.join(['%s'] * len(_FIELDS))}) ON CONFLICT DO NOTHING"
)


class StraightToTheDoor:
    """Leads webhooks past what is made for people: sessions, sign-in, compression, the context of the audit.

    What is not proved yet meets as little code as possible, and a burst costs no more than its rows.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(_PATH):
            return self.get_response(request)
        found = resolve(request.path_info)
        answer: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
        return answer


class TooLarge(ValueError):
    """Stripe's events are far smaller."""


class LengthNotTold(ValueError):
    """A body in chunks has no length to hold against the limit."""


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, endpoint: UUID | None = None) -> HttpResponse:
    """Take one event: 200 once it is kept, also when it was kept before."""
    now = timezone.now()
    try:
        door = door_at(endpoint, now=now)
        body = _body_of(request)
        verify(body, request.headers.get("Stripe-Signature", ""), door.secrets, now=int(now.timestamp()))
        is_new = keep_event(body=body, headers=request.headers, now=now, door=door)
    except UnknownEndpoint as reason:
        return _refused(request, 404, reason)
    except LengthNotTold as reason:
        return _refused(request, 411, reason)
    except TooLarge as reason:
        return _refused(request, 413, reason)
    except (BadSignature, NotAnEvent, OtherMode, OtherAccount, UnreadablePostError) as reason:
        return _refused(request, 400, reason)
    if is_new:
        transaction.on_commit(lambda: nudge(apply_stripe_events))
    return HttpResponse("Kept.", content_type="text/plain")


def keep_event(*, body: bytes, headers: Mapping[str, str], now: dt.datetime, door: Door = _ANY_DOOR) -> bool:
    """Keep a proved event exactly as it came, once, and say whether it was new.

    Raises NotAnEvent, OtherMode, OtherAccount.
    """
    row = event_row(body=body, now=now, headers=headers, account=door.account)
    if door.livemode is not None:
        refuse_other_mode(row, livemode=door.livemode, place="endpoint")
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in _FIELDS]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        return cursor.rowcount == 1


def _body_of(request: HttpRequest) -> bytes:
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise LengthNotTold("Send the body whole, with its Content-Length; a proxy in front must not cut it in chunks.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise NotAnEvent("The Content-Length is no number.")
    if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
        raise TooLarge(f"At most {LARGEST_BODY} bytes are taken.")
    return request.body


def _refused(request: HttpRequest, status: int, reason: Exception) -> HttpResponse:
    """Answer with the reason and log it; what a sender who is not proved wrote is in neither."""
    answer = HttpResponse(str(reason), status=status, content_type="text/plain; charset=utf-8")
    log_response("Webhook refused: %s", reason, response=answer, request=request)
    return answer
