"""The life of a partner's key: made and shown once, rotated with time to change over, revoked at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

from billing_site.kit.errors import Refused
from partners.models import Partner, PartnerApiKey

CHANGE_OVER: Final = dt.timedelta(days=7)
NOTED_EVERY: Final = dt.timedelta(minutes=1)


class NameTaken(Refused):
    """A name stands for one working key of a partner."""


class AlreadyRotated(Refused):
    """A key has one successor."""


class OpensNothing(Refused):
    """A key that works no longer is replaced by making a new one."""


class AlreadyRevoked(Refused):
    """A key is revoked once, for good."""


class MomentPast(Refused):
    """What is over cannot be chosen any more."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and what its owner has to write; the secret is kept nowhere and not even printed by accident."""

    key: PartnerApiKey
    secret: str = field(repr=False)


@transaction.atomic
def make_key(*, partner: Partner, name: str, now: dt.datetime, works_until: dt.datetime | None = None) -> NewKey:
    """Make a key of a partner. Raises NameTaken, MomentPast."""
    Partner.objects.select_for_update().get(pk=partner.pk)  # two clicks at once meet here
    if partner.api_keys.working(at=now).filter(name=name).exists():
        raise NameTaken(f"{partner} has a working key named {name}; choose another name, or rotate that key.")
    _refuse_past(works_until, now)
    return _made(PartnerApiKey(partner=partner, name=name, expiry_date=works_until))


@transaction.atomic
def rotate_key(*, key: PartnerApiKey, works_until: dt.datetime, now: dt.datetime) -> NewKey:
    """Make the key that takes this one's place; this one works on until a moment, never longer than it would have.

    Raises OpensNothing, AlreadyRotated, MomentPast.
    """
    key = PartnerApiKey.objects.select_for_update(of=("self",)).select_related("partner").get(pk=key.pk)
    _refuse_idle(key, now)
    _refuse_past(works_until, now)
    was_until = key.expiry_date
    key.expiry_date = works_until if was_until is None else min(was_until, works_until)
    key.save(update_fields=["expiry_date"])
    return _made(PartnerApiKey(partner=key.partner, name=key.name, replaces=key))


@transaction.atomic
def revoke_key(*, key: PartnerApiKey) -> PartnerApiKey:
    """Close a key at once and for good. Raises AlreadyRevoked."""
    key = PartnerApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked:
        raise AlreadyRevoked(f"The key {key.prefix} is revoked already.")
    key.revoked = True
    key.save(update_fields=["revoked"])
    return key


def note_use(*, key: PartnerApiKey, now: dt.datetime) -> bool:
    """Note that a key was used, once a minute at most; tell whether anything was written.

    Most calls end at the first line, without a query. The others are one conditional statement of its own transaction:
    of callers at the same moment one writes, and none keeps a lock for longer than that.
    """
    if key.last_used_at is not None and now - key.last_used_at < NOTED_EVERY:
        return False
    return bool(PartnerApiKey.objects.filter(pk=key.pk).unused_since(now - NOTED_EVERY).update(last_used_at=now))


def _made(key: PartnerApiKey) -> NewKey:
    secret = PartnerApiKey.objects.assign_key(key)
    key.save(force_insert=True)
    return NewKey(key, secret)


def _refuse_idle(key: PartnerApiKey, now: dt.datetime) -> None:
    successor = PartnerApiKey.objects.filter(replaces=key).first()
    if successor is not None:
        raise AlreadyRotated(f"The key {key.prefix} was rotated already; {successor.prefix} takes its place.")
    if key.revoked or (key.expiry_date is not None and key.expiry_date <= now):
        raise OpensNothing(f"The key {key.prefix} opens nothing any more; make a new key on the partner's page.")


def _refuse_past(moment: dt.datetime | None, now: dt.datetime) -> None:
    if moment is not None and moment <= now:
        raise MomentPast("Choose a moment that is still to come; to close a key at once, revoke it.")
