"""Owns the feeding of dj-stripe's mirror, after the books and apart from them: it calls Stripe and may fail."""

from __future__ import annotations

import datetime as dt
import json
import random
import traceback
from collections import Counter
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from djstripe.models import Account, APIKey

from payments.models import StripeEvent
from payments.stripe.applying import MOST_ATTEMPTS, delay_before_attempt
from payments.stripe.fetching import fetch_left_out
from payments.stripe.gateway import Gateway, as_djstripe_reads, is_unreachable, point_djstripe_at
from payments.stripe.projections import facts_from_event
from payments.stripe.versions import lock_mirrored

MIRRORED, PASSED_OVER, FAILED, UNREACHABLE = "mirrored", "passed over", "failed", "found Stripe unreachable"
_LONGEST_TRACEBACK: Final = 10_000
# An Event row would make dj-stripe believe the webhook was handled; accounts and keys are its own affair.
_NEVER_MIRRORED: Final = frozenset({"event", "account", "webhook_endpoint"})


def mirror_due_events(*, gateway: Gateway, now: dt.datetime, limit: int = 500) -> Counter[str]:
    """Show applied events in the mirror, oldest first; while Stripe cannot be reached the rest waits for a next sweep.

    What dj-stripe itself cannot do with an event stops no other: the books lean on what is fetched here.
    """
    point_djstripe_at(gateway)
    _keep_no_key(gateway)
    outcomes: Counter[str] = Counter()
    while outcomes.total() < limit and not outcomes[UNREACHABLE]:
        event = _claim(now)
        if event is None:
            break
        outcomes[_mirror(event, gateway, now)] += 1
    return outcomes


def _claim(now: dt.datetime) -> StripeEvent | None:
    """Take an event for a while: whoever dies over it leaves it to be tried again later."""
    with transaction.atomic():
        event = StripeEvent.objects.to_mirror(now=now).select_for_update(skip_locked=True).first()
        if event is not None:
            event.mirror_attempts += 1
            jitter = random.random()  # noqa: S311 - spreads load, guards nothing
            event.next_mirror_at = now + delay_before_attempt(min(event.mirror_attempts, MOST_ATTEMPTS), jitter=jitter)
            event.save(update_fields=["mirror_attempts", "next_mirror_at"])
    return event


def _mirror(event: StripeEvent, gateway: Gateway, now: dt.datetime) -> str:
    try:
        outcome = _show(event, gateway, now)
    except Exception as trouble:  # noqa: BLE001 - dj-stripe fails in many ways; the books do not care, the row tells
        event.last_mirror_error = traceback.format_exc()[-_LONGEST_TRACEBACK:].replace("\x00", "")
        event.save(update_fields=["last_mirror_error"])
        return UNREACHABLE if is_unreachable(trouble) else FAILED
    event.mirrored_at, event.last_mirror_error = now, ""
    event.save(update_fields=["mirrored_at", "last_mirror_error"])
    return outcome


def _show(event: StripeEvent, gateway: Gateway, now: dt.datetime) -> str:
    """Fetch what the event left out, then let dj-stripe copy its object, unless a newer event will bring it."""
    told = json.loads(bytes(event.payload))
    fetch_left_out(gateway=gateway, facts=facts_from_event(told), now=now)
    model = _mirrors().get(event.object_type)
    if model is None or _is_gone(event) or StripeEvent.objects.newer_of_same_object(event).exists():
        return PASSED_OVER
    with transaction.atomic():
        lock_mirrored(event.object_id)
        model.sync_from_stripe_data(as_djstripe_reads(gateway, told["data"]["object"]), api_key=gateway.api_key)
    return MIRRORED


def _is_gone(event: StripeEvent) -> bool:
    """Tell whether the object cannot be fetched any more; a deleted subscription can."""
    return event.type.endswith(".deleted") and event.object_type != "subscription"


def _keep_no_key(gateway: Gateway) -> None:
    """Let dj-stripe find the owner of its rows by asking Stripe: it would look for the key in a plain column."""
    Account.get_or_retrieve_for_api_key = lambda _: _owner(gateway)
    APIKey.objects.filter(secret=gateway.api_key).delete()


def _owner(gateway: Gateway) -> Account:
    """Return the account of the key, made from what Stripe says of it when it is first needed."""
    told = _account(gateway)
    # A bare row first: its own pictures belong to it.
    owner, is_new = Account.objects.get_or_create(id=told["id"])
    return Account.sync_from_stripe_data(as_djstripe_reads(gateway, told), api_key=gateway.api_key) if is_new else owner


@cache
def _account(gateway: Gateway) -> dict[str, Any]:
    return gateway.own_account()


@cache
def _mirrors() -> dict[str, Any]:
    """Return dj-stripe's models by the name Stripe writes into `object`."""
    kept = (model for model in apps.get_app_config("djstripe").get_models() if _has_id(model))
    named = {getattr(getattr(model, "stripe_class", None), "OBJECT_NAME", ""): model for model in kept}
    return {name: model for name, model in named.items() if name and name not in _NEVER_MIRRORED}


def _has_id(model: Any) -> bool:
    """Leave out previews such as upcoming invoices, which go by the same name and have no id."""
    return any(field.name == "id" for field in model._meta.concrete_fields)  # noqa: SLF001 - Django's documented Options
