"""The log of what goes to customers: what is to be sent, which worker took it, what became of it. Nothing here sends.

A mail goes out at most once. A worker's claim is committed before the mail server hears of it; when no word follows,
whether it went is unknown, and a person decides.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from billing_site.kit.errors import Refused
from invoices.enums import Channel, CreditNoteStatus, DeliveryState, InvoiceStatus, Origin
from invoices.models import CreditNote, Customer, Delivery, Invoice

Paper = Invoice | CreditNote
WAITS = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))  # after a failed attempt
PATIENCE = dt.timedelta(minutes=15)  # far longer than any mail server is waited for
UNKNOWN = "The worker that sent this was interrupted: the mail may have gone out, or not."

_UNDER_WAY = (DeliveryState.QUEUED, DeliveryState.SENDING)


class NotSendable(Refused):
    """What we issued, and did not void, can be sent."""


class NoAddress(Refused):
    """A customer needs an e-mail address before anything is sent there."""


class SentAlready(Refused):
    """What was sent once is sent again only by somebody who says why."""


class OnItsWay(Refused):
    """What is on its way arrives or fails before it is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it is handed over, kept with its delivery; the PDF by its sha256."""

    subject: str
    body_text: str
    body_html: str
    message_id: str
    document_sha256: str


@transaction.atomic
def queue_invoice(*, invoice: Invoice, by: str, now: dt.datetime) -> Delivery:
    """Have an invoice sent to its customer once its PDF is kept. Raises NotSendable, NoAddress, SentAlready."""
    return _first(Invoice.objects.select_for_update().get(pk=invoice.pk), by=by, now=now)


@transaction.atomic
def queue_credit_note(*, credit_note: CreditNote, by: str, now: dt.datetime) -> Delivery:
    """Do the same for a credit note."""
    return _first(CreditNote.objects.select_for_update().get(pk=credit_note.pk), by=by, now=now)


@transaction.atomic
def resend(*, delivery: Delivery, reason: str, by: str, now: dt.datetime, recipient: str = "") -> Delivery:
    """Send a paper again, after `delivery`, which is repeated once at most. Raises as `queue_invoice`, and OnItsWay."""
    before = Delivery.objects.select_for_update().get(pk=delivery.pk)
    _refuse_under_way(before)
    if Delivery.objects.filter(follows=before).exists():
        raise SentAlready(f"{before.paper} was sent again already; look at its latest delivery.")
    _refuse_unsendable(before.paper)
    if recipient and not _is_address(recipient):
        raise NoAddress(f"{recipient!r} is no e-mail address; write one such as name@example.com.")
    address = recipient or address_of(before.paper)
    return _queued(before.paper, recipient=address, by=by, now=now, follows=before, reason=reason)


@transaction.atomic
def mark_sent(*, paper: Paper, channel: Channel, reason: str, by: str, now: dt.datetime) -> Delivery:
    """Note that a paper went out another way, such as by post. Raises NotSendable, OnItsWay, SentAlready."""
    paper = type(paper).objects.select_for_update().get(pk=paper.pk)
    _refuse_unsendable(paper)
    before = latest_delivery(paper)
    if before:
        _refuse_under_way(before)
        if (before.state, before.channel, before.reason) == (DeliveryState.MARKED, channel, reason):
            raise SentAlready(f"{paper} is marked so already.")
    return Delivery.objects.create(
        **_of(paper), follows=before, channel=channel, state=DeliveryState.MARKED, reason=reason,
        requested_by=by, requested_at=now, sent_at=now,
    )  # fmt: skip


# --- What the sweep notes ----------------------------------------------------------------------------------------


@transaction.atomic
def claim_delivery(*, delivery: Delivery, mail: Mail, now: dt.datetime) -> bool:
    """Take a delivery with the mail that will be handed over; False when another worker has it."""
    due = Delivery.objects.waiting().filter(pk=delivery.pk, next_attempt_at__lte=now)
    return bool(
        due.update(
            state=DeliveryState.SENDING, claimed_at=now, attempts=F("attempts") + 1, next_attempt_at=None, error="",
            **asdict(mail),
        )
    )  # fmt: skip


@transaction.atomic
def record_sent(*, delivery: Delivery, now: dt.datetime) -> bool:
    """Note that the mail server took it, even where we had given up waiting for the word."""
    return bool(
        Delivery.objects.handed_over().filter(pk=delivery.pk).update(state=DeliveryState.SENT, sent_at=now, error="")
    )


@transaction.atomic
def record_unknown(*, delivery: Delivery, error: str) -> bool:
    """Note that the mail server fell silent after it was given the mail."""
    handed_over = Delivery.objects.handed_over().filter(pk=delivery.pk)
    return bool(handed_over.update(state=DeliveryState.UNKNOWN, error=error))


@transaction.atomic
def record_failure(*, delivery: Delivery, error: str, is_final: bool, now: dt.datetime) -> Delivery:
    """Note why it did not go out; it is tried again later, unless trying is pointless or was tried often enough."""
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if row.state not in _UNDER_WAY:
        return row
    row.attempts += row.state == DeliveryState.QUEUED  # a claim has counted its attempt
    is_over = is_final or row.attempts > len(WAITS)
    row.state = DeliveryState.FAILED if is_over else DeliveryState.QUEUED
    row.next_attempt_at = None if is_over else now + WAITS[row.attempts - 1]
    row.error = f"Given up after {row.attempts} attempts. {error}" if is_over and not is_final else error
    row.save(update_fields=["state", "attempts", "next_attempt_at", "error"])
    return row


@transaction.atomic
def note_silence(*, now: dt.datetime) -> int:
    """Say of claims whose worker was never heard of again that nobody knows; nothing is sent by that."""
    return Delivery.objects.without_word(since=now - PATIENCE).update(state=DeliveryState.UNKNOWN, error=UNKNOWN)


@transaction.atomic
def withdraw_void(*, now: dt.datetime) -> int:
    """Let nothing go out that was voided while it waited."""
    void = list(Delivery.objects.of_void_papers())
    for delivery in void:
        record_failure(delivery=delivery, error="It was voided before it was sent.", is_final=True, now=now)
    return len(void)


# --- What they share ---------------------------------------------------------------------------------------------


def latest_delivery(paper: Paper) -> Delivery | None:
    """Return the delivery that none follows yet."""
    return paper.deliveries.filter(followed_by=None).first()


def customer_of(paper: Paper) -> Customer:
    return paper.customer if isinstance(paper, Invoice) else paper.invoice.customer


def address_of(paper: Paper) -> str:
    """Return where a paper goes: the customer's address of today, else the one on the paper. Raises NoAddress."""
    customer = customer_of(paper)
    invoice = paper if isinstance(paper, Invoice) else paper.invoice
    for address in (customer.email, invoice.bill_to.get("email") or ""):
        if _is_address(address):
            return address
    where = f"/admin/invoices/customer/{customer.pk}/change/"
    raise NoAddress(f"{customer} has no valid e-mail address. Correct it on {where}, then send {paper}.")


