"""The pages every list and form is made of: read-only unless it says otherwise, a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.admin.utils import flatten_fieldsets
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from billing_site.kit.admin.asking import row_or_404
from billing_site.kit.admin.columns import EMPTY, money_column
from billing_site.kit.admin.confirmed import Confirmed
from billing_site.kit.admin.history import HistoryMixin
from billing_site.kit.admin.money_forms import MoneyForm, MoneyFormSet, MoneyWidget, form_field_class, label_of
from billing_site.kit.admin.refusals import ServiceErrorsMixin
from billing_site.kit.admin.saved_views import View, ViewFilter, tabs
from billing_site.kit.fields import CentsField


class MoneyFieldsMixin:
    """Shows columns of money in major units: in inputs, and as amounts with their currency where they are only read.

    `currency_of` names the column that holds the currency of an amount where that is not `currency`.
    """

    form: type[ModelForm] = MoneyForm
    currency_of: Mapping[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._amounts = {
            field.name: money_column(field.name, label_of(field), currency=self.currency_of.get(field.name, "currency"))
            for field in self.model._meta.concrete_fields  # type: ignore[attr-defined]  # noqa: SLF001 - documented API
            if isinstance(field, CentsField) and hasattr(self.model, "currency")  # type: ignore[attr-defined]
        }

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = super().get_readonly_fields(request, obj)  # type: ignore[misc]
        return tuple(self._amounts.get(name, name) for name in given)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Put amounts in the place of columns that are only read."""
        fieldsets = super().get_fieldsets(request, obj)  # type: ignore[misc]
        if self._is_only_read(request, obj):
            shown = self._amounts
        else:
            read = self.get_readonly_fields(request, obj)
            shown = {name: column for name, column in self._amounts.items() if column in read}
        return [(title, {**options, "fields": _replaced(options["fields"], shown)}) for title, options in fieldsets]

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **options: Any) -> Any:
        form_class = form_field_class(db_field)
        if form_class is not None:
            options = {"form_class": form_class, "widget": MoneyWidget, "label": label_of(db_field), **options}
            return db_field.formfield(**options)
        return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]

    def _is_only_read(self, request: HttpRequest, obj: Any) -> bool:
        return obj is not None and not self.has_change_permission(request, obj)  # type: ignore[attr-defined]


class RowList(ChangeList):
    """Counts its rows once: where nothing narrows them, all are shown."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class BackOfficeAdmin(ServiceErrorsMixin, HistoryMixin, MoneyFieldsMixin, ModelAdmin):
    """A page of ours: saved views, confirmed actions, money in major units, refusals as sentences."""

    views: Sequence[View] = ()
    actions_detail: Sequence[Any] = ()
    list_per_page = 50
    list_max_show_all = 500
    show_full_result_count = False
    list_filter_submit = True
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    empty_value_display = EMPTY

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        self._offer_on_the_page_of_one_row()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Hand columns over as functions, so that their CSS class names what they show."""
        return [self._column(name) for name in super().get_list_display(request)]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:  # noqa: ARG002
        return RowList

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """Join what the columns show: a list costs the same number of queries at 1 row and at 50."""
        given = super().get_list_select_related(request)
        if given is True:
            return True
        wanted = set(given or ()).union(*(getattr(column, "related", ()) for column in self.get_list_display(request)))
        return sorted(wanted)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = list(super().get_list_filter(request))
        return [*filters, ViewFilter] if any("=" not in view.asks for view in self.views) else filters

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        return {name: found for name, found in actions.items() if not _is_forbidden(found[0], request)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"tab_list": tabs(self.views, self.opts, request)} if self.views else {}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        form = context["adminform"]
        form.fieldsets = [_open_where_wrong(fieldset, form.form.errors) for fieldset in form.fieldsets]
        return super().render_change_form(request, context, *args, **options)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        buttons = super().get_actions_detail(request, object_id)
        return [button for button in buttons if not _is_forbidden(getattr(button.method, "confirmed", None), request)]

    def _column(self, name: Any) -> Any:
        column = getattr(type(self), name, name) if isinstance(name, str) else name
        return column if hasattr(column, "related") else name

    def _offer_on_the_page_of_one_row(self) -> None:
        for action in self.actions or ():
            if isinstance(action, Confirmed):
                setattr(self, f"{action.__name__}_one", _button(self, action))
                self.actions_detail = [*self.actions_detail, f"{action.__name__}_one"]


class ReadOnlyAdmin(BackOfficeAdmin):
    """Facts from elsewhere: to be read, searched and exported, never typed over."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


class MoneyTabularInline(MoneyFieldsMixin, TabularInline):
    """Rows inside another row's page, in the currency of that row."""

    formset = MoneyFormSet
    extra = 0
    tab = True


class MoneyStackedInline(MoneyFieldsMixin, StackedInline):
    """The same, one block a row."""

    formset = MoneyFormSet
    extra = 0
    tab = True


class ReadOnlyInline(MoneyTabularInline):
    """Rows inside another row's page that are only read."""

    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


def _open_where_wrong(fieldset: tuple[Any, Any], errors: Mapping[str, Any]) -> tuple[Any, Any]:
    """Let what holds a mistake not fold away; Django itself looks only at rows of one field."""
    title, options = fieldset
    if not errors.keys() & set(flatten_fieldsets([fieldset])):
        return fieldset
    return title, {**options, "classes": [name for name in options.get("classes", ()) if name != "collapse"]}


def _replaced(fields: Sequence[Any], shown: Mapping[str, Any]) -> list[Any]:
    """Replace names in the rows of a fieldset, where a row may be a name or several."""
    return [_replaced(row, shown) if isinstance(row, list | tuple) else shown.get(row, row) for row in fields]


def _is_forbidden(action: Any, request: HttpRequest) -> bool:
    return isinstance(action, Confirmed) and not action.is_allowed(request)


def _button(model_admin: BackOfficeAdmin, action: Confirmed) -> Callable[..., HttpResponse]:
    """Offer a confirmed action on the page of one row, with the same question and the same answer."""

    def press(request: HttpRequest, object_id: str) -> HttpResponse:
        row = row_or_404(model_admin, request, object_id)
        return action(model_admin, request, model_admin.get_queryset(request).filter(pk=row.pk))

    press.short_description = action.label  # type: ignore[attr-defined]
    press.url_path = action.__name__.replace("_", "-")  # type: ignore[attr-defined]
    press.original_function_name = action.__name__  # type: ignore[attr-defined]
    press.attrs, press.icon, press.variant = {}, None, ActionVariant.DEFAULT  # type: ignore[attr-defined]
    press.confirmed = action  # type: ignore[attr-defined]
    return press
