"""Who may report usage: a partner's own key, or one of our machines with the scope."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from billing_site.kit.api.keys import HasScope, KeyAuthentication, KeyHolder
from partners.models import Partner, PartnerApiKey
from partners.services import note_use


class PartnerKeyHolder(KeyHolder):
    """The machine behind a partner's key; it speaks for that partner alone."""

    key: PartnerApiKey

    @property
    def partner(self) -> Partner:
        return self.key.partner


class PartnerKeyAuthentication(KeyAuthentication):
    """Keys of partners; those of a partner who is no longer active open nothing."""

    model = PartnerApiKey

    def keys(self) -> Any:
        return PartnerApiKey.objects.filter(partner__is_active=True).select_related("partner")

    def holder(self, key: Any) -> PartnerKeyHolder:
        note_use(key=key, now=timezone.now())
        return PartnerKeyHolder(key)


class MayReportUsage(HasScope):
    """A partner's key reports that partner's usage; a service key needs `usage:write`."""

    def __init__(self) -> None:
        super().__init__("usage:write")

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, PartnerApiKey) or super().has_permission(request, view)
