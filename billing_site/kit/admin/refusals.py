"""Refusals in the admin: a sentence beside the form that was sent, never a page 500."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from billing_site.kit.errors import is_refusal, sentence_of

__all__ = ["ServiceErrorsMixin", "is_refusal"]


class _RefusedForm:
    """A form that says why the service or the database refused it, with everything typed still in place."""

    refusal = ""

    def clean(self) -> Any:
        super().clean()  # type: ignore[misc]
        raise ValidationError(self.refusal)


class ServiceErrorsMixin:
    """Turns refusals into messages on the page they came from."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        form = super().get_form(request, obj, change, **options)  # type: ignore[misc]
        refusal = getattr(request, "refusal", "")
        return type(form.__name__, (_RefusedForm, form), {"refusal": refusal}) if refusal else form

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **options)  # type: ignore[misc]
        except Exception as error:
            if request.method != "POST" or not is_refusal(error):
                raise
            request.refusal = sentence_of(error)  # type: ignore[attr-defined]
        return super().changeform_view(request, *args, **options)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().changelist_view(request, extra_context)  # type: ignore[misc]
        except Exception as error:
            if request.method == "POST" and is_refusal(error):
                return _back(request, sentence_of(error), to=request.get_full_path())
            if request.GET and isinstance(error, DataError):
                return _back(request, "No list can be asked that; here is all of it.", to=request.path)
            raise

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
        except Exception as error:
            if request.method != "POST" or not is_refusal(error):
                raise
            return _back(request, sentence_of(error), to=request.get_full_path())


def _back(request: HttpRequest, sentence: str, *, to: str) -> HttpResponse:
    messages.error(request, sentence)
    return HttpResponseRedirect(to)
