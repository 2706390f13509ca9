"""The content security policy: strict everywhere, with the one exception the admin's theme needs."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase

_ADMIN = {
    "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
}  # Alpine.js evaluates attributes


class ContentSecurityPolicy(CSPMiddleware):
    """Loosens scripts and styles for HTML pages of the admin only."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_admin_page = request.path.startswith("/admin/") and response.get("Content-Type", "").startswith("text/html")
        if is_admin_page and not hasattr(response, "_csp_replace"):
            setattr(response, "_csp_update", _ADMIN)  # noqa: B010 - django-csp's own hook, unknown to the types
        return super().process_response(request, response)
