"""Whose usage a request reports: a partner's key speaks for that partner alone, a key of ours names one."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from partners.models import Partner, PartnerApiKey


def partner_of(request: Request, named: Any) -> Partner:
    """Return the partner. Raises ValidationError."""
    if isinstance(request.auth, PartnerApiKey):
        if named not in (None, request.auth.partner.name):
            raise ValidationError({"partner": "A partner's key speaks for that partner alone; leave this out."})
        return request.auth.partner
    is_a_name = isinstance(named, str) and "\0" not in named
    partner = Partner.objects.filter(name=named, is_active=True).first() if is_a_name else None
    if partner is None:
        raise ValidationError({"partner": "Name an active partner whose usage this is."})
    return partner


def prefix_of(request: Request) -> str:
    """Return the prefix of the partner's key that reports; a key of ours counts for none."""
    return str(request.auth.prefix) if isinstance(request.auth, PartnerApiKey) else ""
