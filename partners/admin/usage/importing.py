"""Owns the page that imports usage: upload, look at what it would change, then import exactly that file."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from contextlib import suppress
from typing import IO, Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from billing_site.kit.admin import Panel, badge
from billing_site.kit.admin.words import count_text
from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.files import StoreFailed, files_under, store_at_work
from billing_site.kit.wording import counted
from partners.enums import Meter
from partners.models import Partner
from partners.services.usage.effects import Effect
from partners.services.usage.imports import MOST_BYTES, MOST_ROWS, MOST_TOLD, ImportReport, import_usage

PERMISSION = "partners.add_usageevent"
_FOLDER = "usage/imports"
_SALT = "partners.usage-import"
_KEPT = dt.timedelta(hours=12)
_LATE = "Billed already: the difference is late usage"
_UNPAID = "Days without a contract: nobody will pay for them"
_FATES = {"conflict": ("In conflict", "warning"), "refused": ("Refused", "danger")}
_GONE = "This upload is no longer here; upload the file again."


class UploadForm(forms.Form):
    partner = forms.ModelChoiceField(Partner.objects.order_by("name"), widget=UnfoldAdminSelectWidget)
    file = forms.FileField(widget=UnfoldAdminFileFieldWidget)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 2**20} MiB; import it in parts.")
        return file


def import_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST" and "token" in request.POST:
        return _imported(model_admin, request, request.POST["token"])
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _looked_at(model_admin, request, form)
        except Refused as refusal:
            form.add_error("file", sentence_of(refusal))
    return _page(model_admin, request, form=form)


def _looked_at(model_admin: Any, request: HttpRequest, form: UploadForm) -> HttpResponse:
    partner, file = form.cleaned_data["partner"], form.cleaned_data["file"]
    report = import_usage(partner=partner, file=file, now=timezone.now(), dry_run=True)
    token = _kept(file, partner) if report.may_be_imported else ""
    return _page(model_admin, request, form=form, report=report, token=token, partner=partner, file_name=file.name)


def _kept(file: Any, partner: Partner) -> str:
    """Keep the file that was looked at, and name it and its contents under our signature."""
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    with store_at_work(unharmed="Nothing was imported: upload the file again in a moment."):
        _forget_old_uploads()
        name = default_storage.save(f"{_FOLDER}/{sha256}.csv", file)
    return signing.dumps({"name": name, "sha256": sha256, "partner": partner.pk}, salt=_SALT)


def _imported(model_admin: Any, request: HttpRequest, token: str) -> HttpResponse:
    try:
        report = _import(token)
    except Refused as refusal:
        messages.error(request, sentence_of(refusal))
        return HttpResponseRedirect(request.path)
    counts = f"{counted(report.new, 'event')} imported, {counted(report.repeated, 'repeat')} not counted again"
    messages.success(request, f"{counts}, {report.conflict:,} in conflict with what is kept.")
    return HttpResponseRedirect(reverse(f"{model_admin.admin_site.name}:partners_usageevent_changelist"))


def _panels(report: ImportReport) -> list[Panel]:
    """What would change, month by month, and the rows that need a look."""
    effects = [(f"{one.month:%Y-%m}", Meter(one.meter).label, _note(one), *_figures(one)) for one in report.effects]
    rows = [(row.line, row.idempotency_key, badge(*_FATES[row.fate]), row.sentence) for row in report.told]
    first = f" (the first {MOST_TOLD})" if len(rows) == MOST_TOLD else ""
    heads = ("Month", "Meter", "Note"), ("Line", "Idempotency key", "Fate", "Reason")
    changes = Panel("What it would change", heads[0], effects, amounts=("Before", "Change", "After"), is_wide=True)
    told = Panel(f"Rows to look at{first}", heads[1], rows, is_wide=True)
    return [panel for panel in (changes, told) if panel.rows]


def _note(effect: Effect) -> str:
    notes = (_LATE if effect.is_billed else "", _UNPAID if effect.is_without_contract else "")
    return ". ".join(filter(None, notes))


def _figures(effect: Effect) -> tuple[str, str, str]:
    plus = "+" if effect.change > 0 else ""
    return count_text(effect.before), f"{plus}{count_text(effect.change)}", count_text(effect.after)


class UploadGone(Refused):
    """The file that was looked at is no longer kept."""


def _import(token: str) -> ImportReport:
    try:
        kept = signing.loads(token, salt=_SALT, max_age=_KEPT)
        file = _kept_file(kept["name"], sha256=kept["sha256"])
    except signing.BadSignature as error:
        raise UploadGone(_GONE) from error
    partner = Partner.objects.get(pk=kept["partner"])
    report = import_usage(partner=partner, file=file, now=timezone.now(), dry_run=False)
    if report.refused:
        raise UploadGone(f"{report.told[0].sentence} Nothing was imported: upload the file again.")
    _forget(kept["name"])
    return report


def _kept_file(name: str, *, sha256: str) -> IO[bytes]:
    with store_at_work(unharmed="Nothing was imported: upload the file again in a moment."):
        try:
            with default_storage.open(name) as file:
                content: bytes = file.read()
        except FileNotFoundError as error:
            raise UploadGone(_GONE) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UploadGone(_GONE)
    return io.BytesIO(content)


def _forget(name: str) -> None:
    """A file that the store does not give up is forgotten with the old uploads: what was imported stays imported."""
    with suppress(StoreFailed), store_at_work(unharmed="The usage is imported."):
        default_storage.delete(name)


def _forget_old_uploads() -> None:
    for name in list(files_under(_FOLDER)):
        if default_storage.get_modified_time(name) < timezone.now() - _KEPT:
            default_storage.delete(name)


def _page(model_admin: Any, request: HttpRequest, **context: Any) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/usage/import.html", {
        **model_admin.admin_site.each_context(request),
        "title": "Import usage",
        "opts": model_admin.opts,
        "most_rows": MOST_ROWS,
        "panels": _panels(context["report"]) if "report" in context else [],
        "back_url": "../",
        **context,
    })  # fmt: skip
