"""How the OpenAPI document speaks of our keys and sessions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class KeyScheme(OpenApiAuthenticationExtension):
    """`Authorization: Api-Key ...`, for every table of keys."""

    target_class = "billing_site.kit.api.keys.KeyAuthentication"
    match_subclasses = True

    @property
    def name(self) -> str:
        """Name each table of keys apart: ServiceKeyAuthentication is ServiceKey."""
        kind = self.target if isinstance(self.target, type) else type(self.target)
        return kind.__name__.removesuffix("Authentication")

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