def _first(paper: Paper, *, by: str, now: dt.datetime) -> Delivery:
    _refuse_unsendable(paper)
    before = latest_delivery(paper)
    if before:
        _refuse_under_way(before)
        state = before.get_state_display().lower()
        raise SentAlready(f"{paper} has a delivery already ({state}). To send it once more, use Resend.")
    return _queued(paper, recipient=address_of(paper), by=by, now=now)


def _queued(paper: Paper, **fields: Any) -> Delivery:
    by, now = fields.pop("by"), fields.pop("now")
    return Delivery.objects.create(**_of(paper), requested_by=by, requested_at=now, next_attempt_at=now, **fields)


def _of(paper: Paper) -> dict[str, Paper]:
    return {"invoice": paper} if isinstance(paper, Invoice) else {"credit_note": paper}


def _refuse_unsendable(paper: Paper) -> None:
    if paper.origin != Origin.NATIVE:
        raise NotSendable(f"{paper} is Stripe's; Stripe sends its own documents.")
    if paper.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID, CreditNoteStatus.VOID):
        advice = "issue it first" if paper.status == InvoiceStatus.DRAFT else "it asks for nothing any more"
        raise NotSendable(f"{paper} is {paper.get_status_display().lower()} and cannot be sent: {advice}.")


def _refuse_under_way(delivery: Delivery) -> None:
    if delivery.state in _UNDER_WAY:
        raise OnItsWay(f"{delivery.paper} is on its way to {delivery.recipient} already; wait for the outcome.")


def _is_address(address: str) -> bool:
    """Tell a plain address from nothing, and from one that would smuggle a line into the mail."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True
