"""Owns the page of archived months, with the file of each to download."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from billing_site.kit.admin import ReadOnlyAdmin, RowPageMixin, button, link_column, row_or_404
from billing_site.kit.admin.words import count_text, moment_text
from billing_site.kit.errors import Refused
from billing_site.kit.files import store_at_work
from partners.admin.run_entries import usage_text
from partners.models import UsageArchive


class ArchiveLost(Refused):
    """The file of an archived month is gone."""


@admin.register(UsageArchive)
class UsageArchiveAdmin(RowPageMixin, ReadOnlyAdmin):
    """The events of a billed month, moved to a file; the daily sums stay in the database."""

    list_display = ("month", link_column("partner"), "money_events", "money_size", "created_at")
    search_fields = ("partner__name", "file_name", "sha256")
    search_help_text = "Partner, file or sha256"
    ordering = ("-period_start", "partner__name", "pk")
    fields = (
        ("partner", "month"), ("money_events", "counted"), "instants", ("money_size", "created_at"),
        "file_name", "digest",
    )  # fmt: skip
    readonly_fields = ("month", "money_events", "counted", "money_size", "instants", "digest")
    actions_detail = ("download",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("partner")

    def month(self, archive: UsageArchive) -> str:
        return f"{archive.period_start:%Y-%m}"

    month.admin_order_field = "period_start"  # type: ignore[attr-defined]

    def money_events(self, archive: UsageArchive) -> Any:
        return format_html('<span class="money">{}</span>', count_text(archive.events))

    money_events.short_description = "Events"  # type: ignore[attr-defined]
    money_events.admin_order_field = "events"  # type: ignore[attr-defined]

    def counted(self, archive: UsageArchive) -> str:
        return usage_text({meter: sums["quantity"] for meter, sums in archive.sums.items()}) or "nothing"

    counted.short_description = "They count"  # type: ignore[attr-defined]

    def money_size(self, archive: UsageArchive) -> Any:
        return format_html('<span class="money">{}</span>', count_text(archive.size))

    money_size.short_description = "Bytes"  # type: ignore[attr-defined]
    money_size.admin_order_field = "size"  # type: ignore[attr-defined]

    def instants(self, archive: UsageArchive) -> str:
        begins, ends = moment_text(archive.starts_at), moment_text(archive.ends_at)
        return f"From {begins} until {ends}, {timezone.get_current_timezone_name()} time: midnights of the partner."

    instants.short_description = "Holds events"  # type: ignore[attr-defined]

    def digest(self, archive: UsageArchive) -> str:
        return archive.sha256

    digest.short_description = "SHA-256"  # type: ignore[attr-defined]

    @button("Download", icon="download", permission="partners.view_usagearchive")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse | FileResponse:
        archive = row_or_404(self, request, object_id)
        if not self.has_view_permission(request, archive):
            raise PermissionDenied
        name = f"usage-{archive.partner_id}-{archive.period_start:%Y-%m}.csv.gz"
        try:
            with store_at_work(unharmed="The archive is as it was: try again in a moment."):
                return FileResponse(_file_of(archive), as_attachment=True, filename=name)
        except Refused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(reverse("admin:partners_usagearchive_change", args=[archive.pk]))


def _file_of(archive: UsageArchive) -> Any:
    try:
        return default_storage.open(archive.file_name)
    except FileNotFoundError as error:
        raise ArchiveLost(f"{archive.file_name} is not in the store; restore it from a backup.") from error
