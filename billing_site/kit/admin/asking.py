"""Buttons that ask for more than a reason: a short form about one row, then one call of a service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field as with_options
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from billing_site.kit.admin.money_forms import MoneyFormField
from billing_site.kit.admin.refusals import is_refusal
from billing_site.kit.errors import sentence_of


class MomentInput(UnfoldAdminTextInputWidget):
    """A day and a time, by the clocks of the billing time zone."""

    is_dressed, input_type = True, "datetime-local"

    def format_value(self, value: Any) -> Any:
        return f"{value:%Y-%m-%dT%H:%M}" if isinstance(value, dt.datetime) else value


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """A secret, for this one answer: it stands in no message, session, address or log."""

    sentence: str
    secret: str = with_options(repr=False)


class QuestionForm(forms.Form):
    """A form about `row`; `carry_out` calls the service and says in one sentence what happened, or shows a secret."""

    explanation = ""
    is_one_transaction = True  # a service of many transactions says no, so that a crash costs only the last

    def __init__(self, *args: Any, row: Any, user: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.row, self.user = row, user
        self.instance = row  # money fields read their currency from it
        for field in self.fields.values():
            _dress(field)
            if isinstance(field, MoneyFormField):
                field.form = self

    def carry_out(self, *, by: str) -> str | ShownOnce:
        raise NotImplementedError


def asking(
    label: str,
    *,
    form: type[QuestionForm],
    permission: str,
    icon: str = "",
    done_url: Callable[[Any], str] | None = None,
) -> Callable[..., HttpResponse]:
    """Make a button that asks: on the page of one row, or on a list where the form needs no row."""

    def press(model_admin: Any, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        row = None if object_id is None else row_or_404(model_admin, request, object_id)
        asked = form(request.POST if request.method == "POST" else None, row=row, user=request.user)
        if request.method == "POST" and asked.is_valid():
            answer = _answer(asked, request)
            if isinstance(answer, ShownOnce):
                return _page_once(model_admin, request, answer, label, back_url=_page_of(model_admin, row))
            if answer is not None:
                messages.success(request, answer)
                return HttpResponseRedirect(done_url(asked) if done_url else _page_of(model_admin, row))
        return _page(model_admin, request, asked, label)

    press.__name__ = slugify(label).replace("-", "_")
    return button(label, icon=icon, permission=permission)(press)


def row_or_404(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Return the row that an address names; an address that names none, or is no key at all, is not found."""
    row = model_admin.get_object(request, unquote(object_id))
    if row is None:
        raise Http404(f"There is no {model_admin.opts.verbose_name} {object_id}.")
    return row


def button(label: str, *, icon: str = "", permission: str = "", opens_tab: bool = False) -> Callable[[Any], Any]:
    """Make a method of a page a button of it (`actions_detail`, `actions_list`), for those who have the permission."""

    def dress(press: Any) -> Any:
        press.original_function_name = press.__name__
        press.short_description, press.url_path, press.permission = label, slugify(label), permission
        press.attrs = {"target": "_blank"} if opens_tab else {}
        press.icon, press.variant, press.dialog = icon or None, ActionVariant.DEFAULT, None
        return press

    return dress


def _answer(asked: QuestionForm, request: HttpRequest) -> str | ShownOnce | None:
    """Carry the form out; what a service refuses is said beside the form."""
    try:
        with transaction.atomic() if asked.is_one_transaction else nullcontext():
            return asked.carry_out(by=request.user.get_username())
    except Exception as error:
        if not is_refusal(error):
            raise
        asked.add_error(None, sentence_of(error))
        return None


def _page(model_admin: Any, request: HttpRequest, asked: QuestionForm, label: str) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/ask.html", {
        **model_admin.admin_site.each_context(request),
        "title": label,
        "subtitle": str(asked.row or ""),
        "opts": model_admin.opts,
        "original": asked.row,
        "form": asked,
        "media": model_admin.media + asked.media,
        "back_url": "../",
    })  # fmt: skip


def _page_once(model_admin: Any, request: HttpRequest, shown: ShownOnce, label: str, *, back_url: str) -> HttpResponse:
    """Answer the POST itself: what is redirected to would have to be kept somewhere until then."""
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/shown_once.html", {
        **model_admin.admin_site.each_context(request),
        "title": label,
        "opts": model_admin.opts,
        "shown": shown,
        "back_url": back_url,
    })  # fmt: skip


def _page_of(model_admin: Any, row: Any) -> str:
    options = model_admin.opts
    name = f"admin:{options.app_label}_{options.model_name}"
    return reverse(f"{name}_change", args=[quote(row.pk)]) if row is not None else reverse(f"{name}_changelist")


def _dress(field: forms.Field) -> None:
    """Give a plain form field the theme's widget."""
    if isinstance(field, MoneyFormField) or getattr(field.widget, "is_dressed", False):
        return
    if isinstance(field, forms.BooleanField):
        field.widget = UnfoldBooleanSwitchWidget()
    elif isinstance(field, forms.DateTimeField):
        field.widget = MomentInput()
        field.help_text = f"{field.help_text} {timezone.get_current_timezone_name()} time.".lstrip()
    elif isinstance(field, forms.DateField):
        field.widget = UnfoldAdminSingleDateWidget()
    elif isinstance(field, forms.ChoiceField):
        field.widget = UnfoldAdminSelectWidget(choices=field.choices)
    elif isinstance(field.widget, forms.Textarea):
        field.widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
    elif isinstance(field, forms.CharField | forms.IntegerField | forms.DecimalField):
        field.widget = UnfoldAdminTextInputWidget()
    field.widget.is_required = field.required
