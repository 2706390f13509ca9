"""Owns what the buttons of a run ask before they call a service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing_site.kit.admin import QuestionForm
from billing_site.kit.nudging import nudge
from billing_site.kit.periods import NotAMonth, Period
from billing_site.kit.wording import counted
from partners.enums import RunStatus
from partners.models import BillingRun, Partner
from partners.services import (
    TotalsChanged,
    amounts_text,
    approve_run,
    ask_issue,
    ask_send,
    build_run,
    cancel_run,
    follow_up,
    given_back_by,
    hold_entry,
    release_entry,
    retry_parked,
)
from partners.services.zones import zone_named
from partners.tasks import issue_approved_runs, mail_runs

_SWITCHES = {  # of an approval, with the permission each needs
    "issues": ("issue it", "partners.issue_billingrun"),
    "sends": ("send its invoices", "partners.send_billingrun"),
}


class MonthForm(QuestionForm):
    explanation = (
        "Works out every contract of a month beside the month before, and flags what surprises. "
        "Nothing is billed until the preview is approved."
    )
    month = forms.CharField(help_text="Such as 2026-10.")
    change_percent = forms.IntegerField(
        label="Flag changes from",
        min_value=1,
        max_value=999,
        required=False,
        help_text="Per cent by which a month differs from the one before.",
    )
    partner = forms.ModelChoiceField(
        Partner.objects.order_by("name"),
        required=False,
        empty_label="All partners",
        help_text="One partner alone is billed beside the preview of all, which then holds it.",
    )

    def __init__(self, *args: Any, row: Any = None, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.initial = {"month": _month_before_this(), "change_percent": settings.PARTNER_RUN_CHANGE_PERCENT}

    def clean_month(self) -> Period:
        try:
            return Period.parse_month(self.cleaned_data["month"], _zone())
        except NotAMonth as error:
            raise forms.ValidationError(str(error)) from error

    def carry_out(self, *, by: str) -> str:
        asked = self.cleaned_data
        self.row = build_run(
            period=asked["month"],
            now=timezone.now(),
            by=by,
            partner=asked["partner"],
            change_percent=asked["change_percent"],
        )
        return _previewed(self.row)


class ApproveForm(QuestionForm):
    """Shows what is approved; where that changed meanwhile, nothing is, and the new totals are shown.

    To issue and to send are decisions of their own: who may not take them has no switch for them.
    """

    seen = forms.JSONField(required=False)
    issues = forms.BooleanField(
        label="Issue at once", required=False, initial=True, help_text="The worker issues it; otherwise press Issue."
    )
    sends = forms.BooleanField(
        label="Send", required=False, help_text="Send each invoice by e-mail as soon as its document is kept."
    )

    def __init__(self, *args: Any, row: BillingRun, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        self.fields["seen"].widget = forms.HiddenInput()
        self._show(row.entries.waiting().totals())
        self.missing = [name for name, (_, code) in _SWITCHES.items() if not self.user.has_perm(code)]
        for name in self.missing:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        asked: dict[str, Any] = super().clean() or self.cleaned_data
        for name in self.missing:
            if self.data.get(name):
                self.add_error(None, f"You may approve this run, not {_SWITCHES[name][0]}; somebody else decides that.")
        if not isinstance(asked.get("seen"), dict):
            self._show_again()
            self.add_error(None, "Nothing is approved unseen: look at these totals, then press Approve once more.")
        return asked

    def carry_out(self, *, by: str) -> str:
        asked = self.cleaned_data
        try:
            run = approve_run(
                run=self.row,
                now=timezone.now(),
                by=by,
                seen=asked["seen"],
                issues=asked.get("issues", False),
                sends=asked.get("sends", False),
            )
        except TotalsChanged:
            self._show_again()
            raise
        if run.issue_asked_at:
            transaction.on_commit(lambda: nudge(issue_approved_runs))
        return f"{amounts_text(run.approved_totals)} may be billed."

    def _show_again(self) -> None:
        seen = self.fields["seen"].prepare_value(self.initial["seen"])
        self.data = {**self.data.dict(), "seen": seen}  # type: ignore[attr-defined]

    def _show(self, totals: dict[str, int]) -> None:
        out, billed = self.row.entries.left_out().count(), self.row.entries.waiting().count()
        rest = f" {out} parked or held {'contract stays' if out == 1 else 'contracts stay'} out." if out else ""
        self.explanation = (
            f"{counted(billed, 'contract comes', 'contracts come')} to {amounts_text(totals)}, tax included."
            f"{_credits_text(given_back_by(self.row))}{rest} No more is ever billed."
        )
        self.initial = {"seen": totals, "issues": True}


class IssueForm(QuestionForm):
    explanation = (
        "Hands the run to the worker: each approved contract gets its numbered invoice, dated the day of the approval. "
        "What differs from its preview is parked. The page follows by itself."
    )

    def carry_out(self, *, by: str) -> str:
        run = ask_issue(run=self.row, now=timezone.now(), by=by)
        if run.status == RunStatus.ISSUED:
            return f"The run of {run} is issued."
        transaction.on_commit(lambda: nudge(issue_approved_runs))
        return f"The worker issues the run of {run}."


class SendForm(QuestionForm):
    explanation = (
        "Sends each invoice of the run by e-mail once its document is kept, and tries again what could not be sent. "
        "What went out once does not go out twice."
    )

    def carry_out(self, *, by: str) -> str:
        run = ask_send(run=self.row, now=timezone.now(), by=by)
        transaction.on_commit(lambda: nudge(mail_runs))
        return f"The invoices of {run} are sent as their documents are kept."


class CancelForm(QuestionForm):
    explanation = "Gives the run up before it has billed anybody. Its preview stays on record."

    def carry_out(self, *, by: str) -> str:  # noqa: ARG002 - the audit knows who
        return f"The run of {cancel_run(run=self.row, now=timezone.now())} is canceled."


class RetryForm(QuestionForm):
    explanation = (
        "Works out again what is parked: into this preview, or, after issue, into a further run of what was left out."
    )

    def carry_out(self, *, by: str) -> str:
        if self.row.status == RunStatus.ISSUED:
            self.row = follow_up(run=self.row, now=timezone.now(), by=by)
            return _previewed(self.row)
        again = retry_parked(run=self.row)
        out = self.row.entries.parked().count()
        return f"{counted(len(again), 'contract was', 'contracts were')} tried again; {out} still parked."


class HoldForm(QuestionForm):
    explanation = "Leaves this contract out of the run, and of later ones of its month, until it is released."
    reason = forms.CharField(max_length=500, widget=forms.Textarea, help_text="Whoever looks at the run next reads it.")

    def carry_out(self, *, by: str) -> str:
        entry = hold_entry(entry=self.row, reason=self.cleaned_data["reason"], now=timezone.now(), by=by)
        return f"{entry.contract} of {entry.contract.partner} is held."


class ReleaseForm(QuestionForm):
    explanation = "Works the month out anew, with what was counted meanwhile, and puts it back into the run."

    def carry_out(self, *, by: str) -> str:
        entry = release_entry(entry=self.row, now=timezone.now(), by=by)
        return f"{entry.contract} of {entry.contract.partner} is {entry.get_state_display().lower()}."


def _previewed(run: BillingRun) -> str:
    out = run.entries.parked().count()
    return f"{counted(run.entries.count(), 'contract is', 'contracts are')} previewed for {run}, {out} parked."


def _credits_text(given_back: dict[str, int]) -> str:
    """Say what credit notes for late usage take back beside the invoices."""
    if not given_back:
        return ""
    return f" Credit notes for late usage give back {amounts_text(given_back)} before tax."


def _zone() -> Any:
    return zone_named(timezone.get_default_timezone_name(), of="BILLING_TIME_ZONE")


def _month_before_this() -> str:
    today = timezone.localdate()
    return Period.month(today.year, today.month, _zone()).previous_month().label()
