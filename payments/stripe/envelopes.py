"""Owns the reading of an event's envelope: what every event must say before a row of the inbox is made of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from payments.enums import EventSource
from payments.models import StripeEvent
from payments.stripe.shapes import MalformedStripeObject, Shape

_KEPT_HEADERS: Final = ("Stripe-Signature", "User-Agent", "Content-Type")
_LONGEST_HEADER: Final = 1000
_LONGEST: Final[Mapping[str, int]] = {
    name: getattr(StripeEvent._meta.get_field(name), "max_length")  # noqa: B009, SLF001
    for name in ("event_id", "type", "account", "api_version", "object_id", "object_type")
}


class NotAnEvent(ValueError):
    """The sender is proved, but this is no event of Stripe's that could be kept."""


class OtherMode(ValueError):
    """A test event for a live installation or endpoint, or the other way round."""


class OtherAccount(ValueError):
    """The event is about a connected account, and these books are of one account only."""


def event_row(
    *,
    body: bytes,
    now: dt.datetime,
    headers: Mapping[str, str],
    source: EventSource = EventSource.WEBHOOK,
    account: str = "",
) -> StripeEvent:
    """Make the row of an event, unsaved. `account` is ours; without it, the one in the settings.

    Raises NotAnEvent, OtherMode, OtherAccount.
    """
    row = _row(body)
    _refuse_too_long(row)
    refuse_other_mode(row, livemode=settings.STRIPE_LIVE_MODE, place="installation")
    _refuse_other_account(row, account or settings.STRIPE_ACCOUNT_ID)
    row.source = source
    row.headers = {name: _clean(headers[name]) for name in _KEPT_HEADERS if name in headers}
    row.received_at = row.next_attempt_at = now
    return row


def refuse_other_mode(row: StripeEvent, *, livemode: bool, place: str) -> None:
    """Raise OtherMode unless the event is of the mode that a place (installation, endpoint) takes."""
    if row.livemode != livemode:
        raise OtherMode(f"This is a {_mode(row.livemode)} event; this {place} takes {_mode(livemode)} ones.")


def _refuse_other_account(row: StripeEvent, ours: str) -> None:
    if row.account and row.account != ours:
        raise OtherAccount(
            f"This event is about the connected account {row.account}; these books are of "
            + (f"{ours}." if ours else "the account that owns the endpoint. Name yours in STRIPE_ACCOUNT_ID.")
        )


def _row(body: bytes) -> StripeEvent:
    try:
        event = Shape.of(json.loads(body), "event")
        if not event.says("livemode"):
            raise event.wrong("livemode", "should be true or false, not null")
        subject = event.child("data", "object")
        return StripeEvent(
            event_id=event.text("id"),
            type=event.text("type"),
            livemode=event.flag("livemode"),
            account=event.text("account", ""),
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


def _refuse_too_long(row: StripeEvent) -> None:
    for name, longest in _LONGEST.items():
        if len(getattr(row, name)) > longest:
            raise NotAnEvent(f"The event's {name.replace('_', ' ')} is longer than {longest} characters.")


def _clean(value: Any) -> str:
    return str(value)[:_LONGEST_HEADER].encode("ascii", "replace").decode().replace("\x00", "?")


def _mode(is_live: bool) -> str:  # noqa: FBT001
    return "live" if is_live else "test"
