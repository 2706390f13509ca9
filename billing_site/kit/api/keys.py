"""Who is calling: a machine with a key, or a person of the staff with a session. Nobody is 401, not 403."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework_api_key.models import AbstractAPIKey

_KEY = re.compile(r"[A-Za-z0-9]{1,16}\.[A-Za-z0-9]{1,128}")
EVERYTHING = "*"


class KeyHolder:
    """The machine behind a key; enough of a user for permissions, never a row of auth."""

    is_authenticated = is_active = True
    is_anonymous = is_staff = is_superuser = False
    pk = id = None

    def __init__(self, key: AbstractAPIKey) -> None:
        self.key = key

    def __str__(self) -> str:
        return f"key {self.key.prefix}"

    def get_username(self) -> str:
        return str(self)

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <prefix>.<secret>` against one table of keys; derive and set `model`.

    A prefix this table does not hold is left to the next authenticator of the view.
    """

    keyword = "Api-Key"
    model: ClassVar[type[AbstractAPIKey]]

    def authenticate(self, request: Request) -> tuple[Any, AbstractAPIKey] | None:
        written = self._written(request)
        if written is None:
            return None
        found = self.keys().filter(prefix=written.partition(".")[0]).first()
        if found is None:
            return None
        if found.revoked or found.has_expired or not found.is_valid(written):
            raise AuthenticationFailed("This API key is unknown, revoked or expired.")
        return self.holder(found), found

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return self.keyword

    def keys(self) -> Any:
        """Return the queryset the key is looked up in; join here what every request needs."""
        return self.model._default_manager.all()  # noqa: SLF001 - documented API

    def holder(self, key: AbstractAPIKey) -> Any:
        """Return what becomes `request.user`."""
        return KeyHolder(key)

    def _written(self, request: Request) -> str | None:
        scheme, _, written = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        if _KEY.fullmatch(written.strip()) is None:
            raise AuthenticationFailed("Write the key as given: Authorization: Api-Key <prefix>.<secret>.")
        return written.strip()


class ServiceKeyAuthentication(KeyAuthentication):
    """Keys of our own machines."""

    def keys(self) -> Any:
        from billing_site.kit.models import ServiceKey  # settings name this class before models are loaded

        return ServiceKey.objects.all()


class StaffSessionAuthentication(SessionAuthentication):
    """The session of an active member of the staff; anybody else's counts for nothing."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        return found if found is not None and found[0].is_staff else None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return 'Session realm="admin"'


class HasScope(BasePermission):
    """A key needs the scope; a person of the staff needs `staff`, a permission code (none: any staff).

    Used as an instance: `permission_classes = [HasScope("reports:read", staff="reporting.view_revenue")]`.
    """

    def __init__(self, scope: str, *, staff: str = "") -> None:
        self.scope, self.staff = scope, staff
        self.message = f"This needs the scope {scope}."

    def __call__(self) -> HasScope:
        return self

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        if isinstance(request.auth, AbstractAPIKey):
            scopes = getattr(request.auth, "scopes", ())
            return self.scope in scopes or EVERYTHING in scopes
        user = request.user
        return bool(user and user.is_authenticated and user.is_staff and (not self.staff or user.has_perm(self.staff)))


def caller_of(request: Request) -> str:
    """Name the caller for records: `servicekey:abcd1234` or `user:7`."""
    if isinstance(request.auth, AbstractAPIKey):
        return f"{request.auth._meta.model_name}:{request.auth.prefix}"  # noqa: SLF001
    return f"user:{request.user.pk}"
