"""The mirror of Stripe's objects, to be looked at only: no request to Stripe, no write, whatever shape a row has."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from djstripe.models import APIKey, WebhookEndpoint
from djstripe.models.base import StripeModel
from unfold.admin import ModelAdmin
from unfold.utils import prettify_json

from billing_site.kit.admin import DateRange, badge
from billing_site.kit.admin.columns import EMPTY

_HOLD_SECRETS = (APIKey, WebhookEndpoint)  # in plain columns: not shown at all


class MirrorAdmin(ModelAdmin):
    """Reads columns and never the objects' own methods: those may call Stripe, insert rows, or fail on newer shapes."""

    list_display = ("stripe_id", "kind", "created_at", "mode")
    list_display_links = ("stripe_id",)
    list_filter = ("livemode", ("created", DateRange))
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("id__startswith",)
    search_help_text = "The beginning of an id"
    ordering = ("-djstripe_id",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).only("djstripe_id", "id", "created", "livemode", "stripe_data")

    def stripe_id(self, row: Any) -> str:
        return str(row.id)

    stripe_id.short_description = "Id"  # type: ignore[attr-defined]
    stripe_id.admin_order_field = "id"  # type: ignore[attr-defined]

    def kind(self, row: Any) -> str:
        return kind_of(row.stripe_data)

    kind.short_description = "Type"  # type: ignore[attr-defined]

    def created_at(self, row: Any) -> Any:
        return row.created

    created_at.short_description = "Created"  # type: ignore[attr-defined]
    created_at.admin_order_field = "created"  # type: ignore[attr-defined]

    def mode(self, row: Any) -> Any:
        return mode_badge(livemode=row.livemode)

    mode.short_description = "Mode"  # type: ignore[attr-defined]
    mode.admin_order_field = "livemode"  # type: ignore[attr-defined]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._columns(object_id)
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/mirror_object.html", {
            **self.admin_site.each_context(request),
            "title": row["id"],
            "opts": self.opts,
            "row": row,
            "kind": kind_of(row["stripe_data"]),
            "mode": mode_badge(livemode=row["livemode"]),
            "json": prettify_json(row["stripe_data"], None),
            **(extra_context or {}),
        })  # fmt: skip

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """Stripe's events are the history of its objects."""
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
        )

    def _columns(self, object_id: str) -> dict[str, Any]:
        key = unquote(object_id)
        rows = self.model._base_manager.values("id", "created", "livemode", "stripe_data", "djstripe_updated")  # noqa: SLF001
        is_number = key.isascii() and key.isdecimal() and len(key) <= 18  # noqa: PLR2004 - fits a bigint
        row = rows.filter(pk=int(key)).first() if is_number else None
        if row is None:
            raise Http404
        return row


def kind_of(stripe_data: Any) -> str:
    """Name what a stored object is: an event by its type, anything else by its kind of object."""
    if not isinstance(stripe_data, dict):
        return EMPTY
    name = stripe_data.get("type") if stripe_data.get("object") == "event" else stripe_data.get("object")
    return str(name or EMPTY)


def mode_badge(*, livemode: bool | None) -> Any:
    return badge("Unknown") if livemode is None else badge("Live", "success") if livemode else badge("Test", "info")


def register(site: AdminSite) -> None:
    """Take the place of every page dj-stripe registered; what is no object of Stripe's is not shown."""
    registered = [model for model in site._registry if model._meta.app_label == "djstripe"]  # noqa: SLF001
    for model in registered:
        site.unregister(model)
        if issubclass(model, StripeModel) and model not in _HOLD_SECRETS:
            site.register(model, MirrorAdmin)
