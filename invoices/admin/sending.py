"""Owns the buttons that send papers, the filter of what was sent, and what a page shows of its deliveries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import Panel, QuestionForm, asking, badge, confirmed, link_to, may_see
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import day_text
from billing_site.kit.nudging import nudge
from invoices.enums import Channel, DeliveryState, Origin
from invoices.models import CreditNote, Delivery, Invoice
from invoices.services import NoAddress, mark_sent, queue_credit_note, queue_invoice, resend
from invoices.services.sending import Paper, SentAlready, address_of, latest_delivery
from invoices.tasks import render_documents, send_deliveries

PERMISSION = "invoices.send_invoice"
_TONES = {
    "queued": "info",
    "sending": "info",
    "sent": "success",
    "marked": "success",
    "failed": "danger",
    "unknown": "warning",
}
_SEND = "Each goes by e-mail to its customer, with its PDF, in the customer's language. Nothing is sent twice."
_UNKNOWN = (
    "Whether the mail arrived is unknown. Ask the customer, or look for its message id in the log of the mail server; "
    "then press Resend if it did not. Nothing is resent by itself."
)


def call_workers() -> None:
    """Have what was queued drawn and sent now; the schedule would do it within minutes."""
    nudge(render_documents)
    nudge(send_deliveries)


def moment(instant: dt.datetime | None) -> str:
    return f"{day_text(instant)}, {timezone.localtime(instant):%H:%M}" if instant else EMPTY


def state_badge(state: str | None) -> Any:
    return badge(DeliveryState(state).label, _TONES[DeliveryState(state)]) if state else EMPTY


def sent(paper: Any) -> Any:
    """Show how far a paper has come on its way to the customer; Stripe sends its own."""
    if paper.origin == Origin.STRIPE:
        return badge("By Stripe")
    state = paper.delivery_state
    if state == DeliveryState.MARKED:
        return badge("Marked", _TONES[state])
    return state_badge(state) if state or not is_sendable(paper) else badge("Not sent")


sent.short_description = "Sent"  # type: ignore[attr-defined]


def outcome(delivery: Any) -> str:
    """Say in one sentence what became of a delivery, or what it waits for."""
    match delivery.state:
        case DeliveryState.QUEUED if delivery.attempts:
            return f"{delivery.error} Tried again on {moment(delivery.next_attempt_at)}."
        case DeliveryState.QUEUED:
            return "Waits for a worker." if delivery.has_document else "Waits for its PDF."
        case DeliveryState.SENDING:
            return f"With the mail server since {moment(delivery.claimed_at)}."
        case DeliveryState.SENT:
            return f"Taken on {moment(delivery.sent_at)}."
        case DeliveryState.MARKED:
            return f"{delivery.get_channel_display()}: {delivery.reason}"
        case _:
            return delivery.error


# --- Buttons -----------------------------------------------------------------------------------------------------


def is_sendable(paper: Paper) -> bool:
    return paper.origin == Origin.NATIVE and paper.status not in {"draft", "void"}


def is_not_sent(paper: Any) -> bool:
    return is_sendable(paper) and paper.delivery_state is None


def is_settled(paper: Any) -> bool:
    """Tell whether something went out, or failed, so that it may go out again."""
    return is_sendable(paper) and paper.delivery_state not in {None, DeliveryState.QUEUED, DeliveryState.SENDING}


def is_not_under_way(paper: Any) -> bool:
    return is_not_sent(paper) or is_settled(paper)


class MarkSentForm(QuestionForm):
    explanation = "For what left the house another way. It no longer counts as not sent."
    channel = forms.ChoiceField(
        label="How", choices=[choice for choice in Channel.choices if choice[0] != Channel.EMAIL]
    )
    reason = forms.CharField(
        label="What happened", max_length=500, help_text="Such as: registered letter RR 123, 3 November."
    )

    def carry_out(self, *, by: str) -> str:
        how = Channel(self.cleaned_data["channel"])
        mark_sent(paper=self.row, channel=how, reason=self.cleaned_data["reason"], by=by, now=timezone.now())
        return f"{self.row} is marked as sent: {how.label.lower()}."


class ResendForm(QuestionForm):
    """Repeats the delivery the page showed, so that a second click finds it repeated already."""

    explanation = "The same document goes out once more."
    recipient = forms.EmailField(label="To")
    reason = forms.CharField(max_length=500, help_text="Kept with the delivery, such as: the address was wrong.")

    def __init__(self, *args: Any, row: Any, **options: Any) -> None:
        super().__init__(*args, row=row, **options)
        latest = latest_delivery(row)
        self.fields["recipient"].initial = _address_if_any(row)
        self.fields["follows"] = forms.ModelChoiceField(
            row.deliveries.all(), initial=latest, widget=forms.HiddenInput, required=False
        )

    def carry_out(self, *, by: str) -> str:
        before = self.cleaned_data["follows"]
        if before is None:
            raise SentAlready(f"{self.row} was never sent; use Send.")
        made = resend(
            delivery=before,
            reason=self.cleaned_data["reason"],
            by=by,
            now=timezone.now(),
            recipient=self.cleaned_data["recipient"],
        )
        transaction.on_commit(call_workers)
        return f"{self.row} is on its way to {made.recipient} again."


def _queue_note(*, creditnote: CreditNote, by: str, now: dt.datetime) -> Delivery:
    return queue_credit_note(credit_note=creditnote, by=by, now=now)


def _address_if_any(paper: Paper) -> str:
    try:
        return address_of(paper)
    except NoAddress:
        return ""


def _sending(queue: Any) -> Any:
    return confirmed(
        "Send",
        do=queue,
        permission=PERMISSION,
        reason="none",
        explanation=_SEND,
        done="On its way",
        then=call_workers,
    )


send_invoice, send_note = _sending(queue_invoice), _sending(_queue_note)
resend_delivery = confirmed(
    "Resend",
    do=resend,
    permission=PERMISSION,
    explanation="Each goes out once more, to the address its customer has today.",
    done="On its way again",
    then=call_workers,
)
mark_sent_button = asking("Mark sent", form=MarkSentForm, permission=PERMISSION, icon="mark_email_read")
resend_button = asking("Resend", form=ResendForm, permission=PERMISSION, icon="forward_to_inbox")
OFFERED_WHEN = {"send": is_not_sent, "mark_sent": is_not_under_way, "resend": is_settled}


# --- Lists and panels --------------------------------------------------------------------------------------------


class SentFilter(admin.SimpleListFilter):
    """Asks for papers by what became of their latest delivery."""

    title = "sent"
    parameter_name = "sent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("no", "Not sent"), *DeliveryState.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> models.QuerySet[Any]:  # noqa: ARG002
        asked = self.value()
        if asked == "no":
            return queryset.not_sent()
        return queryset.in_delivery(asked) if asked in DeliveryState.values else queryset


@register(Invoice)
@register(CreditNote)
def deliveries(paper: Paper, request: HttpRequest) -> Iterator[Panel]:
    """How a paper of ours went to its customer, the latest first."""
    if not is_sendable(paper) or not may_see(request, Delivery):
        return
    found = list(paper.deliveries.with_document().order_by("-requested_at"))
    rows = [
        (
            link_to(delivery, moment(delivery.requested_at)),
            delivery.recipient or delivery.get_channel_display(),
            state_badge(delivery.state),
            outcome(delivery),
            delivery.requested_by,
        )
        for delivery in found
    ]
    is_unknown = bool(found) and found[0].state == DeliveryState.UNKNOWN
    yield Panel(
        "Deliveries",
        ("When", "To", "State", "What happened", "By"),
        rows,
        none="Not sent yet.",
        note=_UNKNOWN if is_unknown else "",
        is_wide=True,
    )
