"""Refusals in the admin: a sentence beside the form that was sent, never a page 500."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, InternalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from billing_site.kit.errors import Refused, sentence_of

_RAISED = "P0001"  # SQLSTATE of RAISE EXCEPTION


def is_refusal(error: BaseException) -> bool:
    """Tell a refusal (a service, a constraint, a trigger, a number out of range) from a fault of ours."""
    if isinstance(error, ProgrammingError | InternalError):
        return getattr(error.__cause__, "sqlstate", None) == _RAISED
    return isinstance(error, Refused | ValidationError | IntegrityError | DataError)


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
            if request.method != "POST" or not is_refusal(error):
                raise
            return _back(request, error)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
        except Exception as error:
            if request.method != "POST" or not is_refusal(error):
                raise
            return _back(request, error)


def _back(request: HttpRequest, error: Exception) -> HttpResponse:
    messages.error(request, sentence_of(error))
    return HttpResponseRedirect(request.get_full_path())
