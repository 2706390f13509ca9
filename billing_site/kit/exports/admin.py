"""The export button of a list and the export of selected rows, for the themed admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import MultipleChoiceField, MultipleHiddenInput
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from import_export.admin import ExportMixin as BaseExportMixin
from unfold.contrib.import_export.forms import SelectableFieldsExportForm

from billing_site.kit.exports.formats import CSV, XLSX
from billing_site.kit.exports.resources import SafeResource

_MOST_CHOSEN = 1000


class ExportMixin(BaseExportMixin):
    """Exports what the filters show, or the selected rows, streamed; asks for the view permission."""

    resource_classes: Sequence[type[SafeResource]] = ()
    export_formats: ClassVar[list[type]] = [CSV, XLSX]
    export_form_class = SelectableFieldsExportForm
    import_export_change_list_template = "admin/import_export/change_list_export.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_export_permission(request):
            actions["export_selected"] = (type(self).export_selected, "export_selected", "Export selected rows")
        return actions

    def export_selected(self, request: HttpRequest, chosen: Any) -> HttpResponseBase | None:
        """Ask for format and columns; the list's filters go along, so that what is exported is what was seen."""
        form = self.get_export_form_class()(
            formats=self.get_export_formats(),
            resources=self.get_export_resource_classes(request),
            initial={
                "export_items": [str(pk) for pk in chosen.order_by().values_list("pk", flat=True)[: _MOST_CHOSEN + 1]]
            },
        )
        if len(form.initial["export_items"]) > _MOST_CHOSEN:
            self.message_user(
                request,
                "To export more than a thousand rows, filter the list and use Export above it.",
                level="WARNING",
            )
            return None  # Django returns to the list
        form.fields["export_items"] = MultipleChoiceField(widget=MultipleHiddenInput, required=False)
        context = self.init_request_context_data(request, form)
        context["export_url"] = f"{self._export_url()}?{request.GET.urlencode()}"
        context["title"] = (
            f"Export {len(form.initial['export_items'])} {model_ngettext(self.opts, len(form.initial['export_items']))}"
        )
        return TemplateResponse(request, [self.export_template_name], context)

    def get_valid_export_item_pks(self, request: HttpRequest) -> Any:
        """Accept only keys the user's list holds."""
        asked = [key for key in request.POST.getlist("export_items")[:_MOST_CHOSEN] if self._is_key(key)]
        return self.get_queryset(request).filter(pk__in=asked).values_list("pk", flat=True)

    def _is_key(self, key: str) -> bool:
        try:
            self.opts.pk.to_python(key)
        except ValidationError:
            return False
        return bool(key)

    def get_export_filename(self, request: HttpRequest, queryset: Any, file_format: Any) -> str:  # noqa: ARG002
        name = str(self.opts.verbose_name_plural).lower().replace(" ", "-")
        return f"{name}-{timezone.localdate():%Y-%m-%d}.{file_format.get_extension()}"

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: Any, export_form: Any = None
    ) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        resource = self.choose_export_resource_class(export_form, request)(**self.get_export_resource_kwargs(request))
        columns = export_form.get_selected_resource_export_fields() if export_form else None
        return file_format.respond(
            resource.rows(queryset, columns), self.get_export_filename(request, queryset, file_format)
        )

    def _export_url(self) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_export")
