"""The writer of what people decide about breaks."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from billing_site.kit.errors import Refused
from reporting.enums import BreakStatus
from reporting.models import Break


class AlreadyResolved(Refused):
    """A break is resolved once; found again, it is a new one."""


@transaction.atomic
def resolve_break(*, broken: Break, reason: str, by: str, now: dt.datetime) -> Break:
    """Close a break by a person's decision; the reason is added to its note. Raises AlreadyResolved."""
    broken = Break.objects.select_for_update(of=("self",)).get(pk=broken.pk)
    if broken.status == BreakStatus.RESOLVED:
        raise AlreadyResolved(f"{broken} is resolved already.")
    broken.status, broken.resolved_at = BreakStatus.RESOLVED, now
    broken.note = f"{broken.note}\nResolved by {by}: {reason}".strip()
    broken.save(update_fields=["status", "resolved_at", "note"])
    return broken
