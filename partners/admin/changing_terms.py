"""Owns changing a contract: a form with the terms in force, a page that shows what changes, and one new version."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.forms import AdminForm

from billing_site.kit.admin import Panel, money_cell
from billing_site.kit.admin.asking import button, row_or_404
from billing_site.kit.admin.refusals import is_refusal
from billing_site.kit.admin.words import count_text, day_text
from billing_site.kit.errors import Refused, sentence_of
from billing_site.kit.money import Money
from invoices.pdf.wording import Wording
from partners.admin.contract_form import PAPER_FIELDS, PRICE_FIELDS, ContractForm
from partners.admin.terms_words import differences
from partners.models import Contract
from partners.pricing import RatedLine, description_of, explanation_of
from partners.services import change_contract
from partners.services.contracts import next_version, refuse_change
from partners.services.what_if import WhatIf, last_month_on

_NOTHING = "Nothing but the version: every term stays as it is."
_FIELDSETS = (
    (None, {"fields": (("start_date", "end_date"),)}),
    ("Price", {"fields": PRICE_FIELDS}),
    ("Tax and payment", {"fields": PAPER_FIELDS}),
)


class ChangeForm(ContractForm):
    """The terms of the next version; `contract` is the one in force."""

    contract: Contract

    class Meta(ContractForm.Meta):
        labels = ContractForm.Meta.labels | {"start_date": "New terms from"}

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        try:
            refuse_change(self.contract, self.instance)
        except Refused as refusal:
            self.add_error(None, sentence_of(refusal))

    def changed_terms(self) -> dict[str, Any]:
        """Return the columns of the next version, but for the day it starts."""
        names = (field.attname for field in Contract._meta.concrete_fields if field.name in self.fields)  # noqa: SLF001
        return {name: getattr(self.instance, name) for name in names if name != "start_date"}


@button("Change terms", icon="edit_note", permission="partners.add_contract")
def change_terms(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask for the new terms, show what changes, and make the version that was looked at."""
    if not request.user.has_perm("partners.add_contract"):
        raise PermissionDenied
    contract = row_or_404(model_admin, request, object_id)
    form = _form(model_admin, request, contract)
    step = request.POST.get("step", "edit")
    if step == "edit" or not form.is_valid():
        return _page(model_admin, request, contract, form, "edit")
    if step == "confirm" and (version := _changed(request, contract, form)):
        messages.success(request, f"{version} is agreed from {day_text(version.start_date)}; {contract} ends then.")
        return HttpResponseRedirect(reverse("admin:partners_contract_change", args=[version.pk]))
    return _page(model_admin, request, contract, form, "review")


def _form(model_admin: Any, request: HttpRequest, contract: Contract) -> ChangeForm:
    names = [name for _, part in _FIELDSETS for row in part["fields"] for name in ((row,) if type(row) is str else row)]
    form_class = model_admin.get_form(request, None, form=ChangeForm, fields=names)
    draft = next_version(contract, starts_on=_first_of_next_month(), terms={})
    form: ChangeForm = form_class(request.POST if request.method == "POST" else None, instance=draft)
    form.contract = contract
    return form


def _changed(request: HttpRequest, contract: Contract, form: ChangeForm) -> Contract | None:
    try:
        with transaction.atomic():
            return change_contract(
                contract=contract,
                starts_on=form.instance.start_date,
                terms=form.changed_terms(),
                today=timezone.localdate(),
            )
    except Exception as error:
        if not is_refusal(error):
            raise
        messages.error(request, sentence_of(error))
        return None


def _page(model_admin: Any, request: HttpRequest, contract: Contract, form: ChangeForm, step: str) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    adminform = AdminForm(form, cast("Any", _FIELDSETS), {}, (), model_admin)
    return TemplateResponse(request, "admin/partners/change_terms.html", {
        **model_admin.admin_site.each_context(request),
        "title": f"Change terms of {contract}",
        "opts": model_admin.opts,
        "original": contract,
        "adminform": adminform,
        "form": form,
        "errors": form.errors,
        "media": model_admin.media + form.media,
        "step": step,
        "typed": _typed(request),
        **(_review(contract, form) if step == "review" else {}),
    })  # fmt: skip


def _review(contract: Contract, form: ChangeForm) -> dict[str, Any]:
    draft = form.instance
    starts_on = day_text(draft.start_date)
    return {
        "starts_on": starts_on,
        "old_ends_on": day_text(draft.start_date - dt.timedelta(days=1)),
        "draft": draft,
        "changes": [_changes(contract, draft, starts_on)],
        **_effect(last_month_on(draft)),
    }


def _changes(contract: Contract, draft: Contract, starts_on: str) -> Panel:
    rows = [
        (name, format_html('<span class="change-before">{}</span>', before), format_html("<b>{}</b>", after))
        for name, before, after in differences(contract, draft)
    ]
    return Panel("What changes", ("Term", "Now", f"From {starts_on}"), rows, none=_NOTHING, is_wide=True)


def _effect(found: WhatIf | None) -> dict[str, Any]:
    """Say what the last billed month came to, and would come to; nothing where there is nothing to compare."""
    if found is None:
        return {}
    before, after = found.costs
    version = found.billed_period.contract.version
    return {
        "effect": _difference(before, after),
        "effect_month": f"{found.billed_period.period_start:%B %Y}",
        "effect_usage": _usage(found),
        "sides": [
            _side(f"As billed on version {version}", found.before, before),
            _side("On the new terms", found.after, after),
        ],
    }


def _difference(before: Money, after: Money) -> str:
    change = after - before
    if not change:
        return "as much"
    percent = f" ({abs(change.cents) * 100 / before.cents:.1f} %)" if before else ""
    return f"{abs(change).format()} {'more' if change.cents > 0 else 'less'}{percent}"


def _side(title: str, lines: tuple[RatedLine, ...], total: Money) -> Panel:
    say = Wording("en", total.currency)
    rows = [
        (
            format_html('{}<div class="effect-why">{}</div>', description_of(line, say), explanation_of(line, say)),
            money_cell(line.net_cents, line.currency),
        )
        for line in lines
    ]
    return Panel(
        title, ("Line",), [*rows, ("Before tax", format_html("<b>{}</b>", total.format()))], amounts=("Amount",)
    )


def _usage(found: WhatIf) -> str:
    counted = {line.meter: line.counted for line in found.before + found.after if line.meter}
    return ", ".join(f"{count_text(count)} {meter}s" for meter, count in counted.items())


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Return what was typed, to be sent again by the page that shows what changes."""
    left_out = {"step", "csrfmiddlewaretoken"}
    return [(name, value) for name, values in request.POST.lists() if name not in left_out for value in values]


def _first_of_next_month() -> dt.date:
    return (timezone.localdate().replace(day=1) + dt.timedelta(days=32)).replace(day=1)
