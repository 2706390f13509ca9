"""Pages of the kit's own rows: keys of machines, runs of jobs, exports, approvals."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.sites import AdminSite
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from billing_site.kit.admin.bases import BackOfficeAdmin, ReadOnlyAdmin
from billing_site.kit.admin.columns import badge_column
from billing_site.kit.admin.filters import DateRange
from billing_site.kit.models import Approval, ExportJob, JobRun, ServiceKey

SCOPES = {
    "reports:read": "Read reports (reports:read)",
    "invoices:read": "Read invoices and payments (invoices:read)",
    "exports:read": "Download exports (exports:read)",
    "usage:write": "Post usage (usage:write)",
    "*": "Everything (*)",
}
_STATES = {"running": "info", "done": "success", "failed": "danger"}


class ServiceKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=SCOPES.items(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Give a machine only what it needs.",
    )


class ServiceKeyAdmin(BackOfficeAdmin):
    """A key is shown once, when it is made; afterwards it can be renamed, narrowed, or revoked for good."""

    form = ServiceKeyForm
    list_display = ("name", "prefix", "scopes", "created", "expiry_date", "revoked")
    list_filter = ("revoked", ("created", DateRange))
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "created")
    fieldsets = ((None, {"fields": ("name", "scopes", ("expiry_date", "revoked"), ("prefix", "created"))}),)
    add_fieldsets = ((None, {"fields": ("name", "scopes", "expiry_date")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(("revoked",) if obj and obj.revoked else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A key that was used stays on record; it is revoked instead."""
        return False

    def save_model(self, request: HttpRequest, obj: ServiceKey, form: Any, change: bool) -> None:  # noqa: FBT001
        key = "" if change else ServiceKey.objects.assign_key(obj)
        super().save_model(request, obj, form, change)
        if key:
            messages.warning(request, f"The key of {obj.name} is {key} - copy it now, it is not shown again.")


class JobRunAdmin(ReadOnlyAdmin):
    list_display = ("job", badge_column("state", colors=_STATES), "started_at", "finished_at", "outcome")
    list_filter = ("state", "job", ("started_at", DateRange))
    ordering = ("-started_at",)


class ExportJobAdmin(ReadOnlyAdmin):
    list_display = (
        "model",
        "file_format",
        badge_column("state", colors=_STATES),
        "row_count",
        "requested_by",
        "requested_at",
        "finished_at",
    )
    list_filter = ("state", ("requested_at", DateRange))
    list_select_related = ("requested_by",)
    ordering = ("-requested_at",)


class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ("subject", "decision", "decided_by", "decided_at", "reason")
    list_filter = ("decision", ("decided_at", DateRange))
    list_select_related = ("decided_by",)
    search_fields = ("subject", "reason")
    ordering = ("-decided_at",)


def register(site: AdminSite) -> None:
    site.register(ServiceKey, ServiceKeyAdmin)
    site.register(JobRun, JobRunAdmin)
    site.register(ExportJob, ExportJobAdmin)
    site.register(Approval, ApprovalAdmin)
