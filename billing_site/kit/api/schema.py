"""How the OpenAPI document speaks of our keys and sessions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class KeyScheme(OpenApiAuthenticationExtension):
    """`Authorization: Api-Key ...`, for every table of keys."""

    target_class = "billing_site.kit.api.keys.KeyAuthentication"
    match_subclasses = True

    def __init__(self, target: Any) -> None:
        """Name each table of keys apart: ServiceKeyAuthentication is ServiceKey."""
        super().__init__(target)
        kind = target if isinstance(target, type) else type(target)
        self.name = kind.__name__.removesuffix("Authentication")

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key <prefix>.<secret>`"}


class StaffSessionScheme(OpenApiAuthenticationExtension):
    target_class = "billing_site.kit.api.keys.StaffSessionAuthentication"
    name = "StaffSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of a member of the staff.",
        }
