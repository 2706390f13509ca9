"""Owns the keys on a partner's page, with what each of them reported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, link_to, list_url, may_see
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import count_text, moment_text
from partners.admin.keys import DAYS_OF_USAGE, last_used_text, state_badge
from partners.models import Partner, PartnerApiKey


@register(Partner)
def keys_of(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, PartnerApiKey):
        return
    since = timezone.localdate() - dt.timedelta(days=DAYS_OF_USAGE)
    keys = partner.api_keys.select_related("replaced_by").with_usage(since=since).order_by("revoked", "-created")
    yield Panel(
        "Partner keys",
        ("Name", "Prefix", "State", "Last used", "Works until"),
        [_row(key) for key in keys[:MOST_ROWS]],
        amounts=(f"Requests, {DAYS_OF_USAGE} days", f"Deeds, {DAYS_OF_USAGE} days"),
        none="No key yet: make one with New key above.",
        url=list_url(PartnerApiKey, partner__id__exact=partner.pk),
        is_wide=True,
    )


def _row(key: Any) -> tuple[Any, ...]:
    return (
        link_to(key, key.name),
        key.prefix,
        state_badge(key),
        last_used_text(key),
        moment_text(key.expiry_date),
        count_text(key.calls or 0),
        count_text(key.deeds or 0),
    )
